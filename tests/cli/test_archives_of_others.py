"""Archives of several images, and layouts with lists of manifests in them, between Skerry and other tools.

Single images are in tests/image/test_side_by_side.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.image.archives import docker_members, sha256, tar_of, write
from tests.support.command import Skerry
from tests.support.podman import Podman

OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def tool(name: str, *words: str) -> str:
    if not shutil.which(name):
        pytest.skip(f"no {name} here")
    done = subprocess.run([name, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (name, words, done.stderr)
    return done.stdout


def field(program: Skerry | Podman, image: str, name: str) -> str:
    return program("image", "inspect", "-f", f"{{{{.{name}}}}}", image).stdout.strip()


@pytest.fixture
def platforms(skerry: Skerry, tmp_path: Path) -> list[str]:
    """Images of two platforms."""
    names = []
    for arch in ("amd64", "arm64"):
        members = docker_members(tar_of({"a": arch.encode() * 3000}), tags=[f"{arch}:1"], architecture=arch)
        skerry("load", "-q", "-i", write(tmp_path / f"{arch}.tar", members))
        names.append(f"localhost/{arch}:1")
    return names


@pytest.fixture
def layout(skerry: Skerry, platforms: list[str], tmp_path: Path) -> str:
    """An OCI layout that holds a list; its place."""
    skerry("manifest", "create", "l", *(name.removeprefix("localhost/") for name in platforms))
    skerry("manifest", "push", "-q", "--digestfile", tmp_path / "digest", "l", f"oci:{tmp_path / 'layout'}:web:1")
    return f"oci:{tmp_path / 'layout'}:web:1"


def raw_digest(place: str) -> str:
    return "sha256:" + sha256(tool("skopeo", "inspect", "--raw", place).encode())


def test_podman_and_we_read_each_others_archives_of_several_images(
    skerry: Skerry, podman: Podman, platforms: list[str], tmp_path: Path
) -> None:
    ids = [field(skerry, name, "Id") for name in platforms]
    skerry("save", "-q", "-m", "-o", tmp_path / "ours.tar", *platforms)
    podman("load", "-q", "-i", tmp_path / "ours.tar")
    assert [field(podman, name, "Id") for name in platforms] == ids
    podman("save", "-q", "-m", "-o", tmp_path / "theirs.tar", *platforms)
    skerry("rmi", "-fa")
    skerry("load", "-q", "-i", tmp_path / "theirs.tar")
    assert [field(skerry, name, "Id") for name in platforms] == ids


def test_skopeo_copies_our_list_with_its_digest(skerry: Skerry, layout: str, tmp_path: Path) -> None:
    digest = (tmp_path / "digest").read_text()
    assert raw_digest(layout) == digest
    for transport in ("oci", "dir"):
        place = f"{transport}:{tmp_path / ('copied-' + transport)}"
        tool("skopeo", "--insecure-policy", "copy", "-q", "--all", layout, place)
        assert raw_digest(place) == digest
        skerry("rmi", "-fa")
        image = skerry("pull", "-q", place).id
        assert field(skerry, image, "Architecture") == "amd64"


def test_podmans_list_in_a_layout_loads_here(
    skerry: Skerry, podman: Podman, platforms: list[str], tmp_path: Path
) -> None:
    image = field(skerry, platforms[0], "Id")
    skerry("save", "-q", "-m", "-o", tmp_path / "ours.tar", *platforms)
    podman("load", "-q", "-i", tmp_path / "ours.tar")
    podman("manifest", "create", "l", *(f"containers-storage:{name}" for name in platforms))
    skerry("rmi", "-fa")
    podman("manifest", "push", "-q", "--all", "l", f"dir:{tmp_path / 'dir'}")
    assert skerry("pull", "-q", f"dir:{tmp_path / 'dir'}").id == image
    podman("manifest", "push", "-q", "--all", "l", f"oci:{tmp_path / 'oci'}:web:1")
    loaded = skerry("load", "-q", "-i", tmp_path / "oci").stdout.strip().removeprefix("Loaded image: ")
    assert field(skerry, loaded, "Architecture") == "amd64"
    index = json.loads((tmp_path / "oci/index.json").read_text())["manifests"][0]
    inner = json.loads((tmp_path / "oci/blobs/sha256" / index["digest"][7:]).read_text())["manifests"][0]
    assert field(skerry, loaded, "Digest") == inner["digest"]


def test_a_layout_of_several_names_by_umoci(skerry: Skerry, platforms: list[str], tmp_path: Path) -> None:
    place = tmp_path / "layout"
    for name, tag in zip(platforms, ("one", "two"), strict=True):
        skerry("push", "-q", name, f"oci:{place}:{tag}")
    tool("umoci", "tag", "--image", f"{place}:one", "three")
    assert sorted(tool("umoci", "ls", "--layout", str(place)).split()) == ["one", "three", "two"]
    digest = field(skerry, platforms[0], "Id")
    skerry("rmi", "-fa")
    lines = skerry("load", "-q", "-i", place).lines
    assert sorted(lines) == [f"Loaded image: localhost/{name}:latest" for name in ("one", "three", "two")]
    assert field(skerry, "one", "Id") == field(skerry, "three", "Id") == digest


def test_an_index_of_indexes_gives_this_machines_image(skerry: Skerry, layout: str, tmp_path: Path) -> None:
    """As buildx writes them with attestations, and deeper."""
    folder = tmp_path / "layout"
    entry = json.loads((folder / "index.json").read_text())["manifests"][0]
    inner = {key: entry[key] for key in ("mediaType", "digest", "size")}
    for _level in range(2):
        data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}).encode()
        (folder / "blobs/sha256" / sha256(data)).write_bytes(data)
        inner = {"mediaType": OCI_INDEX, "digest": f"sha256:{sha256(data)}", "size": len(data)}
    named = {**inner, "annotations": {"org.opencontainers.image.ref.name": "deep:1"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    skerry("rmi", "-fa")
    loaded = skerry("load", "-q", "-i", folder).stdout.strip()
    assert field(skerry, loaded.removeprefix("Loaded image: "), "Architecture") == "amd64"


def test_an_index_that_leads_to_itself_is_refused(skerry: Skerry, layout: str, tmp_path: Path) -> None:
    """A digest cannot be in what it is of; one that is claimed is found out."""
    folder = tmp_path / "layout"
    name = "1" * 64
    loop = {"mediaType": OCI_INDEX, "digest": f"sha256:{name}", "size": 400}
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [loop]}).encode()
    (folder / "blobs/sha256" / name).write_bytes(data + b" " * (400 - len(data)))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [loop]}))
    failed = skerry("load", "-q", "-i", folder, check=False)
    assert failed.code == 125
    assert "Traceback" not in failed.stderr


def test_a_name_that_is_another_images_is_no_tag(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("tag", busybox, "localhost/second:1")
    (tmp_path / "Containerfile").write_text(f"FROM {busybox}\nENV A=b\n")
    skerry("build", "-q", "-t", "localhost/other:1", tmp_path)
    done = skerry("save", "-o", tmp_path / "x.tar", busybox, "localhost/second:1", "localhost/other:1", check=False)
    assert (done.code, "additional tag localhost/other:1 is not a name of" in done.stderr) == (125, True)
