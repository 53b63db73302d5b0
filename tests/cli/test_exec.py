"""exec: streams, exit codes, users, sessions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from tests.support.command import Skerry


@pytest.fixture
def box(skerry: Skerry, busybox: str) -> str:
    skerry("run", "-d", "--name", "box", "--net", "none", "-e", "A=1", busybox, "sleep", "600")
    return "box"


def test_streams_are_separate_and_exact(skerry: Skerry, box: str) -> None:
    data = os.urandom(5_000_000)
    result = skerry("exec", "-i", box, "sh", "-c", "tee /copy; echo done >&2", input=data)
    assert result.raw == data
    assert result.stderr == "done\n"
    assert skerry("exec", box, "cat", "/copy").raw == data


def test_without_interactive_the_input_is_empty(skerry: Skerry, box: str) -> None:
    assert skerry("exec", box, "cat", input="not for it").stdout == ""


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["sh", "-c", "exit 7"], 7, ""),
        (["sh", "-c", "kill -9 $$"], 137, ""),
        (["nosuch"], 127, "executable file `nosuch` not found in $PATH"),
        (["/etc"], 126, "OCI permission denied"),
    ],
)
def test_exit_codes_are_podmans(skerry: Skerry, box: str, command: list[str], code: int, words: str) -> None:
    for mode in ([], ["-t"]):
        result = skerry("exec", *mode, box, *command, check=False)
        assert result.code == code
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == (1 if words else 0)


def test_a_container_that_does_not_run_is_refused(skerry: Skerry, box: str) -> None:
    skerry("stop", "-t", "0", box)
    result = skerry("exec", box, "true", check=False)
    assert result.code == 255
    assert "can only create exec sessions on running containers: container state improper" in result.stderr
    result = skerry("exec", "nosuch", "true", check=False)
    assert result.code == 125
    assert 'no container with name or ID "nosuch" found: no such container' in result.stderr


def test_user_folder_and_environment(skerry: Skerry, box: str) -> None:
    words = ["-u", "1234:56", "-w", "/tmp", "-e", "B=2", "-e", "A=3"]
    result = skerry("exec", *words, box, "sh", "-c", "id -u; id -g; pwd; echo $A$B")
    assert result.lines == ["1234", "56", "/tmp", "32"]
    assert skerry("exec", "-u", "nosuch", box, "true", check=False).code == 255


def test_env_file_and_host_variables(skerry: Skerry, box: str) -> None:
    file = skerry.top / "env"
    file.write_text("# comment\nX=from file\nY\n")
    result = skerry(
        "exec", "--env-file", file, "-e", "Z", box, "sh", "-c", "echo $X,$Y,$Z", env={"Y": "why", "Z": "zed"}
    )
    assert result.stdout == "from file,why,zed\n"


def test_descriptors_are_passed(skerry: Skerry, box: str) -> None:
    words = [*skerry.argv, "exec", "--preserve-fds", "1", box, "sh", "-c", "echo through >&3"]
    target = skerry.top / "three"
    subprocess.run(["sh", "-c", f'exec 3>{target}; exec "$@"', "sh", *words], check=True, timeout=30)
    assert target.read_text() == "through\n"
    assert (
        "file descriptor 3 is not available" in skerry("exec", "--preserve-fds", "1", box, "true", check=False).stderr
    )


def test_a_child_left_behind_does_not_hold_us(skerry: Skerry, box: str) -> None:
    start = time.monotonic()
    assert skerry("exec", box, "sh", "-c", "sleep 60 & echo on").stdout == "on\n"
    assert time.monotonic() - start < 20


def test_signals_are_passed_on(skerry: Skerry, box: str) -> None:
    program = skerry.popen("exec", box, "sh", "-c", "trap 'echo caught; exit 9' TERM; echo ready; sleep 60 & wait")
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    program.send_signal(signal.SIGTERM)
    assert program.communicate(timeout=30)[0] == b"caught\n"
    assert program.returncode == 9


def test_detached_sessions_run_on(skerry: Skerry, box: str, eventually: Callable[..., None]) -> None:
    session = skerry("exec", "-d", box, "sh", "-c", "sleep 0.5; echo 1 > /done").id
    assert len(session) == 64
    assert (skerry.runroot / "containers" / skerry("ps", "-q", "--no-trunc").id / "exec" / session).is_dir()
    eventually(lambda: skerry("exec", box, "cat", "/done", check=False).stdout == "1\n")


def test_long_sessions_are_listed_while_they_last(skerry: Skerry, box: str, eventually: Callable[..., None]) -> None:
    folder = skerry.runroot / "containers" / skerry("ps", "-q", "--no-trunc").id / "exec"
    program = skerry.popen("exec", box, "sleep", "2")
    eventually(lambda: len(list(folder.glob("*/session.json"))) == 1)
    program.communicate(timeout=30)
    assert list(folder.glob("*")) == []


def test_a_host_file_keeps_its_owner_and_is_not_reachable(skerry: Skerry, box: str) -> None:
    target = skerry.top / "out"
    with target.open("wb") as file:
        program = skerry.popen("exec", "-u", "1000", box, "sh", "-c", "ls -l /proc/self/fd/1", stdout=file)
        program.wait(timeout=30)
    assert "pipe:" in target.read_text()
    assert target.stat().st_uid == os.geteuid()


def test_a_command_is_needed(skerry: Skerry, box: str) -> None:
    assert skerry("exec", box, check=False).code == 125
    assert skerry("exec", check=False).code == 125


@pytest.mark.parametrize(
    ("of_run", "of_exec", "term"),
    [
        ([], [], ""),
        (["-t"], [], "xterm"),
        (["-t", "-e", "TERM=mine"], [], "mine"),
        (["-t"], ["-e", "TERM=other"], "other"),
    ],
)
def test_a_container_on_a_terminal_says_so_to_all_its_programs(
    skerry: Skerry, busybox: str, of_run: list[str], of_exec: list[str], term: str
) -> None:
    skerry("run", "-d", "--network=none", "--name", "term", *of_run, busybox, "sleep", "100")
    assert skerry("exec", *of_exec, "term", "sh", "-c", "echo -n $TERM").stdout == term


def test_exec_can_wait_for_a_container_that_is_not_there_yet(skerry: Skerry, busybox: str) -> None:
    refused = skerry("exec", "--wait", "1", "late", "id", check=False)
    assert (refused.code, refused.stderr) == (125, "Error: timed out waiting for container: late\n")
    waiting = skerry.popen("exec", "--wait", "20", "late", "echo", "there")
    time.sleep(0.2)
    skerry("run", "-d", "--network=none", "--name", "late", busybox, "sleep", "100")
    assert waiting.communicate(timeout=30)[0] == b"there\n"


def test_a_detached_program_may_have_an_open_input(skerry: Skerry, box: str, eventually: Callable[..., None]) -> None:
    open_one = skerry("exec", "-d", "-i", box, "cat").stdout.strip()
    on_terminal = skerry("exec", "-d", "-i", "-t", box, "cat").stdout.strip()
    ended = skerry("exec", "-d", box, "cat").stdout.strip()

    def left() -> bool:
        shown = skerry("inspect", "--format", "{{.ExecIDs}}", box).stdout
        return open_one in shown and on_terminal in shown and ended not in shown

    eventually(left)


def test_no_session_is_no_background(skerry: Skerry, box: str) -> None:
    assert skerry("exec", "--no-session", box, "echo", "x").stdout == "x\n"
    for flags, known in ((), 1), (("--no-session",), 0):
        running = skerry.popen("exec", *flags, box, "sh", "-c", "echo begun; sleep 1")
        assert running.stdout is not None
        assert running.stdout.readline().strip() == b"begun"
        time.sleep(0.5)
        assert len(json.loads(skerry("inspect", "--format", "{{json .ExecIDs}}", box).stdout) or ()) == known
        running.communicate()
    for flags in (["-d"], ["--detach-keys", "ctrl-x"]):
        result = skerry("exec", "--no-session", *flags, box, "true", check=False)
        assert (result.code, result.stderr) == (
            125,
            "Error: --no-session cannot be used with --detach or --detach-keys\n",
        )
