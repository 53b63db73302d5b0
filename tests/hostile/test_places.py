"""Folders and archives that are pulled from by name, and that lie: one clear line, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.image.archives import config_of, docker_members, oci_members, sha256, tar_of, write
from tests.image.conftest import leftovers

from skerry.engine.engine import Engine, open_engine
from skerry.engine.images.push import Push
from skerry.errors import SkerryError

LAYER = tar_of({"etc/hello": b"hi\n"})
MEDIA = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine({name: str(tmp_path / "store" / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]


def refused(engine: Engine, place: str, words: str) -> None:
    with pytest.raises(SkerryError, match=words) as caught:
        engine.images.pull(place)
    assert "\n" not in caught.value.message
    assert engine.images.list(all=True) == []
    assert leftovers(engine) == []


def folder(path: Path, members: dict[str, bytes | str]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def layout(path: Path, **index: Any) -> Path:
    made = folder(path, oci_members(LAYER, LAYER, MEDIA, "x"))
    if index:
        (made / "index.json").write_text(json.dumps({**json.loads((made / "index.json").read_text()), **index}))
    return made


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../etc/passwd", "/dev/zero"])
def test_links_that_lead_out_of_a_folder(target: str, engine: Engine, tmp_path: Path) -> None:
    made = layout(tmp_path / "l")
    blob = made / "blobs/sha256" / sha256(LAYER)
    blob.unlink()
    blob.symlink_to(target)
    refused(engine, f"oci:{made}", "leads out of the folder")


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_blobs_that_are_no_files(kind: str, engine: Engine, tmp_path: Path) -> None:
    made = layout(tmp_path / "l")
    blob = made / "blobs/sha256" / sha256(LAYER)
    blob.unlink()
    if kind == "fifo":
        os.mkfifo(blob)
    else:
        blob.mkdir()
    refused(engine, f"oci:{made}", "is no file|not in the folder")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"manifests": []}, "names no images"),
        ({"manifests": "x"}, "malformed"),
        ({"manifests": [{}]}, "malformed"),
        ({"manifests": [{"digest": "sha256:../../../etc/passwd", "size": 1}]}, "malformed"),
        ({"manifests": [{"digest": "md5:" + "0" * 32, "size": 1}]}, "malformed"),
        ({"manifests": [{"digest": "sha256:" + "0" * 64, "size": 1}]}, "not in the folder"),
        ({"manifests": [{"digest": "sha256:" + "0" * 64, "size": 1, "annotations": 7}]}, "malformed"),
    ],
)
def test_indexes_that_lie(index: dict[str, Any], words: str, engine: Engine, tmp_path: Path) -> None:
    refused(engine, f"oci:{layout(tmp_path / 'l', **index)}", words)


@pytest.mark.parametrize("data", [b"", b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b" " * (9 << 20) + b"{}"])
@pytest.mark.parametrize("transport", ["oci", "dir", "docker-archive"])
def test_documents_that_are_none(data: bytes, transport: str, engine: Engine, tmp_path: Path) -> None:
    name = "index.json" if transport == "oci" else "manifest.json"
    if transport == "docker-archive":
        place = write(tmp_path / "a.tar", {**docker_members(LAYER, tags=["a"]), name: data})
    else:
        place = str(folder(tmp_path / "l", {"oci-layout": b"{}", name: data}))
    refused(engine, f"{transport}:{place}", ".")


@pytest.mark.parametrize("change", ["flip", "cut", "grow"])
@pytest.mark.parametrize("which", ["layer", "config", "manifest"])
def test_bytes_that_are_not_what_was_promised(which: str, change: str, engine: Engine, tmp_path: Path) -> None:
    made = layout(tmp_path / "l")
    index = json.loads((made / "index.json").read_text())
    digests = {
        "layer": sha256(LAYER), "config": sha256(config_of(LAYER)), "manifest": index["manifests"][0]["digest"][7:]
    }  # fmt: skip
    blob = made / "blobs/sha256" / digests[which]
    data = blob.read_bytes()
    blob.write_bytes({"flip": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "grow": data + b"\n"}[change])
    refused(engine, f"oci:{made}", ".")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../b", "UPPER", "x" * 300, "a:b:c", "\x1b[2J"])
def test_names_in_an_archive_that_are_none(name: str, engine: Engine, tmp_path: Path) -> None:
    refused(engine, f"docker-archive:{write(tmp_path / 'a.tar', docker_members(LAYER, tags=[name]))}", ".")
    members = oci_members(LAYER, LAYER, MEDIA, name)
    refused(engine, f"oci-archive:{write(tmp_path / 'o.tar', members)}", ".")


def test_a_push_into_a_layout_that_is_broken_says_so(engine: Engine, tmp_path: Path) -> None:
    engine.images.load(write(tmp_path / "a.tar", docker_members(LAYER, tags=["a"])))
    made = folder(tmp_path / "l", {"oci-layout": b"{}", "index.json": b"garbage"})
    with pytest.raises(SkerryError, match=r"index\.json is"):
        engine.images.push("a", f"oci:{made}")
    assert (made / "index.json").read_bytes() == b"garbage"
    engine.images.remove(["a"])


@pytest.mark.parametrize("place", ["oci:{0}/x", "dir:{0}/x", "docker-archive:{0}/x", "oci-archive:{0}/x"])
def test_a_full_disk_at_the_other_end(place: str, engine: Engine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        engine.images.load(write(tmp_path / "a.tar", docker_members(tar_of({"big": os.urandom(4 << 20)}), tags=["a"])))
        with pytest.raises(SkerryError, match="No space left"):
            engine.images.push("a", place.format(disk), Push())
        left = {name for _path, _folders, files in os.walk(disk) for name in files}
        assert left <= {"oci-layout", "version"}  # what says that the folder may be written to again
        engine.images.remove(["a"])
        assert leftovers(engine) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("transport", ["docker-archive", "oci", "dir"])
def test_a_full_disk_at_this_end(transport: str, engine: Engine, tmp_path: Path) -> None:
    engine.images.load(write(tmp_path / "a.tar", docker_members(tar_of({"big": os.urandom(8 << 20)}), tags=["a"])))
    engine.images.push("a", f"{transport}:{tmp_path}/x")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        small = open_engine({name: str(disk / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]
        assert small.images.list(all=True) == []
        free = os.statvfs(disk).f_bfree
        with pytest.raises(SkerryError, match=r"No space left|does not fit"):
            small.images.pull(f"{transport}:{tmp_path}/x")
        assert leftovers(small) == []
        assert free - os.statvfs(disk).f_bfree < 64
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
