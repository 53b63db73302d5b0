"""The supervisor: there when it is needed, back when it was killed, gone when nobody needs it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

Eventually = Callable[..., None]


def supervisor(skerry: Skerry) -> int:
    """Its pid; 0 while there is none. Asking by a command would start it again."""
    try:
        pid = int((skerry.runroot / "supervisor" / "lock").read_text() or 0)
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return 0
    return pid if b"supervise" in line and b"flock" not in line[0] else 0


def heir(skerry: Skerry) -> int:
    """The pid of what waits for its death."""
    lock = os.fsencode(skerry.runroot / "supervisor" / "lock")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if line[0] == b"flock" and lock in line:
            return int(name)
    return 0


def checks(skerry: Skerry, name: str = "box") -> list[dict[str, Any]]:
    """The log, read from the file: no command that could help the supervisor runs."""
    files = [path for path in (skerry.runroot / "health").glob("*") if len(path.name) == 64]
    return [entry for path in files for entry in json.loads(path.read_text())["log"]]


@pytest.fixture
def checked(skerry: Skerry, busybox: str, eventually: Eventually) -> str:
    words = ("--health-cmd", "date", "--health-interval", "200ms", "--health-max-log-count", "0")
    box = skerry("run", "-d", "--name", "box", *words, busybox, "sleep", "1000").id
    eventually(lambda: supervisor(skerry) and heir(skerry) and checks(skerry))
    return box


def test_it_is_there_while_a_container_needs_it(skerry: Skerry, checked: str, eventually: Eventually) -> None:
    shown = json.loads(skerry("system", "supervisor", "--format", "json").stdout)[0]
    assert shown["Running"]
    assert [each["Id"] for each in shown["Containers"]] == [checked]
    skerry("rm", "-f", "-t", "0", "box")
    eventually(lambda: not supervisor(skerry) and not heir(skerry))
    assert "ended: nothing to do" in skerry("system", "supervisor", "--log", "5").stdout
    assert skerry("system", "supervisor").stdout.startswith("not running")


def test_one_for_all_containers(skerry: Skerry, busybox: str, checked: str, eventually: Eventually) -> None:
    pid = supervisor(skerry)
    for number in range(3):
        words = ("--health-cmd", "true", "--health-interval", "1s")
        skerry("run", "-d", "--name", f"other{number}", *words, busybox, "sleep", "1000")
    eventually(lambda: len(json.loads(skerry("system", "supervisor", "--format", "json").stdout)[0]["Containers"]) == 4)
    assert supervisor(skerry) == pid


def test_killed_its_heir_goes_on_at_once(skerry: Skerry, checked: str, eventually: Eventually) -> None:
    for _ in range(3):
        old = supervisor(skerry)
        os.kill(old, signal.SIGKILL)
        eventually(lambda old=old: supervisor(skerry) not in (0, old))
        count = len(checks(skerry))
        eventually(lambda count=count: len(checks(skerry)) > count)
        eventually(lambda: heir(skerry))


def test_a_killed_heir_is_replaced(skerry: Skerry, checked: str, eventually: Eventually) -> None:
    old = heir(skerry)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: heir(skerry) not in (0, old))


def test_both_killed_the_next_command_starts_it_again(skerry: Skerry, checked: str, eventually: Eventually) -> None:
    old = supervisor(skerry)
    os.kill(old, signal.SIGSTOP)  # or it would have the time for another heir
    os.kill(heir(skerry), signal.SIGKILL)
    os.kill(old, signal.SIGKILL)
    # The kernel takes the lock from it when it gets to it: a command in that moment still sees one that lives.
    eventually(lambda: skerry("ps") and supervisor(skerry) not in (0, old))
    count = len(checks(skerry))
    eventually(lambda: len(checks(skerry)) > count)


def test_a_check_that_hangs_when_it_is_killed_is_ended(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    words = ("--health-cmd", "echo $$ > /pid; test -e /good || sleep 777", "--health-interval", "200ms")
    skerry("run", "-d", "--name", "box", *words, busybox, "sleep", "1000")

    def running() -> list[str]:
        return [line for line in skerry("exec", "box", "ps").lines if line.split()[2:] == ["sleep", "777"]]

    eventually(running)
    skerry("exec", "box", "touch", "/good")  # that one is past it, the next one is not
    os.kill(supervisor(skerry), signal.SIGKILL)
    eventually(lambda: skerry("inspect", "-f", "{{.State.Health.Status}}", "box").lines == ["healthy"])
    assert running() == []


def test_a_container_whose_conmon_was_killed_is_cleaned_up(
    skerry: Skerry, checked: str, eventually: Eventually
) -> None:
    conmon, pid = map(int, skerry("inspect", "-f", "{{.State.ConmonPid}} {{.State.Pid}}", "box").stdout.split())
    os.kill(conmon, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not (skerry.runroot / "containers" / checked).exists())
    eventually(lambda: not supervisor(skerry))


@pytest.mark.parametrize("policy", ["--restart=always", "--rm"])
def test_an_end_that_nobody_noticed_is_noticed_by_ps(
    skerry: Skerry, busybox: str, eventually: Eventually, policy: str
) -> None:
    skerry("run", "-d", "--name", "box", policy, busybox, "sleep", "1000")
    conmon, pid = map(int, skerry("inspect", "-f", "{{.State.ConmonPid}} {{.State.Pid}}", "box").stdout.split())
    os.kill(conmon, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wanted = ["Up"] if policy != "--rm" else []
    eventually(lambda: [line[:2] for line in skerry("ps", "-a", "--format", "{{.Status}}").lines] == wanted)
    skerry("rm", "-f", "-i", "-t", "0", "box")
    eventually(lambda: not supervisor(skerry))


def test_one_that_keeps_ending_is_started_again_after_a_while(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "always", busybox, "false")
    eventually(lambda: int(skerry("inspect", "-f", "{{.RestartCount}}", "box").stdout) >= 3)
    eventually(lambda: supervisor(skerry))
    os.kill(supervisor(skerry), signal.SIGKILL)
    eventually(lambda: int(skerry("inspect", "-f", "{{.RestartCount}}", "box").stdout) >= 5)
    eventually(lambda: skerry("inspect", "-f", "{{.State.Restarting}}", "box").lines == ["true"])


def test_stop_ends_the_wait_for_a_restart(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "always", busybox, "false")
    eventually(lambda: skerry("inspect", "-f", "{{.State.Restarting}}", "box").lines == ["true"])
    skerry("stop", "-t", "0", "box")
    eventually(lambda: not supervisor(skerry))
    assert skerry("inspect", "-f", "{{.State.Status}} {{.State.Restarting}}", "box").lines == ["exited false"]


def test_on_failure_gives_up_after_its_count(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "on-failure:3", busybox, "false")
    eventually(lambda: not supervisor(skerry) and "3" in skerry("inspect", "-f", "{{.RestartCount}}", "box").stdout)
    assert skerry("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "box").lines == ["3 exited"]


def test_a_restart_that_fails_is_tried_again(
    skerry: Skerry, busybox: str, tmp_path: Path, eventually: Eventually
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    skerry("run", "-d", "--name", "box", "--restart", "always", "-v", f"{source}:/data", busybox, "sleep", "1000")
    source.rename(tmp_path / "away")
    os.kill(int(skerry("inspect", "-f", "{{.State.Pid}}", "box").stdout), signal.SIGKILL)
    eventually(lambda: skerry("inspect", "-f", "{{.State.Restarting}}", "box").lines == ["true"])
    (tmp_path / "away").rename(source)
    eventually(lambda: skerry("inspect", "-f", "{{.State.Status}}", "box").lines == ["running"])


def test_what_boots_start(skerry: Skerry, busybox: str) -> None:
    """As the unit and the rc script for boots do it."""
    skerry("create", "--name", "never-started", "--restart", "always", busybox, "sleep", "1000")
    for policy in ("always", "unless-stopped", "no"):
        skerry("run", "-d", "--name", policy, "--restart", policy, busybox, "sleep", "1000")
    skerry("run", "-d", "--name", "stopped", "--restart", "unless-stopped", busybox, "sleep", "1000")
    skerry("stop", "-t", "0", "stopped")
    skerry("stop", "--service", "-t", "0", "--all")
    assert skerry("inspect", "-f", "{{.State.StoppedByUser}}", "stopped", "always").lines == ["true", "false"]
    assert skerry("ps", "-q").lines == []
    skerry("start", "--all", "--filter", "should-start-on-boot=true")
    assert sorted(skerry("ps", "--format", "{{.Names}}").lines) == ["always", "unless-stopped"]


def test_prune_leaves_what_is_about_to_be_started_again(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "always", busybox, "false")
    eventually(lambda: skerry("inspect", "-f", "{{.State.Restarting}}", "box").lines == ["true"])
    skerry("container", "prune", "-f")
    assert skerry("container", "exists", "box", check=False).code == 0


def test_hanging_checks_of_many_hold_nobody_up(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    common = ("--net", "none", "--health-interval", "200ms", "--health-timeout", "1h")
    for number in range(10):  # more than are started at a time
        skerry("run", "-d", "--name", f"hangs{number}", *common, "--health-cmd", "sleep 777", busybox, "sleep", "1000")
    skerry("run", "-d", "--name", "quick", *common, "--health-cmd", "true", busybox, "sleep", "1000")
    eventually(
        lambda: len(json.loads(skerry("inspect", "-f", "{{json .State.Health.Log}}", "quick").stdout) or ()) == 5
    )
