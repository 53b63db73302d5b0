"""SIGKILL at each durable step of pushes to archives and folders, of pulls from them, of save and import: what was
there stays whole, nothing half lies about, and the same command then works."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.support.command import Skerry

LAYERS = tar_of({"a": b"a" * 3000}), tar_of({"b": b"b"})


def steps_of(store: Skerry, *words: str) -> list[str]:
    trace = store.top / "trace"
    store(*words, env={"SKERRY_TRACE_STEPS": str(trace)})
    names = trace.read_text().split()
    trace.unlink()
    return [f"{name}:{names[: n + 1].count(name)}" for n, name in enumerate(names)]


def whole(store: Skerry) -> None:
    store("images", "-q")
    store("system", "check", "--repair", "--max", "0s", check=False)
    assert store("system", "check", "--max", "0s", check=False).code == 0


@pytest.fixture
def store(tmp_path: Path) -> Skerry:
    (tmp_path / "store").mkdir()
    made = Skerry(tmp_path / "store")
    made("load", "-q", "-i", write(tmp_path / "a.tar", docker_members(*LAYERS, tags=["a:1"])))
    made("import", "-q", "-", "old", input=tar_of({"old": b"old"}))
    return made


def hidden(folder: Path) -> list[str]:
    """Files that somebody wrote beside and did not put where they belong."""
    return [name for _path, _folders, files in os.walk(folder) for name in files if name.startswith(".")]


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive", "oci", "dir", "save"])
def test_a_killed_push_leaves_what_was_there(transport: str, store: Skerry, tmp_path: Path) -> None:
    place = tmp_path / "places"
    words = (
        ["save", "-q", "-o", f"{place}/x", "a:1"]
        if transport == "save"
        else ["push", "-q", "a:1", f"{transport}:{place}/x"]
    )
    place.mkdir()
    steps = steps_of(store, *words)
    assert steps
    for step in steps:
        shutil.rmtree(place)
        place.mkdir()
        if transport != "docker-archive":
            store("push", "-q", "old", f"{'oci-archive' if transport == 'save' else transport}:{place}/x")
        assert store(*words, check=False, env={"SKERRY_CRASH_AT": step}).code == -9, step
        assert hidden(place) == [], step
        if transport == "docker-archive":
            assert not (place / "x").exists()
        else:
            known = {"save": "oci-archive"}.get(transport, transport)
            assert store("pull", "-q", f"{known}:{place}/x").lines, step
        store(*words)
        whole(store)


def test_a_killed_push_to_a_layout_keeps_its_other_images(store: Skerry, tmp_path: Path) -> None:
    place = f"oci:{tmp_path}/l"
    store("push", "-q", "old", f"{place}:old")
    for step in steps_of(store, "push", "-q", "a:1", f"{place}:a"):
        store("push", "-q", "a:1", f"{place}:a", check=False, env={"SKERRY_CRASH_AT": step})
        index = json.loads((tmp_path / "l/index.json").read_text())
        for entry in index["manifests"]:
            assert (tmp_path / "l/blobs/sha256" / entry["digest"][7:]).stat().st_size == entry["size"]
        assert store("pull", "-q", f"{place}:old").lines


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive", "oci", "dir"])
def test_a_killed_pull_is_done_by_the_next(transport: str, store: Skerry, tmp_path: Path) -> None:
    place = f"{transport}:{tmp_path}/x"
    store("push", "-q", "a:1", place)
    (tmp_path / "dry").mkdir()
    steps = steps_of(Skerry(tmp_path / "dry"), "pull", "-q", place)
    assert {step.partition(":")[0] for step in steps} >= {"layer.unpack", "layer.record", "image.record"}
    for number, step in enumerate(steps):
        (tmp_path / str(number)).mkdir()
        fresh = Skerry(tmp_path / str(number))
        assert fresh("pull", "-q", place, check=False, env={"SKERRY_CRASH_AT": step}).code == -9, step
        assert fresh("images", "-q").lines == [] or step.startswith("image.")
        assert len(fresh("pull", "-q", place).lines) == 1
        whole(fresh)


def test_a_killed_import_is_swept(store: Skerry) -> None:
    data = tar_of({"new": b"new" * 1000})
    trace = store.top / "trace"
    store("import", "-q", "-", "dry", input=data, env={"SKERRY_TRACE_STEPS": str(trace)})
    names = trace.read_text().split()
    store("rmi", "dry")
    for step in dict.fromkeys(names):
        killed = store("import", "-q", "-", "new", input=data, check=False, env={"SKERRY_CRASH_AT": step})
        assert killed.code == -9, step
        whole(store)
        store("import", "-q", "-", "new", input=data)
        store("rmi", "new")
        whole(store)


def test_killed_prunes_and_removals_lose_nothing_that_has_a_name(store: Skerry, tmp_path: Path) -> None:
    def untagged() -> None:
        store("load", "-q", "-i", str(tmp_path / "a.tar"))
        store("untag", "a:1")

    for words in (["image", "prune", "-f"], ["image", "prune", "-af"]):
        untagged()
        for step in dict.fromkeys(steps_of(store, *words)):
            untagged()
            store("import", "-q", "-", "old", input=tar_of({"old": b"old"}))
            assert store(*words, check=False, env={"SKERRY_CRASH_AT": step.partition(":")[0]}).code == -9, step
            whole(store)
            assert (
                "localhost/old:latest" in store("images", "--format", "{{.Repository}}:{{.Tag}}").lines
            ) or "-af" in words
            store(*words)
            whole(store)
