"""Pushing to a registry that is honest, if not always in good health, and to some that are not."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.registry.conftest import kept
from tests.registry.lying import Handler, LyingRegistry, digest_of
from tests.registry.test_pull import FAST, layer

from skerry.engine.engine import Engine
from skerry.engine.images.push import Push
from skerry.errors import SkerryError

OPTIONS = Push(transfer=FAST)


@pytest.fixture
def pulled(engine: Engine, other: LyingRegistry) -> str:
    """An image that came from elsewhere, with a layer of each kind."""
    tar = tar_of({"plain": b"p" * 3000})
    other.add_image(layer("a", 3000), (tar, tar))
    engine.images.pull(f"{other.host}/from", transfer=FAST)
    return f"{other.host}/from"


@pytest.fixture
def loaded(engine: Engine, tmp_path: Path) -> str:
    """An image whose layers were never compressed."""
    archive = write(tmp_path / "a.tar", docker_members(tar_of({"a": b"a" * 9000}), tar_of({"b": b"b"}), tags=["a:1"]))
    return engine.images.load(archive)[0]


def test_an_image_as_pulled_keeps_its_bytes(
    engine: Engine, another: Engine, pulled: str, liar: LyingRegistry, other: LyingRegistry
) -> None:
    digest = engine.images.push(pulled, f"{liar.host}/to", OPTIONS)
    assert liar.manifests["latest"] == other.manifests["latest"]
    assert liar.blobs == other.blobs
    assert another.images.pull(f"{liar.host}/to", transfer=FAST)["digest"] == digest


def test_loaded_layers_are_compressed_the_same_each_time(
    engine: Engine, another: Engine, loaded: str, liar: LyingRegistry
) -> None:
    first = engine.images.push(loaded, f"{liar.host}/to", OPTIONS)
    manifest = json.loads(liar.manifests["latest"][1])
    assert all(gzip.decompress(liar.blobs[item["digest"]]) for item in manifest["layers"])
    assert engine.images.push(loaded, f"{liar.host}/to:again", OPTIONS) == first
    assert another.images.pull(f"{liar.host}/to", transfer=FAST)["id"] == engine.images.resolve(loaded)["id"]
    assert engine.system.check(repair=False).findings == []


def test_the_blob_that_was_made_is_given_back_with_the_image(engine: Engine, loaded: str, liar: LyingRegistry) -> None:
    engine.images.push(loaded, f"{liar.host}/to", OPTIONS)
    engine.images.remove([loaded])
    assert os.listdir(engine.store.path("blobs/sha256")) == []


def test_compressing_anew_leaves_what_is_stored(engine: Engine, pulled: str, liar: LyingRegistry) -> None:
    before = sorted(os.listdir(engine.store.path("blobs/sha256")))
    engine.images.push(pulled, f"{liar.host}/to", Push(compression="zstd", force=True, transfer=FAST))
    kinds = [item["mediaType"] for item in json.loads(liar.manifests["latest"][1])["layers"]]
    assert kinds == ["application/vnd.oci.image.layer.v1.tar+zstd"] * 2
    plain_layer_kept = len(os.listdir(engine.store.path("blobs/sha256"))) - len(before)
    assert plain_layer_kept <= 1


def test_what_the_registry_has_is_not_sent(engine: Engine, pulled: str, liar: LyingRegistry) -> None:
    engine.images.push(pulled, f"{liar.host}/to", OPTIONS)
    liar.seen.clear()
    engine.images.push(pulled, f"{liar.host}/to:2", OPTIONS)
    assert [method for method, _, _ in liar.seen if method in ("POST", "PUT", "PATCH")] == ["PUT"]


def once(condition: Any, answer: Any) -> Any:
    told: list[int] = []

    def lie(handler: Handler) -> bool:
        if told or not condition(handler):
            return False
        told.append(1)
        return bool(answer(handler))

    return lie


def cut_in_body(handler: Handler) -> bool:
    handler.rfile.read(100)
    return handler.cut()


FAILURES = {
    "a busy beginning": once(lambda h: h.command == "POST", lambda h: h.answer(503)),
    "a cut PUT": once(lambda h: h.command == "PUT" and "uploads" in h.path, cut_in_body),
    "a PUT that failed": once(lambda h: h.command == "PUT" and "uploads" in h.path, lambda h: h.body() and h.answer(502)),
    "a cut manifest": once(lambda h: h.command == "PUT" and "manifests" in h.path, cut_in_body),
    "a HEAD that failed": once(lambda h: h.command == "HEAD", lambda h: h.answer(500)),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_one_failure_among_good_answers_ends_nothing(
    case: str, engine: Engine, pulled: str, liar: LyingRegistry
) -> None:
    liar.lie = FAILURES[case]
    engine.images.push(pulled, f"{liar.host}/to", OPTIONS)
    assert "latest" in liar.manifests


def test_a_large_blob_goes_on_where_it_was_cut(
    engine: Engine, liar: LyingRegistry, other: LyingRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skerry.image.registry.upload.MONOLITHIC", 1000)
    manifest = other.add_image(layer("big", 3 << 20))
    engine.images.pull(f"{other.host}/from", transfer=FAST)
    state = {"cut": False}

    def lie(handler: Handler) -> bool:
        if handler.command != "PATCH" or state["cut"]:
            return False
        state["cut"] = True
        liar.uploads[handler.path.rpartition("/")[2]] += handler.rfile.read(2 << 20)
        return handler.cut()

    liar.lie = lie
    engine.images.push(f"{other.host}/from", f"{liar.host}/to", OPTIONS)
    first, second = liar.requests("PATCH", "uploads")
    size = manifest["layers"][0]["size"]
    assert int(first[2]["Content-Length"]) == size
    assert second[2]["Content-Range"] == f"{2 << 20}-{size - 1}"
    assert manifest["layers"][0]["digest"] in liar.blobs


WRONG = {
    "another digest for a blob": (
        lambda h: h.command == "PUT" and "uploads" in h.path,
        lambda h: h.body() is not None and h.answer(201, Docker_Content_Digest="sha256:" + "0" * 64), "stored sha256:000"),
    "another digest for a manifest": (
        lambda h: h.command == "PUT" and "manifests" in h.path,
        lambda h: h.body() is not None and h.answer(201, Docker_Content_Digest="sha256:" + "0" * 64), "stored sha256:000"),
    "an upload to a file": (
        lambda h: h.command == "POST", lambda h: h.answer(202, Location="file:///etc/passwd"), "no web address"),
    "an upload to nowhere": (lambda h: h.command == "POST", lambda h: h.answer(202), "where to upload"),
    "a refusal": (
        lambda h: h.command == "POST",
        lambda h: h.answer(403, b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'),
        ": requested access to the resource is denied"),
    "too large": (
        lambda h: h.command == "PUT", lambda h: h.answer(413) and h.cut(), "413"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_registry_that_lies_is_found_out(case: str, engine: Engine, pulled: str, liar: LyingRegistry) -> None:
    condition, answer, words = WRONG[case]
    liar.lie = lambda handler: condition(handler) and bool(answer(handler))
    with pytest.raises(SkerryError, match=words) as caught:
        engine.images.push(pulled, f"{liar.host}/to", OPTIONS)
    assert "\n" not in caught.value.message


def test_an_altered_layer_is_not_sent(engine: Engine, loaded: str, liar: LyingRegistry) -> None:
    record = engine.images.resolve(loaded)
    path = engine.store.path("layers", record["layers"][0][7:], "diff/a")
    Path(path).write_bytes(b"b" * 9000)
    with pytest.raises(SkerryError, match="altered in the store"):
        engine.images.push(loaded, f"{liar.host}/to", OPTIONS)
    assert liar.manifests == {}
    assert kept(engine) == []
    assert digest_of(b"") not in liar.blobs


@pytest.mark.parametrize(
    ("destination", "words"),
    [("ftp://x/y", "invalid destination"), ("docker-daemon:x:1", 'unsupported transport "docker-daemon"')],
)
def test_places_that_nobody_can_push_to(destination: str, words: str, engine: Engine, loaded: str) -> None:
    with pytest.raises(SkerryError, match=words):
        engine.images.push(loaded, destination, OPTIONS)
