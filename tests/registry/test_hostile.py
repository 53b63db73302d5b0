"""Registries that lie: one clear line, soon, and nothing left but what can be gone on with."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
import zstandard
from tests.image.archives import tar_of
from tests.registry.conftest import kept
from tests.registry.lying import OCI_INDEX, Handler, LyingRegistry, digest_of
from tests.registry.test_pull import half, layer

from skerry.engine.engine import Engine
from skerry.engine.images.push import Push
from skerry.engine.images.transfer import Limits, Transfer
from skerry.errors import SkerryError

# Patient: on a busy machine an honest answer may take seconds. Silence is what is tested with IMPATIENT only.
QUICK = Transfer(tls_verify=False, limits=Limits(retries=1, delay_s=0.01, silence_s=20))
IMPATIENT = Transfer(tls_verify=False, limits=Limits(retries=1, delay_s=0.01, silence_s=0.5))


def refused(engine: Engine, name: str, words: str, transfer: Transfer = QUICK) -> str:
    start = time.monotonic()
    with pytest.raises(SkerryError, match=words) as caught:
        engine.images.pull(name, transfer=transfer)
    assert time.monotonic() - start < 15
    assert "\n" not in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000
    assert engine.images.list(all=True) == []
    return caught.value.message


def on(part: str, answer: Any) -> Any:
    return lambda handler: part in handler.path and answer(handler)


def endless(handler: Handler) -> bool:
    """A body that never ends, of a length that nobody was told."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + b"a" * 65536 + b"\r\n")


def no_end_of_interim(handler: Handler) -> bool:
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def dead(handler: Handler) -> bool:
    time.sleep(2)
    return handler.cut()


def with_blob(registry: LyingRegistry, change: Any) -> Any:
    """The layer's blob is not what it should be."""

    def answer(handler: Handler) -> bool:
        data = registry.blobs[handler.path.rpartition("/")[2]]
        return len(data) > 1000 and handler.answer(200, change(data))

    return on("/blobs/", answer)


BLOBS = {
    "another content": (lambda data: bytes(len(data)), "digest|gzip|damaged|archive"),
    "a byte changed": (lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "digest|damaged|gzip"),
    "too short": (lambda data: data[:-1], "bytes, not"),
    "too long": (lambda data: data + b"x", "bytes, not"),
    "nothing": (lambda _: b"", "bytes, not"),
}


@pytest.mark.parametrize("case", BLOBS)
def test_a_layer_that_is_not_what_its_digest_says(case: str, engine: Engine, liar: LyingRegistry) -> None:
    change, words = BLOBS[case]
    liar.add_image(layer("a", 5000))
    liar.lie = with_blob(liar, change)
    refused(engine, f"{liar.host}/x", words)
    assert kept(engine) == []


def test_a_config_that_is_not_what_its_digest_says(engine: Engine, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a"))
    digest = manifest["config"]["digest"]
    liar.blobs[digest] = b"{" + b" " * (manifest["config"]["size"] - 2) + b"}"
    refused(engine, f"{liar.host}/x", "config has the digest")


ANSWERS = {
    "an endless manifest": ("/manifests/", endless, "more than|silent|cut"),
    "an endless blob": ("/blobs/", endless, "more than|digest|bytes|gzip|cut|JSON"),
    "a manifest that never comes": ("/manifests/", dead, "silent|timeout"),
    "a blob that never comes": ("/blobs/", dead, "silent|timeout"),
    "no end of 100 Continue": ("/manifests/", no_end_of_interim, "answer"),
    "garbage": ("/manifests/", lambda h: h.answer(200, b"\x00\xff<html>"), "JSON"),
    "no HTTP": ("/manifests/", lambda h: h.wfile.write(b"SSH-2.0-x\r\n\r\n") and h.cut(), "HTTP|cut"),
    "a deep document": ("/manifests/", lambda h: h.answer(200, b"[" * 1_000_000), "JSON|nested"),
    "a deep object": ("/manifests/", lambda h: h.answer(200, b'{"a":' * 500_000), "JSON|nested"),
    "100 MB of JSON": ("/manifests/", lambda h: h.answer(200, b'"' + b"a" * (100 << 20) + b'"'), "more than"),
    "a long number": ("/manifests/", lambda h: h.answer(200, b"9" * 100_000), "JSON"),
    "escapes in an error": ("/manifests/", lambda h: h.answer(
        400, b'{"errors":[{"code":"X","message":"\\u001b[31mred\\nline"}]}'), "x: "),
    "a long error": ("/manifests/", lambda h: h.answer(
        404, json.dumps({"errors": [{"code": "A", "message": "m" * 60_000}]}).encode()), "a: mmm"),
    "an endless error": ("/manifests/", lambda h: h.answer(404, b"x" * (8 << 20)), "more than|manifest unknown"),
    "a redirect to itself": ("/blobs/", lambda h: h.answer(307, Location=h.path), "circles"),
    "a redirect to a file": ("/blobs/", lambda h: h.answer(307, Location="file:///etc/passwd"), "no web address"),
    "a redirect to nowhere": ("/blobs/", lambda h: h.answer(307, Location="http://[::bad"), "no web address"),
    "a redirect with a password": ("/blobs/", lambda h: h.answer(302, Location="http://a:b@127.0.0.1/"), "password"),
    "always 429": ("/manifests/", lambda h: h.answer(429, Retry_After="0"), "toomanyrequests"),
    "429 until tomorrow": ("/manifests/", lambda h: h.answer(429, Retry_After="86400"), "86400 seconds"),
    "always 500": ("/manifests/", lambda h: h.answer(500), "status 500"),
    "401 without a challenge": ("/manifests/", lambda h: h.answer(401), "authentication required"),
    "401 with Basic": ("/manifests/", lambda h: h.answer(401, WWW_Authenticate="Basic realm=x"), "authentication required"),
    "401 with nonsense": ("/manifests/", lambda h: h.answer(401, WWW_Authenticate='="=,,"' * 500), "authentication"),
    "401 with a realm in a file": ("/manifests/", lambda h: h.answer(
        401, WWW_Authenticate='Bearer realm="file:///etc/passwd"'), "realm"),
    "another part than asked for": ("/blobs/", lambda h: h.answer(206, b"x", Content_Range="bytes 5-5/6"), "another part"),
    "a negative length": ("/manifests/", lambda h: h.answer(200, b"{}", Content_Length="-5"), "."),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_makes_no_sense(case: str, engine: Engine, liar: LyingRegistry) -> None:
    part, answer, words = ANSWERS[case]
    liar.add_image(layer("a", 5000))
    liar.lie = on(part, answer)
    refused(engine, f"{liar.host}/x", words, IMPATIENT if answer is dead or "negative" in case else QUICK)


def test_401_in_circles_ends(engine: Engine, liar: LyingRegistry) -> None:
    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return handler.answer(200, b'{"token":"t"}')
        return handler.answer(401, WWW_Authenticate=f'Bearer realm="{liar.url}/token",service="s"')

    liar.lie = lie
    refused(engine, f"{liar.host}/x", "authentication required")
    assert len(liar.requests("GET", "/token")) <= 2
    assert len(liar.seen) < 10


TOKENS = {
    "garbage": b"<html>", "a list": b"[]", "a number": b'{"token":1}', "none": b"{}", "a line": b'{"token":"a\\nb"}',
    "a deep one": b"[" * 100_000, "a huge one": b'{"token":"' + b"a" * (2 << 20) + b'"}',
}  # fmt: skip


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_that_is_none(case: str, engine: Engine, liar: LyingRegistry) -> None:
    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return handler.answer(200, TOKENS[case])
        return "/v2/x" in handler.path and handler.answer(401, WWW_Authenticate=f'Bearer realm="{liar.url}/token"')

    liar.lie = lie
    refused(engine, f"{liar.host}/x", "token server's answer")


def _manifest(**change: Any) -> Any:
    def make(liar: LyingRegistry) -> None:
        liar.add_image(layer("a", 5000), **change)

    return make


def _layers(**change: Any) -> Any:
    def make(liar: LyingRegistry) -> None:
        manifest = liar.add_image(layer("a", 5000))
        manifest["layers"][0].update(change)
        liar.add_manifest(manifest, "latest")

    return make


def _config(**config: Any) -> Any:
    def make(liar: LyingRegistry) -> None:
        liar.add_image(layer("a", 5000), config=config)

    return make


def _index(*manifests: Any, **change: Any) -> Any:
    def make(liar: LyingRegistry) -> None:
        liar.add_manifest({"schemaVersion": 2, "manifests": list(manifests), **change}, "latest", OCI_INDEX)

    return make


def _index_of_itself(liar: LyingRegistry) -> None:
    """As near as one can come: each index names another one."""
    digest, size = "sha256:" + "1" * 64, 5
    for _depth in range(8):
        entry = {"mediaType": OCI_INDEX, "digest": digest, "size": size,
                 "platform": {"os": "linux", "architecture": "amd64"}}  # fmt: skip
        data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        digest, size = liar.add_manifest(data, "latest", OCI_INDEX), len(data)


def _artifact(liar: LyingRegistry) -> None:
    manifest = liar.add_image()
    manifest["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    liar.add_manifest(manifest, "latest")


PLATFORM = {"os": "linux", "architecture": "amd64"}
DOCUMENTS = {
    "version 1": (_manifest(schemaVersion=1), "v2s1"),
    "no version": (_manifest(schemaVersion=None), "schemaVersion"),
    "another type": (_manifest(mediaType="application/x-evil"), "unknown type"),
    "a manifest that is an index too": (_manifest(manifests=[]), "neither a manifest nor an index"),
    "an artifact": (_artifact, "artifact with type"),
    "layers that are none": (_manifest(layers="many"), "malformed"),
    "too many layers": (_manifest(layers=[{}] * 5000), "malformed"),
    "no layers": (_manifest(layers=[]), "has 1 layers, its manifest 0"),
    "an unknown algorithm": (_layers(digest="md5:" + "0" * 32), "no sha256"),
    "sha512": (_layers(digest="sha512:" + "0" * 128), "no sha256"),
    "a way out in a digest": (_layers(digest="sha256:../../../../etc/passwd"), "no sha256"),
    "a digest in capitals": (_layers(digest="sha256:" + "A" * 64), "no sha256"),
    "a size that is text": (_layers(size="5"), "malformed size"),
    "a size below nothing": (_layers(size=-1), "malformed size"),
    "a size that is true": (_layers(size=True), "malformed size"),
    "a size too small": (_layers(size=10), "bytes, not"),
    "a size too large": (_layers(size=1 << 40), "bytes, not"),
    "an encrypted layer": (_layers(mediaType="application/vnd.oci.image.layer.v1.tar+gzip+encrypted"), "encrypted"),
    "another diff_id": (_config(rootfs={"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}), "content has the digest"),
    "diff_ids with a way out": (_config(rootfs={"diff_ids": ["sha256:../../x"]}), "diff_ids"),
    "no diff_ids": (_config(rootfs={}), "0 layers"),
    "an environment of numbers": (_config(config={"Env": [1]}), "Env"),
    "an index of nothing": (_index(), "no image found"),
    "an index of texts": (_index("a"), "malformed"),
    "an index of another size": (_index({"mediaType": "x", "digest": digest_of(b"{}"), "size": 2, "platform": PLATFORM}),
                                 "manifest unknown"),
    "indexes without an end": (_index_of_itself, "indexes in indexes"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_is_wrong(case: str, engine: Engine, liar: LyingRegistry) -> None:
    make, words = DOCUMENTS[case]
    make(liar)
    liar.add(b"{}")
    refused(engine, f"{liar.host}/x", words)
    assert kept(engine) == []


def test_a_promised_digest_is_held_against_the_bytes(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    _, data = liar.manifests["latest"]
    promise = {"Docker_Content_Digest": "sha256:" + "0" * 64}
    liar.lie = on("/manifests/", lambda h: h.answer(200, data, **promise))
    refused(engine, f"{liar.host}/x", "has the digest")


@pytest.mark.parametrize("name", ["x:../../etc", "x:a/../b", "../x", "x@sha256:../..", "x:a b", "x/../../y", "X", ""])
def test_names_with_a_way_out_never_leave_this_machine(name: str, engine: Engine, liar: LyingRegistry) -> None:
    refused(engine, f"{liar.host}/{name}", "invalid|registry")
    assert liar.seen == []


def test_tags_with_a_way_out_are_refused(engine: Engine, liar: LyingRegistry) -> None:
    from skerry.engine.images.pull import Pull, pull_all_tags

    for tags in (["../../etc/passwd"], ["a", 5], "a", ["a\x1b[31m"], ["a/b"]):
        liar.lie = on("/tags/list", lambda h, tags=tags: h.answer(200, json.dumps({"tags": tags}).encode()))
        with pytest.raises(SkerryError, match="tag"):
            pull_all_tags(engine, f"{liar.host}/x", Pull(transfer=QUICK))


def test_a_list_of_tags_without_an_end_ends(engine: Engine, liar: LyingRegistry) -> None:
    from skerry.engine.images.pull import Pull, pull_all_tags

    liar.lie = on("/tags/list", lambda h: h.answer(200, b'{"tags":["a"]}', Link='</v2/x/tags/list?n=1>; rel="next"'))
    with pytest.raises(SkerryError, match="no end"):
        pull_all_tags(engine, f"{liar.host}/x", Pull(transfer=QUICK))


def test_a_wrong_layer_stops_the_others(engine: Engine, liar: LyingRegistry) -> None:
    """One layer is wrong at once, the others would never end."""
    manifest = liar.add_image(layer("a", 5000), layer("b", 5000), layer("c", 5000))
    bad = manifest["layers"][2]["digest"]

    def lie(handler: Handler) -> bool:
        if bad in handler.path:
            return handler.answer(404)
        if any(item["digest"] in handler.path for item in manifest["layers"]):
            time.sleep(20)
        return False

    liar.lie = lie
    slow = Transfer(tls_verify=False, limits=Limits(retries=3, delay_s=0.01, silence_s=60))
    refused(engine, f"{liar.host}/x", "reading blob", slow)


def test_a_pull_that_ends_in_the_middle_keeps_the_layers_out_of_sight(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"), layer("b"), layer("c", 2 << 20))
    liar.lie = lambda h: ("/blobs/" in h.path and "Range" not in h.headers and len(
        liar.blobs[h.path.rpartition("/")[2]]) > 1 << 20 and half(h)) or ("Range" in h.headers and h.answer(500))  # fmt: skip
    refused(engine, f"{liar.host}/x", "status 500")
    assert engine.store.db.query("SELECT 1 FROM layers") == []
    assert kept(engine) != []


def test_a_bomb_of_gzip_in_a_config(engine: Engine, liar: LyingRegistry) -> None:
    liar.lie = on("/blobs/", lambda h: h.answer(200, gzip.compress(b" " * (50 << 20)), Content_Encoding="gzip"))
    liar.add_image((tar_of({"a": b"a"}), b"x"))
    refused(engine, f"{liar.host}/x", "bytes")


def test_types_that_lie_about_a_layer_change_nothing(engine: Engine, liar: LyingRegistry) -> None:
    """What a layer is compressed with is in its bytes; what the registry sent is pushed on as it is."""
    tar = tar_of({"etc/hello": b"hi"})
    for tag, sent in (("plain", tar), ("zstd", zstandard.compress(tar)), ("gzip", gzip.compress(tar))):
        manifest = liar.add_image((tar, sent), tag=tag)
        for media_type in ("text/html", "application/vnd.oci.image.layer.v1.tar", "x" * 200, "tar+zstd\x1b[2J"):
            manifest["layers"][0]["mediaType"] = media_type
            digest = liar.add_manifest(manifest, tag)
            record = engine.images.pull(f"{liar.host}/x:{tag}", transfer=QUICK)
            assert record["digest"] == digest
            assert engine.images.push(f"{liar.host}/x:{tag}", f"{liar.host}/y:{tag}", Push(transfer=QUICK)) == digest
            engine.images.remove([f"{liar.host}/x:{tag}"])


def test_addresses_in_a_descriptor_are_not_asked(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a", 5000))
    data = liar.blobs.pop(manifest["layers"][0]["digest"])
    other.blobs[digest_of(data)] = data
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    manifest["layers"][0].update(
        urls=[f"{other.url}/v2/x/blobs/{digest_of(data)}", "file:///etc/passwd"], mediaType=kind
    )
    liar.add_manifest(manifest, "latest")
    refused(engine, f"{liar.host}/x", "reading blob")
    assert other.seen == []


def test_two_servers_that_redirect_to_each_other(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    liar.lie = on("/blobs/", lambda h: h.answer(302, Location=f"{other.url}{h.path}"))
    other.lie = lambda h: h.answer(307, Location=f"{liar.url}{h.path}")
    refused(engine, f"{liar.host}/x", "circles")
    assert len(liar.seen) + len(other.seen) < 30
