"""SIGKILL at each durable step of pull and push, and in the middle of a transfer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.registry.lying import Handler, LyingRegistry
from tests.registry.test_pull import layer
from tests.support.command import Skerry, eventually


def steps_of(store: Skerry, *words: str) -> list[str]:
    trace = store.top / "trace"
    store(*words, env={"SKERRY_TRACE_STEPS": str(trace)})
    names = trace.read_text().split()
    return [f"{name}:{names[: n + 1].count(name)}" for n, name in enumerate(names)]


def whole(store: Skerry) -> None:
    """Nothing is half there: a repair finds rubbish at most, and then nothing."""
    store("images", "-q")
    store("system", "check", "--repair", check=False)
    assert store("system", "check", check=False).code == 0


def test_a_pull_that_is_killed_is_done_by_the_next(tmp_path: Path, liar: LyingRegistry) -> None:
    liar.add_image(layer("a", 3000), layer("b"), layer("c", 3000))
    name = f"{liar.host}/x"
    pull = ("pull", "-q", "--tls-verify=false", name)
    (tmp_path / "dry").mkdir()
    steps = steps_of(Skerry(tmp_path / "dry"), *pull)
    assert {step.partition(":")[0] for step in steps} >= {
        "layer.unpack",
        "partial.whole",
        "layer.record",
        "image.record",
    }
    for number, step in enumerate(dict.fromkeys(steps)):
        (tmp_path / str(number)).mkdir()
        store = Skerry(tmp_path / str(number))
        killed = store(*pull, check=False, env={"SKERRY_CRASH_AT": step})
        assert killed.code == -9, (step, killed)
        if "image.remove" not in step:
            assert len(store("images", "-q").lines) <= 1
        store(*pull)
        whole(store)
        assert len(store("images", "-q").lines) == 1
        assert os.listdir(store.root / "partial") == []


def test_a_push_that_is_killed_is_done_by_the_next(tmp_path: Path, liar: LyingRegistry) -> None:
    archive = write(tmp_path / "a.tar", docker_members(tar_of({"a": b"a" * 3000}), tar_of({"b": b"b"}), tags=["a"]))
    push = ("push", "-q", "--tls-verify=false", "a", f"{liar.host}/x")
    stores = []
    for name in ["dry", *map(str, range(8))]:
        (tmp_path / name).mkdir()
        stores.append(Skerry(tmp_path / name))
        stores[-1]("load", "-q", "-i", archive)
    steps = steps_of(stores[0], *push)
    assert any(step.startswith("layer.remember") for step in steps)
    assert len(steps) <= len(stores) - 1
    for step, store in zip(steps, stores[1:], strict=False):
        liar.blobs.clear()
        liar.manifests.clear()
        assert store(*push, check=False, env={"SKERRY_CRASH_AT": step}).code == -9
        assert liar.manifests == {}
        store(*push)
        assert "latest" in liar.manifests
        whole(store)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_pull_that_is_killed_in_the_middle_goes_on(how: signal.Signals, tmp_path: Path, liar: LyingRegistry) -> None:
    manifest = liar.add_image(layer("a"), layer("big", 6 << 20))
    digest, size = manifest["layers"][1]["digest"], manifest["layers"][1]["size"]
    state = {"slow": True}

    def lie(handler: Handler) -> bool:
        if digest not in handler.path or not state["slow"]:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        handler.wfile.write(liar.blobs[digest][: size // 2])
        handler.wfile.flush()
        while state["slow"]:
            time.sleep(0.05)
        return handler.cut()

    liar.lie = lie
    store = Skerry(tmp_path)
    pull = ("pull", "--tls-verify=false", f"{liar.host}/x")
    running = store.popen(*pull)
    partial = store.root / "partial" / digest[7:]
    eventually(lambda: partial.exists() and partial.stat().st_size >= 2 << 20)
    running.send_signal(how)
    _, stderr = running.communicate(timeout=10)
    assert running.returncode != 0
    assert b"Traceback" not in stderr
    state["slow"] = False
    known = partial.stat().st_size
    liar.seen.clear()
    store(*pull)
    (request,) = liar.requests("GET", digest)
    assert request[2]["Range"] == f"bytes={known}-"
    assert os.listdir(store.root / "partial") == []
    whole(store)


def test_a_full_disk_is_an_error_and_gives_the_room_back(tmp_path: Path, liar: LyingRegistry) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False)
    if mount.returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        store = Skerry(disk)
        liar.add_image(layer("small"), tag="small")
        liar.add_image(layer("a", 4 << 20), layer("b", 4 << 20), tag="big")
        store("pull", "-q", "--tls-verify=false", f"{liar.host}/x:small")
        before = os.statvfs(disk).f_bfree
        failed = store("pull", "--tls-verify=false", f"{liar.host}/x:big", check=False)
        assert failed.code == 125
        # Found by writing, or foreseen from the room that is left: which one comes first depends on the layers' order.
        assert any(words in failed.stderr.lower() for words in ("no space left", "does not fit"))
        assert failed.stderr.count("Error:") == 1
        assert len(store("images", "-q").lines) == 1
        # One layer may have come whole: that much may stay for the next try.
        assert before - os.statvfs(disk).f_bfree < (5 << 20) // 4096
        whole(store)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
