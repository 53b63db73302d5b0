"""Archives and folders that other tools made load here, and those that are made here load there, with the same digests.

Podman's are in test_transports and test_like_podman. Docker's archives are written by hand in both forms that it has
had: its daemon is not on every machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.image.archives import config_of, docker_members, oci_members, sha256, tar_of, write
from tests.support.command import Skerry

LAYER = tar_of({"etc/hello": b"hi\n"})


def tool(name: str, *words: str) -> str:
    if not shutil.which(name):
        pytest.skip(f"no {name} here")
    done = subprocess.run([name, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (name, words, done.stderr)
    return done.stdout


def copy(source: str, target: str, *flags: str) -> None:
    tool("skopeo", "--insecure-policy", "copy", "-q", *flags, source, target)


def digest_of(place: str) -> str:
    return str(json.loads(tool("skopeo", "inspect", place))["Digest"])


def field(skerry: Skerry, image: str, name: str) -> str:
    return skerry("image", "inspect", "-f", f"{{{{.{name}}}}}", image).stdout.strip()


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "dir"])
def test_skopeo_reads_ours_with_the_same_digest(transport: str, skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    ours, theirs = f"{transport}:{tmp_path}/ours", f"{transport}:{tmp_path}/theirs"
    skerry("push", "-q", "--digestfile", str(tmp_path / "digest"), busybox, ours)
    assert digest_of(ours) == (tmp_path / "digest").read_text()
    copy(ours, theirs)
    skerry("rmi", "-f", busybox)
    image = skerry("pull", "-q", theirs).id
    assert field(skerry, image, "Digest") == (tmp_path / "digest").read_text()


@pytest.mark.parametrize("flags", [[], ["--dest-compress-format", "zstd"], ["--dest-oci-accept-uncompressed-layers"]])
@pytest.mark.parametrize("transport", ["oci", "oci-archive", "dir"])
def test_we_read_skopeos_with_the_same_digest(transport: str, flags: list[str], skerry: Skerry, tmp_path: Path) -> None:
    write(tmp_path / "a.tar", docker_members(LAYER, tags=["a:1"]))
    place = f"{transport}:{tmp_path}/theirs"
    copy(f"docker-archive:{tmp_path}/a.tar", place, *flags)
    image = skerry("pull", "-q", place).id
    assert field(skerry, image, "Digest") == digest_of(place)
    skerry("push", "-q", image, f"{transport}:{tmp_path}/again")
    if flags != ["--dest-oci-accept-uncompressed-layers"] or transport == "dir":
        assert digest_of(f"{transport}:{tmp_path}/again") == digest_of(place)


def test_skopeo_reads_our_docker_archives(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("save", "-q", "-o", str(tmp_path / "a.tar"), busybox)
    copy(f"docker-archive:{tmp_path}/a.tar:{busybox}", f"docker-archive:{tmp_path}/b.tar:again:1")
    image_id = field(skerry, busybox, "Id")
    skerry("rmi", busybox)
    assert skerry("load", "-q", "-i", str(tmp_path / "b.tar")).lines == ["Loaded image: docker.io/library/again:1"]
    assert field(skerry, "again:1", "Id") == image_id


def test_buildah_and_we_read_each_other(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    store = ["--root", f"{tmp_path}/br", "--runroot", f"{tmp_path}/bn", "--storage-driver", "vfs"]
    image_id = field(skerry, busybox, "Id")
    for kind in ("oci-archive", "docker-archive"):
        skerry("push", "-q", busybox, f"{kind}:{tmp_path}/{kind}")
        assert tool("buildah", *store, "pull", "-q", f"{kind}:{tmp_path}/{kind}").strip() == image_id
    tool("buildah", *store, "push", "-q", image_id, f"oci:{tmp_path}/theirs:x")
    skerry("rmi", "-f", busybox)
    assert skerry("pull", "-q", f"oci:{tmp_path}/theirs:x").id == image_id


def test_umoci_and_we_read_each_other(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("push", "-q", busybox, f"oci:{tmp_path}/l:ours")
    assert "ours" in tool("umoci", "list", "--layout", f"{tmp_path}/l").split()
    tool("umoci", "unpack", "--image", f"{tmp_path}/l:ours", str(tmp_path / "bundle"))
    (tmp_path / "bundle/rootfs/added").write_text("by umoci\n")
    tool("umoci", "repack", "--image", f"{tmp_path}/l:theirs", str(tmp_path / "bundle"))
    image = skerry("pull", "-q", f"oci:{tmp_path}/l:theirs").id
    assert skerry("run", "--rm", "--network", "none", image, "cat", "/added").stdout == "by umoci\n"
    assert field(skerry, image, "Digest") == digest_of(f"oci:{tmp_path}/l:theirs")


def test_dockers_archives_of_old(skerry: Skerry, tmp_path: Path) -> None:
    """Before version 25: a folder for each layer, with links to layers that stand elsewhere."""
    config = config_of(LAYER)
    name = sha256(config) + ".json"
    manifest = [{"Config": name, "RepoTags": ["web:1"], "Layers": ["abc/layer.tar"]}]
    members: dict[str, bytes | str] = {
        "abc/VERSION": b"1.0", "abc/json": b"{}", "abc/layer.tar": LAYER, name: config,
        "manifest.json": json.dumps(manifest).encode(), "repositories": b'{"web":{"1":"abc"}}',
    }  # fmt: skip
    assert skerry("load", "-q", "-i", write(tmp_path / "a.tar", members)).lines == ["Loaded image: localhost/web:1"]
    assert field(skerry, "web:1", "Id") == sha256(config)


def test_dockers_archives_of_today(skerry: Skerry, tmp_path: Path) -> None:
    """Since version 25: an OCI layout that has a manifest.json, too."""
    members = oci_members(LAYER, LAYER, "application/vnd.oci.image.layer.v1.tar", "1")
    index = json.loads(members["index.json"])
    index["manifests"][0]["annotations"] = {"io.containerd.image.name": "docker.io/library/web:1",
                                            "org.opencontainers.image.ref.name": "1"}  # fmt: skip
    config = sha256(config_of(LAYER))
    entry = {"Config": f"blobs/sha256/{config}", "RepoTags": ["web:1"], "Layers": [f"blobs/sha256/{sha256(LAYER)}"]}
    members |= {"index.json": json.dumps(index).encode(), "manifest.json": json.dumps([entry]).encode()}
    archive = write(tmp_path / "a.tar", members)
    assert skerry("load", "-q", "-i", archive).lines == ["Loaded image: docker.io/library/web:1"]
    skerry("rmi", "web:1")
    skerry("pull", "-q", f"docker-archive:{archive}:web:1")
    skerry("pull", "-q", f"oci-archive:{archive}:1")
    assert field(skerry, "docker.io/library/web:1", "Id") == config
