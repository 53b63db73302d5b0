"""Caches that are taken from elsewhere (--cache-from), whoever made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.build.conftest import Build
from tests.support.command import Skerry

from skerry.build.options import CacheLocation

FILE = "FROM localhost/busybox\nRUN echo 1 > /1\nRUN --mount=type=cache,target=/c,id=elsewhere echo 2 > /c/2; echo 3 > /3\n"


@pytest.fixture
def cache(build_in: Build, skerry: Skerry, tmp_path: Path) -> Path:
    """A cache in a folder, of a store that knows nothing of it any more."""
    folder = tmp_path / "cache"
    build_in(FILE, cache_to=[location(folder, mounts="true")])
    skerry("image", "prune", "-f")
    skerry("builder", "prune", "-af")
    return folder


def location(folder: Path, **attributes: str) -> CacheLocation:
    return CacheLocation("local", str(folder), attributes)


def blob(cache: Path, digest: str) -> Path:
    return cache / "blobs/sha256" / digest.removeprefix("sha256:")


def rewrite(cache: Path, change: dict[str, object], **descriptor: object) -> None:
    """The first image's config with other labels, everything above it anew."""
    index = json.loads((cache / "index.json").read_text())
    manifest = json.loads(blob(cache, index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob(cache, manifest["config"]["digest"]).read_text())
    config["config"]["Labels"] = change or config["config"]["Labels"]
    manifest["config"] |= put(cache, config)
    index["manifests"][0] |= {**put(cache, manifest), **descriptor}
    (cache / "index.json").write_text(json.dumps(index))


def put(cache: Path, document: object) -> dict[str, object]:
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    blob(cache, digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def steps_of(cache: Path) -> list[list[object]]:
    index = json.loads((cache / "index.json").read_text())
    manifest = json.loads(blob(cache, index["manifests"][0]["digest"]).read_text())
    labels = json.loads(blob(cache, manifest["config"]["digest"]).read_text())["config"]["Labels"]
    steps: list[list[object]] = json.loads(labels["io.skerry.build.steps"])
    return steps


def test_a_cache_is_taken_over(build_in: Build, cache: Path) -> None:
    assert build_in(FILE, cache_from=[location(cache)]).cached == [True, True]


def test_a_step_says_that_it_came_from_elsewhere_the_first_time(skerry: Skerry, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(FILE)
    argv = ("build", "--cache-from", f"type=local,src={cache}", tmp_path)
    assert skerry(*argv).lines.count("--> Cache pulled from remote") == 2
    again = skerry(*argv)
    assert sum(line.startswith("--> Using cache") for line in again.lines) == 2
    assert "pulled" not in again.stdout


def test_cache_mounts_come_only_when_they_are_asked_for(build_in: Build, skerry: Skerry, cache: Path) -> None:
    look = "FROM localhost/busybox\nRUN --mount=type=cache,target=/c,id=elsewhere ls /c\n"
    assert "2" not in build_in(look, cache_from=[location(cache)]).output
    skerry("builder", "prune", "-af")
    build_in("FROM scratch\n", cache_from=[location(cache, mounts="true")])
    assert "2" in build_in(look, no_cache=True).output


def test_a_cache_takes_no_name_of_an_image(build_in: Build, skerry: Skerry, cache: Path) -> None:
    before = skerry("image", "inspect", "-f", "{{.Id}}", "localhost/busybox").id
    annotations = {"org.opencontainers.image.ref.name": "localhost/busybox:latest"}
    rewrite(cache, {}, annotations=annotations)
    build_in("FROM scratch\n", cache_from=[location(cache)])
    assert skerry("image", "inspect", "-f", "{{.Id}}", "localhost/busybox").id == before


def test_an_image_that_is_here_and_in_the_cache_stays(build_in: Build, skerry: Skerry, tmp_path: Path) -> None:
    mine = skerry("image", "inspect", "-f", "{{.Id}}", "localhost/busybox").id
    box = skerry("create", "localhost/busybox").id
    skerry("save", "--format", "oci-dir", "-o", tmp_path / "cache", "localhost/busybox")
    build_in("FROM scratch\n", cache_from=[location(tmp_path / "cache")])
    assert skerry("image", "inspect", "-f", "{{.Id}}", "localhost/busybox").id == mine
    assert box[:12] in skerry("ps", "-aq").stdout


def test_a_layer_that_does_not_stand_on_the_steps_base_is_not_taken(build_in: Build, cache: Path) -> None:
    (first, _, depth), (second, *_rest) = steps_of(cache)
    lies = [[first, True, 1], [second, True, depth]]  # the base itself as the result of the first step
    rewrite(cache, {"io.skerry.build.steps": json.dumps(lies)})
    built = build_in(FILE, cache_from=[location(cache)])
    assert built.cached == [False, False]
    assert build_in(FILE).cached == [True, True]


LIES = [
    "{", "[]", "{}", "[1]", '[["x", true, 1]]', f'[["{"a" * 64}", 1, 1]]', f'[["{"a" * 64}", true, 99999]]',
    f'[["{"a" * 64}", true, -1]]', f'[["{"a" * 64}", true, 0]]', "[" * 100_000,
]  # fmt: skip


def test_labels_that_lie_about_steps_do_no_harm(build_in: Build, skerry: Skerry, cache: Path) -> None:
    for label in LIES:
        rewrite(cache, {"io.skerry.build.steps": label})
        build_in("FROM scratch\n", cache_from=[location(cache)])
    assert build_in(FILE, cache_from=[location(cache)]).cached == [False, False]
    assert skerry("system", "check").code == 0


def test_what_is_no_cache_is_only_told(build_in: Build, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/oci-layout").write_text("{}")
    (tmp_path / "bad/index.json").write_text('{"manifests": [{"digest": "sha256:../../../etc/passwd", "size": 1}]}')
    assert build_in("FROM scratch\n", cache_from=[location(tmp_path / "bad")]).id
