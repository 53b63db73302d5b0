"""Lists of manifests side by side with Podman and Skopeo on a real registry: the same list has the same digest."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.registry.server import Registry
from tests.support.command import Result, Skerry
from tests.support.podman import Podman

TLS = "--tls-verify=false"
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)


def raw(registry: Registry, name: str, tag: str) -> bytes:
    url = f"http://{registry.host}/v2/{name}/manifests/{tag}"
    return subprocess.run(["curl", "-sf", "-H", f"Accept: {ACCEPT}", url], capture_output=True, check=True).stdout


def skopeo(*words: str) -> str:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    return subprocess.run(["skopeo", *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def sources(skerry: Skerry, plain: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """Images of two platforms in the registry, one in each format."""
    top = f"{plain.host}/{request.node.name.replace('_', '-').partition('[')[0]}"
    made = []
    for arch, format in (("amd64", "oci"), ("arm64", "v2s2")):
        members = docker_members(tar_of({"a": arch.encode() * 3000}), tags=[f"{arch}:1"], architecture=arch)
        skerry("load", "-q", "-i", write(tmp_path / f"{arch}.tar", members))
        skerry("push", "-q", TLS, "--format", format, f"{arch}:1", f"{top}/from:{arch}")
        made.append(f"docker://{top}/from:{arch}")
    return made


LISTS = {
    "plain": (),
    "annotated": ("--annotation", "z=<&>", "--annotation", "a=ü"),
    "placed": ("--arch=arm", "--variant=v7", "--os-version=10"),
    "featured": ("--features=sse4",),
}


def both(skerry: Skerry, podman: Podman, *words: str) -> list[Result]:
    return [program(*words) for program in (skerry, podman)]


@pytest.mark.parametrize("flags", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("format", ["", "oci", "v2s2"])
def test_the_same_list_has_the_same_digest(
    flags: tuple[str, ...], format: str, skerry: Skerry, podman: Podman, plain: Registry, sources: list[str]
) -> None:
    if format == "v2s2" or (format == "oci" and flags == LISTS["featured"]):
        flags = ()  # converted manifests are written by each in its own way
    repository = sources[0].removeprefix(f"docker://{plain.host}/").partition("/")[0] + "/to"
    both(skerry, podman, "manifest", "create", "l")
    both(skerry, podman, "manifest", "add", TLS, "l", sources[0])
    both(skerry, podman, "manifest", "add", TLS, *flags, "l", sources[1])
    mine, theirs = both(skerry, podman, "manifest", "inspect", "l")
    if flags != LISTS["annotated"]:  # 4.3 has Docker's type there, whatever it pushes
        assert json.loads(mine.stdout)["manifests"] == json.loads(theirs.stdout)["manifests"]
    found: list[Any] = []
    for name, program in (("skerry", skerry), ("podman", podman)):
        more = ("--format", format) if format else ()
        program("manifest", "push", "-q", TLS, "--all", *more, "l", f"docker://{plain.host}/{repository}:{name}")
        found.append(raw(plain, repository, name))
    if not format:
        assert found[0] == found[1]
    mine_, theirs_ = map(json.loads, found)
    assert mine_["mediaType"] == theirs_["mediaType"]
    for one, other in zip(mine_["manifests"], theirs_["manifests"], strict=True):
        assert (one["mediaType"], one["platform"]) == (other["mediaType"], other["platform"])
        blobs = [json.loads(raw(plain, repository, item["digest"])) for item in (one, other)]
        if format != "oci":  # Podman leaves out what it does not know of Docker's configuration
            assert blobs[0]["config"]["digest"] == blobs[1]["config"]["digest"]
        assert [each["digest"] for each in blobs[0]["layers"]] == [each["digest"] for each in blobs[1]["layers"]]


def test_podman_and_skopeo_read_what_is_pushed(
    skerry: Skerry, podman: Podman, plain: Registry, sources: list[str], tmp_path: Path
) -> None:
    name = f"{plain.host}/read/by:others"
    skerry("manifest", "create", TLS, "l", *sources)
    skerry("manifest", "push", "-q", TLS, "--digestfile", tmp_path / "digest", "l", name)
    assert (
        podman("pull", "-q", TLS, "--arch=arm64", name).id == skerry("image", "inspect", "-f", "{{.Id}}", "arm64:1").id
    )
    assert len(json.loads(skopeo("inspect", TLS, "--raw", f"docker://{name}"))["manifests"]) == 2
    skopeo("copy", "-q", "--all", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path / 'layout'}:l")
    (entry,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    assert entry["digest"].startswith("sha256:")


def test_podmans_list_is_copied_with_its_digest(
    skerry: Skerry, podman: Podman, plain: Registry, sources: list[str], tmp_path: Path
) -> None:
    podman("manifest", "create", "l")
    for source in sources:
        podman("manifest", "add", TLS, "l", source)
    podman("manifest", "push", "-q", TLS, "--all", "l", f"docker://{plain.host}/copied/from:1")
    skerry("manifest", "create", "--all", TLS, "mine", f"docker://{plain.host}/copied/from:1")
    skerry("manifest", "push", "-q", TLS, "mine", f"{plain.host}/copied/to:1")
    assert raw(plain, "copied/to", "1") == raw(plain, "copied/from", "1")
    skerry("manifest", "push", "-q", TLS, "mine", f"dir:{tmp_path / 'dir'}")
    assert (tmp_path / "dir/manifest.json").read_bytes() == raw(plain, "copied/from", "1")
    assert skopeo("inspect", "--raw", f"dir:{tmp_path / 'dir'}").encode() == raw(plain, "copied/from", "1")


def test_the_registrys_own_blobs_are_mounted(skerry: Skerry, plain: Registry, sources: list[str]) -> None:
    skerry("manifest", "create", TLS, "l", *sources)
    skerry("rmi", "amd64:1", "arm64:1")
    before = len(plain.requests("PUT", "/mounted/to/blobs/"))
    skerry("manifest", "push", "-q", TLS, "l", f"{plain.host}/mounted/to:1")
    assert len(plain.requests("PUT", "/mounted/to/blobs/")) == before
    assert len(json.loads(raw(plain, "mounted/to", "1"))["manifests"]) == 2


def test_repo_digests_of_an_image_pulled_through_a_list(
    skerry: Skerry, podman: Podman, plain: Registry, sources: list[str]
) -> None:
    name = f"{plain.host}/by/index"
    skerry("manifest", "create", TLS, "l", *sources)
    skerry("manifest", "push", "-q", TLS, "l", f"{name}:1")
    skerry("rmi", "-fa")
    for _again in range(2):
        both(skerry, podman, "pull", "-q", TLS, f"{name}:1")
    mine, theirs = both(skerry, podman, "image", "inspect", f"{name}:1")
    assert sorted(json.loads(mine.stdout)[0]["RepoDigests"]) == sorted(json.loads(theirs.stdout)[0]["RepoDigests"])
    for digest in json.loads(mine.stdout)[0]["RepoDigests"]:
        both(skerry, podman, "image", "exists", digest)
