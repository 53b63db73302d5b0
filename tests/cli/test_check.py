"""``system check``: what it finds, what it mends, and that it never takes work under way for damage."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Skerry


def mended(skerry: Skerry, words: str) -> None:
    """A check finds it (exit code 125), a repair mends it, and then there is nothing more to find."""
    found = skerry("system", "check", check=False)
    assert (found.code, words in found.stdout) == (125, True), repr(found)
    assert "Error: damage detected in local storage" in found.stderr
    repaired = skerry("system", "check", "--repair")
    assert words in repaired.stdout
    assert "(repaired)" in repaired.stdout
    assert skerry("system", "check").stdout == ""


def test_a_sound_store_has_no_findings(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "-p", "127.0.0.1::80", "-v", "data:/d", busybox, "sleep", "60")
    skerry("run", "--network", "none", busybox, "true")
    skerry("create", busybox)
    assert skerry("system", "check").stdout == ""
    assert skerry("system", "check", "-q").stdout == ""


def test_a_container_whose_conmon_was_killed_is_cleaned_up(
    skerry: Skerry, busybox: str, eventually: Callable[..., None]
) -> None:
    skerry("run", "-d", "--name", "box", "-p", "127.0.0.1::80", busybox, "sleep", "60")
    pids = [int(pid) for pid in skerry("inspect", "-f", "{{.State.ConmonPid}} {{.State.Pid}}", "box").stdout.split()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    mended(skerry, "box ended and was not cleaned up")
    assert skerry("inspect", "-f", "{{.State.Status}}", "box").stdout == "exited\n"


def test_a_container_with_rm_is_removed_then(skerry: Skerry, busybox: str, eventually: Callable[..., None]) -> None:
    skerry("run", "-d", "--rm", "--name", "box", "--network", "none", busybox, "sleep", "60")
    pids = [int(pid) for pid in skerry("inspect", "-f", "{{.State.ConmonPid}} {{.State.Pid}}", "box").stdout.split()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    mended(skerry, "box ended and was not cleaned up")
    assert skerry("container", "exists", "box", check=False).code == 1


@pytest.mark.usefixtures("busybox")
@pytest.mark.parametrize("half", ["root", "runroot"])
def test_folders_of_containers_that_are_gone_are_removed(skerry: Skerry, half: str) -> None:
    folder = getattr(skerry, half) / "containers" / ("ab" * 32)
    (folder / "upper").mkdir(parents=True)
    mended(skerry, "a container that is gone left ")
    assert not folder.exists()


def test_a_run_folder_of_a_container_that_never_ran_is_removed(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--name", "box", busybox).id
    folder = skerry.runroot / "containers" / box
    folder.mkdir(parents=True)
    mended(skerry, "box does not run, but left its run folder")
    assert not folder.exists()
    assert skerry("container", "exists", "box").code == 0


def test_what_is_left_of_a_start_that_was_killed_is_taken_down(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--name", "box", "-p", "127.0.0.1::80", busybox, "sleep", "60").id
    skerry("start", "box", check=False, env={"SKERRY_CRASH_AT": "container.launch"})
    if not (skerry.runroot / "containers" / box).exists():
        pytest.skip("commands cannot be killed at a step here")
    mended(skerry, "box does not run, but left ")
    assert not list(Path("/run/skerry/net").glob(f"*/leases/{box}"))


def test_a_volume_s_data_is_never_thrown_away(skerry: Skerry, busybox: str) -> None:
    data = skerry.top / "vol" / "lost" / "_data"
    data.mkdir(parents=True)
    (data / "file").write_text("precious")
    mended(skerry, "volume lost: a folder with data and no volume")
    assert skerry("run", "--rm", "-v", "lost:/d", busybox, "cat", "/d/file").stdout == "precious"


def test_an_empty_folder_is_no_volume(skerry: Skerry) -> None:
    skerry("volume", "ls")
    (skerry.top / "vol" / "empty" / "_data").mkdir(parents=True)
    mended(skerry, "volume empty: an empty folder and no volume")
    assert not (skerry.top / "vol" / "empty").exists()


def test_foreign_folders_beside_volumes_stay(skerry: Skerry) -> None:
    foreign = skerry.top / "vol" / "foreign"
    (foreign / "_data").mkdir(parents=True)
    (foreign / "notes").write_text("mine")
    assert skerry("system", "check", "-r").stdout == ""
    assert (foreign / "notes").exists()


def test_a_volume_without_its_folder_is_told(skerry: Skerry) -> None:
    skerry("volume", "create", "data")
    (skerry.top / "vol" / "data" / "_data").rmdir()
    mended(skerry, "volume data: its folder is gone")


@pytest.mark.usefixtures("busybox")
def test_staging_of_dead_commands_is_removed(skerry: Skerry) -> None:
    (skerry.root / "staging" / "0123456789abcdef").mkdir(parents=True)
    mended(skerry, "staging 0123456789abcdef")


def first_file(skerry: Skerry) -> Path:
    return max((path for path in skerry.root.glob("layers/*/diff/**/*") if path.is_file() and not path.is_symlink()),
               key=lambda path: path.stat().st_size)  # fmt: skip


def test_a_damaged_image_is_removed_when_nothing_uses_it(skerry: Skerry, busybox: str) -> None:
    first_file(skerry).write_bytes(b"changed")
    mended(skerry, f"image {busybox}: its layer")
    assert skerry("image", "exists", busybox, check=False).code == 1


def test_a_damaged_image_in_use_needs_force(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    first_file(skerry).write_bytes(b"changed")
    result = skerry("system", "check", "-r", check=False)
    assert result.code == 125
    assert "damage in local storage has not been fully repaired" in result.stderr
    assert skerry("container", "exists", "box").code == 0
    skerry("system", "check", "-f")
    assert skerry("container", "exists", "box", check=False).code == 1


@pytest.mark.usefixtures("busybox")
def test_quick_does_not_read_layers(skerry: Skerry) -> None:
    first_file(skerry).write_bytes(b"changed")
    assert skerry("system", "check", "--quick").code == 0


@pytest.mark.usefixtures("busybox")
def test_layers_that_no_image_needs_count_after_a_while(skerry: Skerry) -> None:
    import sqlite3

    with sqlite3.connect(skerry.root / "skerry.db") as db:
        db.execute("DELETE FROM images")
        db.execute("DELETE FROM image_names")
    assert skerry("system", "check").code == 0
    assert "no image needs it" in skerry("system", "check", "-m", "0", check=False).stdout
    skerry("system", "check", "-r", "-m", "0")
    assert not [path for path in (skerry.root / "layers").iterdir() if len(path.name) == 64]


def test_a_check_never_takes_work_under_way_for_damage(skerry: Skerry, busybox: str) -> None:
    stop = threading.Event()
    problems: list[str] = []

    def work(number: int) -> None:
        while not stop.is_set():
            done = skerry("run", "--rm", "-v", f"v{number}:/d", busybox, "true", check=False)
            again = skerry("volume", "rm", f"v{number}", check=False)
            problems.extend(repr(each) for each in (done, again) if each.code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    checks = [skerry("system", "check", *flags, check=False) for _ in range(8) for flags in ((), ("-r",))]
    stop.set()
    for thread in threads:
        thread.join()
    assert [repr(each) for each in checks if each.stdout or each.code] == []
    assert problems == []
