"""One suite over every kind of runtime: what holds whichever of them runs the container."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.command import Skerry, eventually
from tests.support.terminal import Terminal

RUNTIMES = {"crun": "crun", "runc": "runc", "runsc": "runsc", "io.containerd.runc.v2": "containerd-shim-runc-v2"}
SHIM = "io.containerd.runc.v2"


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return needs(str(request.param))


def needs(name: str) -> str:
    if not shutil.which(RUNTIMES[name]):
        pytest.skip(f"{RUNTIMES[name]} is not installed")
    return name


@pytest.fixture
def box(skerry: Skerry, busybox: str, runtime: str) -> str:
    """A container that runs until it is told to end, with exit code 4."""
    script = "trap 'exit 4' TERM; echo started; while :; do sleep 0.05; done"
    name = skerry("--runtime", runtime, "run", "-d", "--network", "none", busybox, "sh", "-c", script).id
    eventually(lambda: skerry("logs", name).stdout == "started\n")
    return name


def test_streams_and_the_exit_code_come_back(skerry: Skerry, busybox: str, runtime: str) -> None:
    run = ("--runtime", runtime, "run", "--rm", "-i", "--network", "none", busybox)
    result = skerry(*run, "sh", "-c", "cat; echo err >&2; exit 3", input="from here", check=False)
    assert (result.code, result.stdout, result.stderr) == (3, "from here", "err\n")


def test_a_program_that_is_missing_is_127_in_one_line(skerry: Skerry, busybox: str, runtime: str) -> None:
    result = skerry("--runtime", runtime, "run", "--network", "none", busybox, "nosuch", check=False)
    assert result.code == 127
    assert len(result.stderr.splitlines()) == 1


def test_exec_has_its_own_streams_environment_and_exit_code(skerry: Skerry, box: str) -> None:
    command = ("sh", "-c", "cat; echo $A; exit 7")
    result = skerry("exec", "-i", "-e", "A=b", box, *command, input="in ", check=False)
    assert (result.code, result.stdout) == (7, "in b\n")
    missing = skerry("exec", box, "nosuch", check=False)
    assert missing.code == 127
    assert len(missing.stderr.splitlines()) == 1
    skerry("exec", "-d", box, "touch", "/made")
    eventually(lambda: skerry("exec", box, "ls", "/made", check=False).code == 0)


def test_its_state_shows_and_its_logs_are_kept(skerry: Skerry, box: str, runtime: str) -> None:
    (found,) = json.loads(skerry("inspect", box).stdout)
    assert found["State"]["Status"] == "running"
    assert found["OCIRuntime"] == runtime
    assert Path(f"/proc/{found['State']['Pid']}").exists()
    top = skerry("top", box).lines
    assert any("sleep" in line or "sh" in line for line in top[1:])
    assert len(top) < 6
    row = json.loads(skerry("stats", "--no-stream", "--format", "json", box).stdout)[0]
    assert row["mem_usage"].split("B")[0] != "0"


def test_it_stops_by_its_signal_and_starts_again(skerry: Skerry, box: str) -> None:
    skerry("stop", "-t", "10", box)
    assert skerry("inspect", "-f", "{{.State.ExitCode}}", box).stdout == "4\n"
    skerry("start", box)
    skerry("kill", box)
    assert skerry("wait", box).stdout == "137\n"
    skerry("start", box)
    skerry("restart", "-t", "0", box)
    assert skerry("exec", box, "echo", "again").stdout == "again\n"


def test_it_pauses(skerry: Skerry, box: str) -> None:
    skerry("pause", box)
    assert skerry("inspect", "-f", "{{.State.Status}}", box).stdout == "paused\n"
    skerry("unpause", box)
    assert skerry("exec", box, "echo", "on").stdout == "on\n"


def test_memory_is_limited_and_the_limit_can_change_or_that_is_refused(
    skerry: Skerry, busybox: str, runtime: str
) -> None:
    run = ("--runtime", runtime, "run", "-d", "--network", "none", "-m", "100m", busybox, "sleep", "60")
    name = skerry(*run).id

    def limit() -> str:
        return skerry("stats", "--no-stream", "--format", "{{.MemUsage}}", name).stdout.split("/")[1].strip()

    assert limit() == "104.9MB"
    result = skerry("update", "--memory", "80m", name, check=False)
    if runtime == "runsc":
        assert result.code == 125
        assert "runsc cannot change the limits of a running container" in result.stderr
    else:
        assert (result.code, limit()) == (0, "83.89MB")


def test_a_terminal_is_the_programs(skerry: Skerry, busybox: str, runtime: str) -> None:
    run = ("--runtime", runtime, "run", "--rm", "-it", "--network", "none", busybox)
    script = "read x; echo got $x; stty size; exit 5"
    with Terminal([*skerry.argv, *run, "sh", "-c", script], 33, 77) as it:
        it.type(b"word\r")
        it.expect(b"got word")
        it.expect(b"33 77")
        assert it.wait() == 5


def test_exec_on_a_terminal_works_or_is_refused_in_one_line(skerry: Skerry, box: str, runtime: str) -> None:
    with Terminal([*skerry.argv, "exec", "-it", box, "sh", "-c", "test -t 0 && echo yes; exit 6"]) as it:
        if runtime == "runsc":
            it.expect(b"runsc cannot execute programs on a terminal")
            assert it.wait() == 255
        else:
            it.expect(b"yes")
            assert it.wait() == 6


def test_nothing_is_left_when_the_program_is_killed_from_outside(skerry: Skerry, box: str) -> None:
    os.kill(int(skerry("inspect", "-f", "{{.State.Pid}}", box).stdout), signal.SIGKILL)
    # 2: gVisor's sandbox
    eventually(lambda: skerry("inspect", "-f", "{{.State.ExitCode}}", box).stdout in ("137\n", "2\n"))
    skerry("rm", box)


# What is a shim's own


def processes(name: str) -> dict[str, list[int]]:
    """The shim and the stand-in of a container."""
    found: dict[str, list[int]] = {"shim": [], "standin": []}
    for entry in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if name.encode() in words and b"-namespace" in words:
            found["shim"].append(int(entry))
        elif name.encode() in words and b"__shim" in words and b"create" in words:
            found["standin"].append(int(entry))
    return found


@pytest.fixture
def shimmed(skerry: Skerry, busybox: str) -> str:
    needs(SHIM)
    return skerry("--runtime", SHIM, "run", "-d", "--network", "none", busybox, "sleep", "100").id


def test_a_shim_that_is_killed_takes_its_container_along(skerry: Skerry, shimmed: str) -> None:
    (shim,) = processes(shimmed)["shim"]
    os.kill(shim, signal.SIGKILL)
    eventually(lambda: skerry("inspect", "-f", "{{.State.ExitCode}}", shimmed).stdout == "137\n")
    skerry("start", shimmed)
    assert skerry("exec", shimmed, "echo", "again").stdout == "again\n"


def test_a_container_whose_stand_in_was_killed_can_be_stopped(skerry: Skerry, shimmed: str) -> None:
    (standin,) = processes(shimmed)["standin"]
    os.kill(standin, signal.SIGKILL)
    time.sleep(0.2)
    skerry("stop", "-t", "0", shimmed)
    assert processes(shimmed) == {"shim": [], "standin": []}


def test_a_shim_and_its_stand_in_are_where_conmon_is(skerry: Skerry, shimmed: str) -> None:
    (conmon,) = skerry("inspect", "-f", "{{.State.ConmonPid}}", shimmed).lines
    found = processes(shimmed)
    places = {Path(f"/proc/{pid}/cgroup").read_text() for pid in (conmon, *found["shim"], *found["standin"])}
    assert len(places) == 1


def test_a_shim_ends_with_its_container(skerry: Skerry, shimmed: str) -> None:
    assert len(processes(shimmed)["shim"]) == 1
    skerry("rm", "-f", "-t", "0", shimmed)
    assert processes(shimmed) == {"shim": [], "standin": []}


def test_a_shim_can_be_named_by_its_path_and_is_shown_by_info(skerry: Skerry, busybox: str) -> None:
    path = shutil.which(RUNTIMES[needs(SHIM)])
    assert path
    run = ("run", "--rm", "--network", "none", busybox, "echo", "hi")
    assert skerry("--runtime", path, *run).stdout == "hi\n"
    assert skerry("--runtime", SHIM, "info", "-f", "{{.Host.OCIRuntime.Path}}").stdout == path + "\n"


def test_descriptors_cannot_be_passed_through_a_shim(skerry: Skerry, busybox: str) -> None:
    run = ("--runtime", needs(SHIM), "run", "--preserve-fds", "1", "--network", "none", busybox, "true")
    argv = ["sh", "-c", 'exec 3</dev/null; exec "$@"', "sh", *skerry.argv, *run]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (125, 126)
    assert "a containerd shim cannot pass descriptors on" in done.stderr


# What is a sandbox's own


def test_what_a_sandbox_would_leave_undone_is_refused(skerry: Skerry, busybox: str) -> None:
    needs("runsc")
    for kind in ("pid", "ipc", "uts"):
        create = ("--runtime", "runsc", "create", f"--{kind}", "host", busybox, "true")
        result = skerry(*create, check=False)
        assert result.code == 125
        assert f"a {kind} namespace of its own" in result.stderr


def test_runtimes_can_be_named_in_the_configuration_with_flags(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    script = short_tmp / "myrun"
    script.write_text(f'#!/bin/sh\necho "$@" >>{short_tmp}/calls\nexec {shutil.which(needs("runc"))} "$@"\n')
    script.chmod(0o755)
    (short_tmp / "conf").write_text(
        f'[engine]\nruntime = "mine"\n[engine.runtimes]\nmine = ["/none", "{script}"]\n'
        '[engine.runtimes_flags]\nmine = ["debug"]\n'
    )
    env = {"CONTAINERS_CONF": str(short_tmp / "conf")}
    name = skerry("run", "-d", "--network", "none", busybox, "sleep", "60", env=env).id
    skerry("exec", name, "true", env=env)
    skerry("rm", "-f", "-t", "0", name, env=env)
    calls = (short_tmp / "calls").read_text().splitlines()
    assert {line.split()[0] for line in calls} == {f"--root={skerry.runroot}/myrun"}
    assert all("--debug" in line for line in calls)


def test_a_flag_given_once_is_there_at_every_later_call(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    script = short_tmp / "myrun"
    script.write_text(f'#!/bin/sh\necho "$@" >>{short_tmp}/calls\nexec {shutil.which(needs("runc"))} "$@"\n')
    script.chmod(0o755)
    flags = ("--runtime", str(script), "--runtime-flag", "debug")
    name = skerry(*flags, "run", "-d", "--network", "none", busybox, "sleep", "60").id
    skerry("exec", name, "true")
    skerry("update", "--pids-limit", "50", name)
    skerry("pause", name)
    skerry("unpause", name)
    skerry("rm", "-f", "-t", "0", name)
    assert all("--debug" in line for line in (short_tmp / "calls").read_text().splitlines())


@pytest.mark.parametrize(
    "victim",
    [
        '$(for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline | grep -q "^$real .*-id $id" && echo ${p#/proc/}; done)',
        "$PPID",  # the stand-in
        "$(cut -d ' ' -f 4 /proc/$PPID/stat)",  # who waits for it
    ],
    ids=["shim", "stand-in", "create"],
)
def test_what_is_killed_while_a_shim_starts_leaves_nothing(
    skerry: Skerry, busybox: str, tmp_path: Path, victim: str
) -> None:
    needs(SHIM)
    shim = tmp_path / "containerd-shim-runc-killing"
    shim.write_text(
        f"#!/bin/bash\nreal={shutil.which(RUNTIMES[SHIM])} id=$4\n"
        f'if [ "${{!#}}" != start ] || [ -e {tmp_path}/once ]; then exec $real "$@"; fi\n'
        f'touch {tmp_path}/once\n$real "$@" 2>/dev/null | tee {tmp_path}/address\nkill -9 {victim} 2>/dev/null\n'
    )
    shim.chmod(0o755)
    box = skerry("--runtime", str(shim), "create", "--network", "none", busybox, "sleep", "100").id
    began = time.monotonic()
    result = skerry("start", box, check=False)
    assert result.code
    assert len(result.stderr.splitlines()) == 1
    assert time.monotonic() - began < 25  # a time limit of conmon or of the shim was not waited for
    assert processes(box) == {"shim": [], "standin": []}
    assert not os.path.exists((tmp_path / "address").read_text().strip().removeprefix("unix://"))
