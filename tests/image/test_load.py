"""Archives that are right, and archives that are not."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import pytest
from tests.image.archives import config_of, docker_members, oci_members, sha256, tar_of, write

from skerry.engine.engine import Engine
from skerry.errors import SkerryError

LAYER = tar_of({"etc/hello": b"hi\n"})
SECOND = tar_of({"etc/second": b"2\n"})


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_an_archive_may_be_compressed_as_a_whole(engine: Engine, tmp_path: Path, compress: object) -> None:
    data = compress(tar_of(docker_members(LAYER, tags=["whole"])))  # type: ignore[operator]
    path = tmp_path / "whole"
    path.write_bytes(data)
    assert engine.images.load(str(path)) == ["localhost/whole:latest"]
    with path.open("rb") as stream:
        assert engine.images.load(stream) == ["localhost/whole:latest"]
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SkerryError, match=r"stream is truncated"):
        engine.images.load(str(path))


def test_a_docker_archive_gets_the_ids_that_podman_gives_it(engine: Engine, tmp_path: Path) -> None:
    assert engine.images.load(write(tmp_path / "a.tar", docker_members(LAYER, tags=["a/b:1"]))) == ["localhost/a/b:1"]
    image = engine.images.resolve("a/b:1")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config_of(LAYER)),
            "digest": "sha256:" + sha256(config_of(LAYER)),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(LAYER),
                "digest": "sha256:" + sha256(LAYER),
            }
        ],
    }
    assert image["id"] == sha256(config_of(LAYER))
    assert image["digest"] == "sha256:" + sha256(json.dumps(manifest, separators=(",", ":")).encode())


def test_an_archive_may_come_compressed_from_a_pipe(engine: Engine) -> None:
    data = gzip.compress(tar_of(docker_members(LAYER, tags=["piped"])))
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    with open(reader, "rb") as stream:
        assert engine.images.load(stream) == ["localhost/piped:latest"]


def test_layers_behind_links_are_found(engine: Engine, tmp_path: Path) -> None:
    config = config_of(LAYER)
    entry = {"Config": "c.json", "RepoTags": None, "Layers": ["x/layer.tar"]}
    members: dict[str, bytes | str] = {
        "real.tar": LAYER, "x/layer.tar": "../real.tar", "c.json": config, "manifest.json": json.dumps([entry]).encode(),
    }  # fmt: skip
    assert engine.images.load(write(tmp_path / "a.tar", members)) == ["sha256:" + sha256(config)]


def test_an_oci_archive_keeps_its_manifest_and_its_blobs(engine: Engine, tmp_path: Path) -> None:
    stored = gzip.compress(LAYER, mtime=0)
    media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    members = oci_members(LAYER, stored, media_type, "example.com/x:1")
    assert engine.images.load(write(tmp_path / "a.tar", members)) == ["example.com/x:1"]
    manifest = json.loads(members["index.json"])["manifests"][0]["digest"]
    assert engine.images.resolve("example.com/x:1")["digest"] == manifest
    engine.images.save(["example.com/x:1"], str(tmp_path / "b.tar"), format="oci-archive")
    engine.images.remove(["example.com/x:1"])
    engine.images.load(str(tmp_path / "b.tar"))
    assert engine.images.resolve("example.com/x:1")["digest"] == manifest


def _wrong_layer() -> dict[str, bytes | str]:
    members = docker_members(LAYER, tags=["bad"])
    return {**members, f"{sha256(LAYER)}.tar": SECOND}


def _without(name: str) -> dict[str, bytes | str]:
    members = docker_members(SECOND, LAYER, tags=["bad"])
    return {key: value for key, value in members.items() if not key.endswith(name)}


def _manifest(text: bytes) -> dict[str, bytes | str]:
    return {**docker_members(LAYER, tags=["bad"]), "manifest.json": text}


HOSTILE: dict[str, dict[str, bytes | str]] = {
    "another layer than its digest": _wrong_layer(),
    "a layer that is missing": _without(f"{sha256(LAYER)}.tar"),
    "a config that is missing": _without(".json"),
    "a manifest that is no JSON": _manifest(b"{"),
    "a deep manifest": _manifest(b"[" * 200_000),
    "a huge manifest": _manifest(b"[" + b" " * (9 << 20) + b"]"),
    "numbers for names": _manifest(b'[{"Config":1,"RepoTags":[2],"Layers":[3]}]'),
    "a way out": _manifest(b'[{"Config":"../../../../etc/passwd","RepoTags":[],"Layers":[]}]'),
    "too few layers": _manifest(json.dumps([{"Config": f"{sha256(config_of(LAYER))}.json", "Layers": []}]).encode()),
    "a link to outside": {"manifest.json": "/etc/passwd"},
    "a link to itself": {"manifest.json": "manifest.json"},
    "a name with escapes": docker_members(LAYER, tags=["\x1b[31mred"]),
    "an upper-case name": docker_members(LAYER, tags=["Bad"]),
    "a config of texts": docker_members(LAYER, tags=["bad"], config="text"),
    "an environment of numbers": docker_members(LAYER, tags=["bad"], config={"Env": [1]}),
    "digests that are none": docker_members(LAYER, tags=["bad"], rootfs={"diff_ids": ["sha256:../x"]}),
    "nothing known": {"hello": b"x"},
    "an index that is a list": {"index.json": b"[]"},
    "an index of nothing": {"index.json": b'{"manifests":[]}'},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_wrong_archive_is_one_line_and_leaves_nothing(case: str, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(SkerryError) as caught:
        engine.images.load(write(tmp_path / "bad.tar", HOSTILE[case]))
    assert "\n" not in caught.value.message
    assert engine.images.list(all=True) == []
    assert os.listdir(engine.store.path("layers")) == []


@pytest.mark.parametrize("length", [0, 1, 511, 512, 700, 2048])
def test_a_cut_archive_is_refused(length: int, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "cut.tar"
    path.write_bytes(tar_of(docker_members(LAYER, tags=["bad"]))[:length])
    with pytest.raises(SkerryError):
        engine.images.load(str(path))
