"""What Podman 5.8 says, shows and refuses, where scripts could notice a difference."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def created(skerry: Skerry, *words: str) -> dict[str, Any]:
    skerry("create", "--name", "box", *words)
    found: dict[str, Any] = json.loads(skerry("container", "inspect", "box").stdout)[0]
    return found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pull", "foo"), 'unsupported pull policy "foo"'),
        (("--uts", "host", "--hostname", "foo"), "cannot set hostname when running in the host UTS namespace"),
        (("--requires", "nosuch"), '"nosuch" is not a valid container, cannot be used as a dependency'),
        (("--pid", "foo"), "unrecognized namespace mode foo passed"),
        (("--pid", "container:nosuch"), "looking up container to share pid namespace with: no container with name"),
        (("--network", "container:nosuch"), "looking up container to share net namespace with: no container with name"),
        (("--cgroups", "foo"), 'running container create option: invalid cgroup mode "foo": invalid argument'),
        (("--cgroup-conf", "ab"), "--cgroup-conf must be formatted KEY=VALUE"),
        (("--cpus", "0.001"), "CPU cfs quota cannot be less than 1ms (i.e. 1000)"),
        (("--cpu-quota", "20"), "CPU cfs quota cannot be less than 1ms (i.e. 1000)"),
        (("--cpuset-cpus", "foo"), "invalid value foo for cpuset cpus"),
        (("--memory-swappiness", "101"), "invalid value: 101, valid memory swappiness range is 0-100"),
        (("--blkio-weight-device", "/dev/null:5"), "invalid weight for device: /dev/null:5"),
        (("--device-read-bps", "null:1mb"), "bad format for device path: null:1mb"),
        (("--device-read-iops", "/dev/null:x"), "The correct format is <device-path>:<number>."),
        (("-e", "=x"), 'invalid variable: "=x"'),
        (("--env-file", "/no/such"), 'parsing file "/no/such": open /no/such: no such file or directory'),
        (("--annotation", "ab"), "annotations must be formatted KEY=VALUE"),
        (("--label", "=x"), 'unable to process labels: invalid label format: "=x"'),
        (("--sysctl", "foo"), "foo is invalid, sysctl values must be in the form of KEY=VALUE"),
        (("--security-opt", "foo"), 'invalid --security-opt 1: "foo"'),
        (("--expose", "foo"), 'invalid range format for --expose: foo: strconv.ParseUint: parsing "foo"'),
        (("--stop-timeout", "-1"), 'strconv.ParseUint: parsing "-1": invalid syntax'),
        (("--systemd", "foo"), '--systemd values must be one of "true, false, always"'),
    ],
)
def test_refused_in_the_same_words(skerry: Skerry, busybox: str, words: tuple[str, ...], message: str) -> None:
    refused = skerry("create", *words, busybox, check=False)
    assert refused.code == 125
    assert message in refused.stderr
    assert skerry("ps", "-aq").stdout == ""


def test_the_policy_of_pulling_may_follow_its_flag(skerry: Skerry, busybox: str) -> None:
    assert skerry("run", "--rm", "--pull", "never", busybox, "echo", "hi").stdout == "hi\n"


def test_what_it_requires_runs_before_it(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "first", busybox, "sleep", "100")
    skerry("run", "-d", "--name", "second", "--requires", "first", busybox, "sleep", "100")
    assert skerry("inspect", "-f", "{{.State.Running}}", "first").stdout == "true\n"


def test_no_limit_of_processes_and_no_swapping_are_set_in_the_kernel(skerry: Skerry, busybox: str) -> None:
    if not os.path.exists("/sys/fs/cgroup/memory"):
        pytest.skip("reads files of cgroup v1")
    read = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/memory.swappiness"
    words = ("--cgroupns", "private", "--pids-limit", "0", "--memory-swappiness", "0")
    assert skerry("run", "--rm", *words, busybox, "sh", "-c", read).stdout.split() == ["max", "0"]


def test_the_environment_is_shown_as_the_program_has_it(skerry: Skerry, busybox: str) -> None:
    before = created(skerry, "-t", "-e", "A=1", busybox, "sleep", "100")["Config"]["Env"]
    assert {"A=1", "container=podman", "TERM=xterm"} <= set(before)
    skerry("start", "box")
    after = json.loads(skerry("inspect", "box").stdout)[0]["Config"]["Env"]
    assert {"HOME=/root", f"HOSTNAME={skerry('inspect', '-f', '{{.Config.Hostname}}', 'box').stdout.strip()}"} <= set(
        after
    )


def test_rights_are_shown_as_differences_from_the_default(skerry: Skerry, busybox: str) -> None:
    box = created(skerry, "--cap-drop", "all", "--cap-add", "net_admin", busybox)["HostConfig"]
    assert box["CapAdd"] == ["CAP_NET_ADMIN"]
    assert "CAP_CHOWN" in box["CapDrop"]


def test_what_is_shown_of_flags(skerry: Skerry, busybox: str) -> None:
    words = (
        "--init",
        "--umask",
        "077",
        "-p",
        "8099:80/udp",
        "-P",
        "--dns",
        "none",
        "--systemd",
        "always",
        "--network",
        "bridge",
    )
    box = created(skerry, *words, busybox, "sh")
    assert (box["Path"], box["Args"]) == ("/run/podman-init", ["--", "sh"])
    assert box["HostConfig"]["Init"] is True
    assert box["HostConfig"]["PublishAllPorts"] is True
    assert box["HostConfig"]["Dns"] == []
    assert box["Config"]["Umask"] == "0077"
    assert box["Config"]["StopSignal"] == "SIGRTMIN+3"
    assert box["Config"]["ExposedPorts"] == {"80/udp": {}}
    network = skerry("network", "inspect", "-f", "{{.ID}}", "podman").stdout.strip()
    assert box["NetworkSettings"]["Networks"]["podman"]["NetworkID"] == network


def test_containers_are_listed_in_the_order_of_their_creation(skerry: Skerry, busybox: str) -> None:
    for name in ("c", "a", "b"):
        skerry("create", "--name", name, busybox)
    assert skerry("ps", "-a", "--format", "{{.Names}}").stdout.split() == ["c", "a", "b"]
    assert skerry("ps", "-n", "2", "--format", "{{.Names}}").stdout.split() == ["a", "b"]


def test_namespaces_are_listed(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "100")
    pid = skerry("inspect", "-f", "{{.State.Pid}}", "box").stdout.strip()
    number = os.readlink(f"/proc/{pid}/ns/mnt")[5:-1]
    assert skerry("ps", "--ns").lines[0].split() == [
        "CONTAINER", "ID", "NAMES", "PID", "CGROUPNS", "IPC", "MNT", "NET", "PIDNS", "USERNS", "UTS"
    ]  # fmt: skip
    assert skerry("ps", "--namespace", "--format", "{{.MNT}} {{.Pid}}").stdout == f"{number} {pid}\n"
    assert json.loads(skerry("ps", "--ns", "--format", "json").stdout)[0]["Namespaces"]["Mnt"] == number
    assert skerry("ps", "--pod").lines[0].split()[-3:] == ["POD", "ID", "PODNAME"]
    assert skerry("ps", "--ns", "--size", check=False).code == 125


def test_weights_that_the_kernel_does_not_know_are_dropped_with_a_warning(skerry: Skerry, busybox: str) -> None:
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers") or os.path.exists("/sys/fs/cgroup/blkio/blkio.weight"):
        pytest.skip("this kernel has block I/O weights")
    done = skerry("run", "--rm", "--blkio-weight", "500", busybox, "true")
    assert "Your kernel does not support Block I/O weight" in done.stderr


def test_times_and_durations_print_as_gos_and_stay_json(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "--health-cmd", "true", "--health-interval", "1h30m", busybox)
    shown = skerry(
        "inspect", "-f", "{{.State.StartedAt}}|{{json .State.StartedAt}}|{{.Config.Healthcheck.Interval}}", "box"
    )
    assert shown.stdout == '0001-01-01 00:00:00 +0000 UTC|"0001-01-01T00:00:00Z"|1h30m0s\n'
    created_at = skerry("inspect", "-f", "{{.Created}}", "box").stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+\n", created_at)
    seconds = int(skerry("inspect", "-f", "{{.Created.Unix}}", "box").stdout)
    assert 0 <= time.time() - seconds < 60


def test_states_that_forbid_it_are_named_as_podman_does(skerry: Skerry, busybox: str) -> None:
    box = skerry("run", "-d", "--name", "box", busybox, "sleep", "100").id
    skerry("pause", "box")
    for command, message in (
        ("pause", f'"{box}" is already paused: container state improper'),
        ("stop", f"container {box} is running or paused, refusing to clean up: container state improper"),
        ("restart", "unable to restart a container in a paused or unknown state: container state improper"),
        (
            "start",
            f'unable to start container "{box}": container {box} must be in Created or Stopped state to be started',
        ),
    ):
        refused = skerry(command, "box", check=False)
        assert (refused.code, message in refused.stderr) == (125, True), command
    skerry("unpause", "box")
    assert "no arguments are needed with --all" in skerry("kill", "-a", "box", check=False).stderr
    assert "start requires at least one argument" in skerry("start", check=False).stderr
