"""Builds that are interrupted, killed, or meet another one that does the same."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.build.conftest import Build
from tests.support.command import Skerry

from skerry.engine.builds.errors import Interrupted

BASE = "FROM localhost/busybox\n"


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


def test_a_cancelled_build_ends_within_a_second_and_leaves_nothing(build_in: Build, skerry: Skerry) -> None:
    pressed = threading.Event()
    threading.Timer(0.7, pressed.set).start()
    with pytest.raises(Interrupted):
        build_in(BASE + "RUN sleep 1234.5\n", cancelled=pressed.is_set)
    ended = time.monotonic()
    assert pressed.is_set()
    assert subprocess.run(["pgrep", "-f", "sleep 1234.5"], capture_output=True).returncode == 1
    assert time.monotonic() - ended < 1
    assert not mounts_below(skerry.root)


@pytest.mark.parametrize("function", ["_hash", "copy_content", "_read"])
def test_a_copy_of_a_huge_file_is_cancelled_while_it_is_read_copied_and_hashed(
    build_in: Build, skerry: Skerry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    from skerry.engine.builds import fingerprint, place
    from skerry.store import hashing

    pressed, began = threading.Event(), [0.0]
    owner = {"_hash": fingerprint.Digests, "copy_content": place, "_read": hashing.BlockHashing}[function]
    real = getattr(owner, function)

    def reached(*args: object, **keywords: object) -> object:
        if not pressed.is_set():
            began[0] = time.monotonic()
            pressed.set()
        return real(*args, **keywords)

    monkeypatch.setattr(owner, function, reached)
    context = tmp_path / "huge"
    context.mkdir()
    with (context / "data").open("wb") as file:
        file.truncate(64 << 30 if function == "_hash" else 64 << 20)
        if function != "_hash":
            file.write(os.urandom(128 << 20))
    with pytest.raises(Interrupted):
        build_in("FROM scratch\nCOPY data /\n", context=context, cancelled=pressed.is_set)
    assert time.monotonic() - began[0] < 2
    assert not list(skerry.root.glob("builds/roots/*"))
    assert not mounts_below(skerry.root)


def start(skerry: Skerry, context: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([*skerry.argv, "build", "-q", str(context)], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def context(build_in: Build, tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    return folder


def test_a_killed_build_leaves_its_finished_steps(
    build_in: Build, skerry: Skerry, context: Path, eventually: Callable[..., None]
) -> None:
    (context / "Containerfile").write_text(BASE + "RUN echo 1 > /1\nRUN sleep 1233.5\n")
    process = start(skerry, context)
    eventually(lambda: subprocess.run(["pgrep", "-f", "sleep 1233.5"], capture_output=True).returncode == 0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    text = BASE + "RUN echo 1 > /1\nRUN true\n"
    assert build_in(text, context=context).cached == [True, False]
    skerry("images")
    assert subprocess.run(["pgrep", "-f", "sleep 1233.5"], capture_output=True).returncode == 1
    assert not mounts_below(skerry.root)


def test_builds_at_once_do_each_step_once(build_in: Build, skerry: Skerry, context: Path, tmp_path: Path) -> None:
    (context / "f").write_text("f")
    (context / "Containerfile").write_text(
        BASE + "COPY f /f\nRUN --mount=type=cache,target=/c sleep 1; echo x >> /c/ran\n"
        "RUN --mount=type=cache,target=/c cat /c/ran > /result\n"
    )
    processes = [start(skerry, context) for _ in range(4)]
    ids = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(ids) == 1
    assert skerry("run", "--rm", "--network", "none", ids.pop().strip(), "cat", "/result").stdout == "x\n"


def test_stages_that_do_not_need_each_other_run_side_by_side(build_in: Build) -> None:
    stages = "".join(f"FROM localhost/busybox AS s{n}\nRUN sleep 1; echo {n} > /r\n" for n in range(4))
    text = stages + "FROM localhost/busybox\n" + "".join(f"COPY --from=s{n} /r /r{n}\n" for n in range(4))
    began = time.monotonic()
    build_in(text, jobs=4)
    assert time.monotonic() - began < 3


def test_one_worker_is_enough_for_stages_that_wait_for_each_other(build_in: Build) -> None:
    text = "FROM localhost/busybox AS a\nRUN true\nFROM localhost/busybox AS b\nCOPY --from=a /etc/passwd /p\nFROM localhost/busybox\nCOPY --from=b /p /p\n"
    assert build_in(text, jobs=1).id


def test_a_context_that_changes_while_it_is_copied_is_copied_anew(
    build_in: Build, skerry: Skerry, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skerry.engine.builds import copying

    file = context / "f"
    file.write_text("old")
    original, written = copying.put, []

    def write_first(*arguments: object, **keywords: object) -> None:
        if not written:
            written.append(True)
            file.write_text("newer")
        original(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "put", write_first)
    image = build_in(BASE + "COPY f /f\n", context=context).id
    assert skerry("run", "--rm", "--network", "none", image, "cat", "/f").stdout == "newer"
    assert build_in(BASE + "COPY f /f\n", context=context).cached == [True]
