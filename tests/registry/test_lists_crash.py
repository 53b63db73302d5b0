"""SIGKILL at each durable step of what changes lists of manifests, and many changes at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.registry.lying import LyingRegistry
from tests.support.command import Skerry

TLS = "--tls-verify=false"


@pytest.fixture
def first(tmp_path: Path) -> Skerry:
    """A store with two images and a list of one of them and of a file."""
    (tmp_path / "first").mkdir()
    store = Skerry(tmp_path / "first")
    for arch in ("amd64", "arm64"):
        members = docker_members(tar_of({"a": arch.encode() * 3000}), tags=[f"{arch}:1"], architecture=arch)
        store("load", "-q", "-i", write(tmp_path / f"{arch}.tar", members))
    (tmp_path / "file").write_text("a file")
    (tmp_path / "other").write_text("another file")
    store("manifest", "create", "l", "amd64:1")
    store("manifest", "add", "--artifact", "l", tmp_path / "file")
    return store


def steps_of(store: Skerry, *words: str) -> list[str]:
    trace = store.top / "trace"
    store(*words, env={"SKERRY_TRACE_STEPS": str(trace)})
    names = trace.read_text().split()
    trace.unlink()
    return [f"{name}:{names[: n + 1].count(name)}" for n, name in enumerate(names)]


def copied(store: Skerry, place: Path) -> Skerry:
    shutil.copytree(store.top, place, symlinks=True)
    return Skerry(place)


def entries(store: Skerry, name: str = "l") -> list[str]:
    return [item["digest"] for item in json.loads(store("manifest", "inspect", name).stdout)["manifests"] or ()]


def whole(store: Skerry) -> None:
    """Nothing is lost; a repair finds rubbish at most, and then nothing."""
    found = store("system", "check", "--repair", "--max", "0s", check=False)
    assert "damaged" not in found.stdout + found.stderr, found
    assert store("system", "check", "--max", "0s", check=False).code == 0


CHANGES = {
    "create": ("manifest", "create", "new", "amd64:1", "arm64:1"),
    "add": ("manifest", "add", "l", "arm64:1"),
    "artifact": ("manifest", "add", "--artifact", "l", "OTHER"),
    "annotate": ("manifest", "annotate", "--index", "--annotation", "a=b", "l"),
    "remove": ("manifest", "remove", "l", "ARTIFACT"),
    "rm": ("manifest", "rm", "l"),
    "rmi": ("rmi", "amd64:1"),
    "prune": ("image", "prune", "-af"),
    "archive": ("manifest", "add", "l", "docker-archive:ARCHIVE"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_killed_change_is_done_or_not(name: str, first: Skerry, tmp_path: Path) -> None:
    archive = write(tmp_path / "x.tar", docker_members(tar_of({"x": b"x"}), tags=["x:1"], architecture="arm"))
    places = {
        "OTHER": str(tmp_path / "other"),
        "ARTIFACT": entries(first)[1],
        "docker-archive:ARCHIVE": f"docker-archive:{archive}",
    }
    words = [places.get(word, word) for word in CHANGES[name]]
    steps = steps_of(copied(first, tmp_path / "dry"), *words)
    assert steps
    before = entries(first)
    for number, step in enumerate(steps):
        store = copied(first, tmp_path / str(number))
        assert store(*words, check=False, env={"SKERRY_CRASH_AT": step}).code == -9, step
        if store("manifest", "exists", "l", check=False).code == 0:
            found = entries(store)
            assert set(found) >= set(before) - ({places["ARTIFACT"]} if name == "remove" else set()), step
        else:
            assert name in ("rm", "prune"), step
        whole(store)
        store(*words, check=False)
        whole(store)


def test_a_killed_push_of_a_list_is_done_by_the_next(first: Skerry, tmp_path: Path, liar: LyingRegistry) -> None:
    first("manifest", "add", "l", "arm64:1")
    words = ("manifest", "push", "-q", TLS, "l", f"{liar.host}/x")
    steps = steps_of(copied(first, tmp_path / "dry"), *words)
    for number, step in enumerate(steps):
        store = copied(first, tmp_path / str(number))
        liar.blobs.clear()
        liar.manifests.clear()
        assert store(*words, check=False, env={"SKERRY_CRASH_AT": step}).code == -9, step
        assert "latest" not in liar.manifests
        store(*words)
        assert len(json.loads(liar.manifests["latest"][1])["manifests"]) == 3
        whole(store)


@pytest.mark.parametrize("transport", ["dir", "oci", "oci-archive"])
def test_a_killed_push_to_a_place_is_done_by_the_next(transport: str, first: Skerry, tmp_path: Path) -> None:
    words = ("manifest", "push", "-q", "l", f"{transport}:{tmp_path / 'place'}")
    steps = steps_of(first, *words)
    assert any("index" in step or "rename" in step for step in steps)
    for step in steps:
        place = tmp_path / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.unlink(missing_ok=True)
        assert first(*words, check=False, env={"SKERRY_CRASH_AT": step}).code == -9, step
        if transport != "oci-archive":
            assert not (place / ("manifest.json" if transport == "dir" else "index.json")).exists()
        else:
            assert not place.exists()
        first(*words)
        assert place.exists()
        whole(first)


def test_many_changes_at_once_are_all_there(first: Skerry, tmp_path: Path) -> None:
    before = set(entries(first))
    running = []
    for number in range(6):
        (tmp_path / f"f{number}").write_text(f"file {number}")
        running.append(first.popen("manifest", "add", "--artifact", "l", tmp_path / f"f{number}"))
        running.append(first.popen("manifest", "create", "-a", f"l{number % 2}", "arm64:1"))
    for process in running:
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert len(set(entries(first)) - before) == 6
    assert len(entries(first, "l0")) == len(entries(first, "l1")) == 1
    whole(first)


def test_the_same_file_in_two_lists_goes_with_the_last(first: Skerry, tmp_path: Path) -> None:
    first("manifest", "create", "m")
    first("manifest", "add", "--artifact", "m", tmp_path / "file")
    artifact = entries(first)[1]
    assert entries(first, "m") == [artifact]
    first("manifest", "remove", "l", artifact)
    first("manifest", "push", "-q", "m", f"dir:{tmp_path / 'out'}")
    first("manifest", "rm", "m")
    assert not (first.root / "blobs/sha256" / artifact[7:]).exists()
    whole(first)
