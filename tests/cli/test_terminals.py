"""run, exec, attach and start on real terminals."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.support.command import Skerry
from tests.support.needs import exec_in_chroot
from tests.support.terminal import Terminal


@pytest.fixture
def on_terminal(skerry: Skerry) -> Callable[..., Terminal]:
    return lambda *words, **size: Terminal([*skerry.argv, *words], **size)


def start_shell(skerry: Skerry, busybox: str, how: str) -> list[str]:
    """The words that give a shell by run or by exec."""
    if how == "run":
        return ["run", "-it", "--name", "box", "--net", "none", busybox, "sh"]
    skerry("run", "-d", "--name", "box", "--net", "none", busybox, "sleep", "600")
    return ["exec", "-it", "box", "sh"]


@pytest.mark.parametrize("how", ["run", "exec"])
def test_a_shell_has_our_size_follows_it_and_gives_its_code(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal], how: str
) -> None:
    words = start_shell(skerry, busybox, how)
    with on_terminal(*words, rows=33, columns=77) as terminal:
        terminal.expect(b"# ")
        assert terminal.is_raw()
        terminal.type(b"stty size; echo is-$((40+2))\n")
        terminal.expect(b"33 77")
        terminal.expect(b"is-42")
        terminal.resize(44, 99)
        terminal.type(b"sleep 0.3; stty size\n")
        terminal.expect(b"44 99")
        terminal.type(b"exit 5\n")
        assert terminal.wait() == 5
        assert terminal.is_as_before()


@pytest.mark.parametrize("how", ["run", "exec"])
@exec_in_chroot
def test_ctrl_c_goes_to_the_program(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal], how: str
) -> None:
    with on_terminal(*start_shell(skerry, busybox, how)) as terminal:
        terminal.expect(b"# ")
        terminal.type(b"trap 'echo caught-$((1+1))' INT; echo ready-$((1+1))\n")
        terminal.expect(b"ready-2")
        terminal.type(b"\x03")
        terminal.expect(b"caught-2")
        terminal.type(b"exit\n")
        terminal.wait()


@pytest.mark.parametrize("how", ["run", "exec"])
def test_detach_keys_leave_it_running(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal], how: str, eventually: Callable[..., None]
) -> None:
    with on_terminal(*start_shell(skerry, busybox, how)) as terminal:
        terminal.expect(b"# ")
        terminal.type(b"echo $((6*7)) > /left; sleep 2; echo $((6*8)) > /after\n\x10")
        terminal.type(b"\x11")
        assert terminal.wait() == 0
        assert terminal.is_as_before()
    eventually(lambda: skerry("exec", "box", "cat", "/after", check=False).stdout == "48\n")


def test_attach_comes_back_after_detaching(skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal]) -> None:
    with on_terminal(*start_shell(skerry, busybox, "run"), rows=30, columns=70) as terminal:
        terminal.expect(b"# ")
        terminal.type(b"\x10\x11")
        assert terminal.wait() == 0
    with on_terminal("attach", "--detach-keys", "x,y", "box", rows=31, columns=71) as terminal:
        terminal.type(b"stty size\n")
        terminal.expect(b"31 71")
        terminal.type(b"xy")
        assert terminal.wait() == 0
    with on_terminal("attach", "box") as terminal:
        terminal.type(b"exit 7\n")
        assert terminal.wait() == 7


def test_other_detach_keys_are_refused(skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal]) -> None:
    skerry("run", "-d", "--name", "box", "--net", "none", busybox, "sleep", "600")
    with on_terminal("exec", "-it", "--detach-keys", "ctrl-1", "box", "sh") as terminal:
        assert terminal.wait() not in (0, 1)
        assert b"invalid detach keys" in terminal.shown


def test_a_killed_client_restores_the_terminal(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal]
) -> None:
    with on_terminal(*start_shell(skerry, busybox, "exec")) as terminal:
        terminal.expect(b"# ")
        assert terminal.is_raw()
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == -signal.SIGTERM
        assert terminal.is_as_before()


def test_without_a_terminal_of_ours_tty_works_too(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--net", "none", busybox, "sleep", "600")
    result = skerry("exec", "-it", "box", "sh", "-c", "read x; tty; echo [$x]; exit 3", input="hello\n", check=False)
    assert result.code == 3
    assert result.raw.endswith(b"/dev/pts/0\r\n[hello]\r\n")


def test_programs_without_tty_do_not_see_our_terminal(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal]
) -> None:
    skerry("run", "-d", "--name", "box", "--net", "none", busybox, "sleep", "600")
    with on_terminal("exec", "-i", "box", "sh", "-c", "for n in 0 1 2; do test -t $n && echo terminal; done; echo end") as terminal:  # fmt: skip
        terminal.expect(b"end")
        terminal.wait()
        assert b"terminal" not in terminal.shown


@pytest.fixture
def busy() -> Iterator[None]:
    """All processors have something to do."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's thread may go first")
def test_execs_find_the_size_however_busy_the_machine_is(
    skerry: Skerry, busybox: str, on_terminal: Callable[..., Terminal], busy: None
) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "1000")
    for _ in range(8):
        with on_terminal("exec", "-it", "box", "stty", "size", rows=41, columns=62) as terminal:
            terminal.expect(b"41 62")
            assert terminal.wait() == 0
