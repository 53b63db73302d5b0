"""Pulling from a registry that is honest, if not always in good health."""

from __future__ import annotations

import gzip
import os
import threading
import time
from pathlib import Path

import pytest
from tests.image.archives import tar_of
from tests.registry.conftest import kept, open_store
from tests.registry.lying import OCI_INDEX, Handler, LyingRegistry

from skerry.engine.engine import Engine
from skerry.engine.images.transfer import Limits, Transfer, platform_of
from skerry.errors import SkerryError

# Patient: on a busy machine an honest answer may take seconds. Silence is what is tested with IMPATIENT only.
FAST = Transfer(tls_verify=False, limits=Limits(retries=3, delay_s=0.01, silence_s=20))
IMPATIENT = Transfer(tls_verify=False, limits=Limits(retries=3, delay_s=0.01, silence_s=1.0))


def layer(name: str, size: int = 0) -> tuple[bytes, bytes]:
    """A layer as tar and as it is sent; ``size`` bytes that cannot be compressed."""
    tar = tar_of({name: os.urandom(size) or name.encode()})
    return tar, gzip.compress(tar, 1, mtime=0)


def test_an_image_keeps_the_digest_of_its_manifest(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"), layer("b"))
    record = engine.images.pull(f"{liar.host}/x", transfer=FAST)
    assert engine.images.resolve(f"{liar.host}/x:latest")["id"] == record["id"]
    assert record["digest"] in liar.manifests
    assert kept(engine) == []


def test_what_is_here_is_not_fetched_again(engine: Engine, liar: LyingRegistry) -> None:
    base = layer("base")
    liar.add_image(base, layer("a"), tag="a")
    liar.add_image(base, layer("b"), tag="b")
    engine.images.pull(f"{liar.host}/x:a", transfer=FAST)
    liar.seen.clear()
    engine.images.pull(f"{liar.host}/x:a", transfer=FAST)
    assert liar.requests("GET", "/blobs/") == []
    engine.images.pull(f"{liar.host}/x:b", transfer=FAST)
    assert len(liar.requests("GET", "/blobs/")) == 2  # its config and its own layer


def test_a_layer_on_another_base_comes_from_the_blob_that_is_here(engine: Engine, liar: LyingRegistry) -> None:
    top = layer("top")
    liar.add_image(layer("a"), top, tag="a")
    liar.add_image(layer("b"), top, tag="b")
    engine.images.pull(f"{liar.host}/x:a", transfer=FAST)
    liar.seen.clear()
    engine.images.pull(f"{liar.host}/x:b", transfer=FAST)
    assert len(liar.requests("GET", "/blobs/")) == 2


def test_a_layer_that_an_image_has_twice_is_fetched_once(engine: Engine, liar: LyingRegistry) -> None:
    same = layer("same")
    liar.add_image(same, same, same)
    engine.images.pull(f"{liar.host}/x", transfer=FAST)
    assert len(liar.requests("GET", "/blobs/")) == 2
    engine.images.remove([f"{liar.host}/x"])


def test_an_altered_blob_here_is_replaced(engine: Engine, liar: LyingRegistry) -> None:
    top = layer("top")
    liar.add_image(layer("a"), top, tag="a")
    manifest = liar.add_image(layer("b"), top, tag="b")
    engine.images.pull(f"{liar.host}/x:a", transfer=FAST)
    path = engine.store.path("blobs/sha256", manifest["layers"][1]["digest"][7:])
    Path(path).write_bytes(b"altered")
    engine.images.pull(f"{liar.host}/x:b", transfer=FAST)
    assert Path(path).read_bytes() == top[1]


@pytest.mark.parametrize("end", ["uncompressed", "zstd"])
def test_layers_come_in_all_compressions(end: str, engine: Engine, liar: LyingRegistry) -> None:
    import zstandard

    tar = tar_of({"a": b"a" * 5000})
    sent = tar if end == "uncompressed" else zstandard.compress(tar)
    liar.add_image((tar, sent))
    record = engine.images.pull(f"{liar.host}/x", transfer=FAST)
    stored = engine.store.path("layers", record["layers"][0][7:], "diff/a")
    assert Path(stored).read_bytes() == b"a" * 5000


def test_the_platform_is_chosen_from_an_index(engine: Engine, liar: LyingRegistry) -> None:
    entries = []
    for arch, variant in (("arm", "v6"), ("arm", "v7"), ("amd64", ""), ("arm64", "v8")):
        manifest = liar.add_image(layer(arch + variant), config={"architecture": arch, "variant": variant})
        digest = liar.add_manifest(manifest)
        platform = {"os": "linux", "architecture": arch, **({"variant": variant} if variant else {})}
        size = len(liar.manifests[digest][1])
        entries.append({"mediaType": manifest["mediaType"], "digest": digest, "size": size, "platform": platform})
    liar.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, "many", OCI_INDEX)
    for wanted, entry in (("linux/arm/v7", 1), ("linux/arm/v6", 0), ("linux/arm64", 3), ("linux/amd64", 2),
                          ("linux/amd64/v2", 2), ("linux/arm/v8", 1)):  # fmt: skip
        record = engine.images.pull(f"{liar.host}/x:many", platform=platform_of(wanted), transfer=FAST)
        assert record["digest"] == entries[entry]["digest"]
    with pytest.raises(SkerryError, match='no image found in image index for architecture "s390x"'):
        engine.images.pull(f"{liar.host}/x:many", platform=platform_of("linux/s390x"), transfer=FAST)


def test_a_name_with_a_digest_is_held_to_it(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    digest = next(name for name in liar.manifests if name.startswith("sha256:"))
    engine.images.pull(f"{liar.host}/x:latest@{digest}", transfer=FAST)
    assert engine.images.resolve(f"{liar.host}/x@{digest}")["digest"] == digest
    wrong = "sha256:" + "0" * 64
    liar.manifests[wrong] = liar.manifests[digest]
    with pytest.raises(SkerryError, match="has the digest"):
        engine.images.pull(f"{liar.host}/x@{wrong}", transfer=FAST)


def test_policies(engine: Engine, liar: LyingRegistry) -> None:
    name = f"{liar.host}/x"
    with pytest.raises(SkerryError, match="image not known"):
        engine.images.pull(name, policy="never", transfer=FAST)
    liar.add_image(layer("old"))
    old = engine.images.pull(name, policy="missing", transfer=FAST)
    liar.add_image(layer("new"))
    assert engine.images.pull(name, policy="missing", transfer=FAST)["id"] == old["id"]
    new = engine.images.pull(name, policy="newer", transfer=FAST)
    assert new["id"] != old["id"]
    liar.lie = lambda handler: handler.answer(500)
    assert engine.images.pull(name, policy="newer", transfer=FAST)["id"] == new["id"]
    engine.images.remove([old["id"]])


# Failures that end


def once(answer: object, part: str = "/blobs/") -> object:
    """A lie that is told to the first request for ``part`` only."""
    told: list[str] = []

    def lie(handler: Handler) -> bool:
        if part not in handler.path or told:
            return False
        told.append(handler.path)
        return bool(answer(handler))  # type: ignore[operator]

    return lie


def half(handler: Handler) -> bool:
    """The first half of a blob, then the end of the connection."""
    data = handler.registry.blobs[handler.path.rpartition("/")[2]]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2])
    handler.wfile.flush()
    return handler.cut()


def silent(handler: Handler) -> bool:
    data = handler.registry.blobs[handler.path.rpartition("/")[2]]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[:100])
    handler.wfile.flush()
    time.sleep(1.5)
    return handler.cut()


RECOVERABLE = {
    "a 500": lambda h: h.answer(500),
    "a 503 that asks for a second": lambda h: h.answer(503, Retry_After="1"),
    "a 429": lambda h: h.answer(429, b"{}", Retry_After="0"),
    "a cut connection": lambda h: h.cut(),
    "a body that is cut": half,
    "a body that stalls": silent,
}


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
@pytest.mark.parametrize("case", RECOVERABLE)
def test_one_failure_among_good_answers_ends_nothing(case: str, part: str, engine: Engine, liar: LyingRegistry) -> None:
    if part == "/manifests/" and case.startswith("a body"):
        pytest.skip("blobs only")
    liar.add_image(layer("a", 5000), layer("b"))
    liar.lie = once(RECOVERABLE[case], part)  # type: ignore[assignment]
    engine.images.pull(f"{liar.host}/x", transfer=IMPATIENT if RECOVERABLE[case] is silent else FAST)


def test_a_cut_blob_goes_on_where_it_was_cut(engine: Engine, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a", 3 << 20))
    digest = manifest["layers"][0]["digest"]
    liar.lie = once(half, digest)  # type: ignore[assignment]
    engine.images.pull(f"{liar.host}/x", transfer=FAST)
    (_, again) = liar.requests("GET", digest)
    assert again[2]["Range"] == f"bytes={manifest['layers'][0]['size'] // 2}-"


def test_a_pull_that_failed_goes_on_by_another_command(engine: Engine, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a", 3 << 20), layer("b"))
    digest = manifest["layers"][0]["digest"]
    state = {"cut": True}

    def lie(handler: Handler) -> bool:
        if digest not in handler.path or not state["cut"]:
            return False
        return half(handler) if "Range" not in handler.headers else handler.answer(500)

    liar.lie = lie
    with pytest.raises(SkerryError, match="status 500"):
        engine.images.pull(f"{liar.host}/x", transfer=FAST)
    assert digest[7:] in kept(engine)
    state["cut"] = False
    liar.seen.clear()
    engine.images.pull(f"{liar.host}/x", transfer=FAST)
    (request,) = liar.requests("GET", digest)
    assert request[2]["Range"] == f"bytes={manifest['layers'][0]['size'] // 2}-"
    assert kept(engine) == []


def test_a_server_without_ranges_sends_all_again(engine: Engine, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a", 3 << 20))
    digest = manifest["layers"][0]["digest"]
    first = once(half, digest)
    liar.lie = lambda h: first(h) or ("Range" in h.headers and h.answer(200, liar.blobs[digest]))  # type: ignore[operator]
    engine.images.pull(f"{liar.host}/x", transfer=FAST)


def test_a_damaged_beginning_is_fetched_again(engine: Engine, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a", 1 << 20))
    folder = Path(engine.store.path("partial"))
    folder.mkdir(parents=True)
    (folder / manifest["layers"][0]["digest"][7:]).write_bytes(b"\0" * 5000)
    engine.images.pull(f"{liar.host}/x", transfer=FAST)
    assert kept(engine) == []


def test_what_is_kept_has_a_bound(engine: Engine) -> None:
    from skerry.store.partial import sweep

    folder = Path(engine.store.path("partial"))
    engine.store.db  # noqa: B018
    folder.mkdir()
    for number in range(4):
        path = folder / (str(number) * 64)
        path.write_bytes(b"x" * 10_000)
        os.utime(path, (1e9 + number, 1e9 + number) if number == 0 else None)
    assert sweep(engine.store, max_bytes=1 << 30) > 0  # the old one
    assert kept(engine) == [str(number) * 64 for number in (1, 2, 3)]
    sweep(engine.store, max_bytes=25_000)
    assert len(kept(engine)) == 2


def test_two_that_pull_the_same_do_the_work_once(tmp_path: Path, engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(*(layer(name, 200_000) for name in "abcdef"), tag="one")
    barrier, errors = threading.Barrier(4), []

    def work() -> None:
        mine = open_store(tmp_path)
        barrier.wait()
        try:
            mine.images.pull(f"{liar.host}/x:one", transfer=FAST)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    engine.store.db  # noqa: B018
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    layers = [path for method, path, _ in liar.seen if method == "GET" and "/blobs/" in path]
    assert len(layers) - 6 <= 4  # six layers once; each may have fetched the config
    assert kept(engine) == []
