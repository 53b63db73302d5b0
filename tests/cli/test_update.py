"""``skerry update``: running and stopped containers, on the runtimes that can."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_network_changes import SERVE, fetch, free_port
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
Eventually = Callable[..., None]
MIB = 1 << 20


def host_config(skerry: Skerry, name: str = "box") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(skerry("container", "inspect", name).stdout)[0]["HostConfig"]
    return found


def kernel(skerry: Skerry, *files: str) -> list[str]:
    """The limit that the kernel has, of whichever file (cgroup v1: CONTROLLER/NAME) there is."""
    pid = skerry("inspect", "-f", "{{.State.Pid}}", "box").stdout.strip()
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    found = []
    for file in files:
        controller, _, name = file.rpartition("/")
        top = Path("/sys/fs/cgroup", controller) if controller else Path("/sys/fs/cgroup")
        group = next((path for names, path in groups.items() if controller in names.split(",")), groups.get("", "/"))
        found.append((top / group.strip("/") / name).read_text().strip())
    return found


v1_only = pytest.mark.skipif(Path("/sys/fs/cgroup/cgroup.controllers").exists(), reason="reads files of cgroup v1")


@v1_only
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_limits_of_a_running_container_reach_the_kernel(skerry: Skerry, busybox: str, runtime: str) -> None:
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    skerry("--runtime", runtime, "run", "-d", "--name", "box", "-m", "64m", busybox, "sleep", "100")
    files = ("memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes")
    # Up and down: the kernel wants memory never above memory and swap, so the order of writing matters.
    for memory, swap in ((200, 400), (32, 64), (100, 100)):
        skerry("update", "-m", f"{memory}m", "--memory-swap", f"{swap}m", "box")
        assert kernel(skerry, *files) == [str(memory * MIB), str(swap * MIB)]
        assert (host_config(skerry)["Memory"], host_config(skerry)["MemorySwap"]) == (memory * MIB, swap * MIB)
    words = ("--cpus", "0.5", "--cpu-shares", "300", "--cpuset-cpus", "0", "--pids-limit", "77")
    skerry("update", *words, "--memory-swappiness", "20", "box")
    files = (
        "cpu/cpu.cfs_quota_us",
        "cpu/cpu.shares",
        "cpuset/cpuset.cpus",
        "pids/pids.max",
        "memory/memory.swappiness",
    )
    assert kernel(skerry, *files) == ["50000", "300", "0", "77", "20"]
    skerry("update", "--pids-limit", "-1", "--memory-swap", "-1", "box")
    assert kernel(skerry, "pids/pids.max")[0] == "max"
    assert int(kernel(skerry, "memory/memory.memsw.limit_in_bytes")[0]) > 1 << 60


@v1_only
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_quota_of_processor_time_is_lifted_again(skerry: Skerry, busybox: str, runtime: str) -> None:
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    skerry("--runtime", runtime, "run", "-d", "--name", "box", "--cpu-quota", "-1", busybox, "sleep", "100")
    skerry("update", "--cpus", "0.5", "box")
    assert kernel(skerry, "cpu/cpu.cfs_quota_us") == ["50000"]
    skerry("update", "--cpu-quota", "-1", "box")
    assert kernel(skerry, "cpu/cpu.cfs_quota_us") == ["-1"]
    # And where the kernel refuses what comes after it.
    refused = skerry("update", "--cpus", "0.5", "--cpuset-cpus", "777", "box", check=False)
    assert (refused.code, len(refused.stderr.splitlines())) == (125, 1)
    assert kernel(skerry, "cpu/cpu.cfs_quota_us") == ["-1"]


@v1_only
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_rates_of_a_device_change_and_those_of_others_stay(skerry: Skerry, busybox: str, runtime: str) -> None:
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    disks = [f"/dev/{path.name}" for path in Path("/sys/block").iterdir() if path.name.startswith(("vd", "sd", "loop"))]
    disks = [path for path in disks if os.path.exists(path)][:2]
    if len(disks) < 2:
        pytest.skip("needs two block devices")
    skerry(
        "--runtime", runtime, "run", "-d", "--name", "box", "--device-read-bps", f"{disks[0]}:1m", busybox, "sleep", "9"
    )
    skerry("update", "--device-read-bps", f"{disks[1]}:2m", "--device-write-iops", f"{disks[1]}:7", "box")
    numbers = [f"{os.major(os.stat(path).st_rdev)}:{os.minor(os.stat(path).st_rdev)}" for path in disks]
    (rates,) = kernel(skerry, "blkio/blkio.throttle.read_bps_device")
    assert set(rates.splitlines()) == {f"{numbers[0]} {MIB}", f"{numbers[1]} {2 * MIB}"}
    assert kernel(skerry, "blkio/blkio.throttle.write_iops_device") == [f"{numbers[1]} 7"]
    shown = host_config(skerry)["BlkioDeviceReadBps"]
    assert shown == [{"Path": disks[0], "Rate": MIB}, {"Path": disks[1], "Rate": 2 * MIB}]


@v1_only
def test_new_limits_hold_after_a_restart(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox, "sleep", "100")
    skerry("update", "-m", "50m", "--pids-limit", "40", "box")
    skerry("start", "box")
    assert kernel(skerry, "memory/memory.limit_in_bytes", "pids/pids.max") == [str(50 * MIB), "40"]
    skerry("update", "-m", "60m", "box")
    skerry("restart", "-t", "0", "box")
    assert kernel(skerry, "memory/memory.limit_in_bytes", "pids/pids.max") == [str(60 * MIB), "40"]


@v1_only
def test_what_the_kernel_refuses_changes_nothing(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "-m", "64m", busybox, "sleep", "100")
    before = host_config(skerry)
    # crun sets the memory before it comes to the processors that there are not.
    refused = skerry("update", "-m", "100m", "--cpu-shares", "77", "--cpuset-cpus", "777", "box", check=False)
    assert refused.code == 125
    assert "cpuset.cpus" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert host_config(skerry) == before
    assert kernel(skerry, "memory/memory.limit_in_bytes", "cpu/cpu.shares") == [str(64 * MIB), "1024"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--memory-swap", "1m"), "minimum memoryswap limit should be larger than memory limit"),
        (("--memory", "foo"), "invalid value for memory: invalid size: 'foo'"),
        (("--cpus", "1", "--cpu-quota", "500"), "--cpu-quota and --cpus cannot be set together"),
        (("--restart", "sometimes"), '"sometimes" is not a valid restart policy: invalid argument'),
        (("--restart", "always:3"), "restart policy retries can only be specified with on-failure restart policy"),
        (("--no-healthcheck", "--health-interval", "1s"), "cannot specify both --no-healthcheck and other HealthCheck"),
        (("--health-startup-interval", "1s"), "startup healthcheck command is not set"),
        (("--publish-rm", "80"), 'publishes no port "80"'),
        (("--device-read-bps", "/dev/no:1m"), "/dev/no: no such file or directory"),
        (("--device-write-bps", "/dev/null:1m"), "/dev/null: not a block device"),
        (("--device-read-iops", "/dev/null:7"), "/dev/null: not a block device"),
        (("--blkio-weight-device", "/dev/null:77"), "/dev/null: not a block device"),
    ],
)
def test_what_makes_no_sense_is_refused(skerry: Skerry, busybox: str, words: tuple[str, ...], message: str) -> None:
    skerry("create", "--name", "box", "-m", "64m", busybox, "true")
    refused = skerry("update", *words, "box", check=False)
    assert (refused.code, refused.stdout) == (125, "")
    assert message in refused.stderr


def test_usage_is_podmans(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--name", "box", busybox, "true").stdout.strip()
    assert skerry("update", "--latest", "-m", "40m").stdout.strip() == box
    assert host_config(skerry)["Memory"] == 40 * MIB
    for words in ((), ("a", "b"), ("--latest", "box"), ("nobody",)):
        assert skerry("update", *words, check=False).code == 125


def test_environment_is_new_for_exec_at_once_and_for_the_program_after_a_restart(skerry: Skerry, busybox: str) -> None:
    program = ("sh", "-c", "echo FOO=$FOO BAR=$BAR OLD=$OLD; exec sleep 100")
    skerry("run", "-d", "--name", "box", "-e", "OLD=1", "-e", "FOO=0", busybox, *program)
    skerry("update", "--env", "FOO=new", "--env", "BAR", "--unsetenv", "OLD", "box", env={"BAR": "from-here"})
    assert "FOO=new\n" in skerry("exec", "box", "env").stdout
    skerry("restart", "-t", "0", "box")
    assert skerry("logs", "box").stdout.splitlines() == ["FOO=0 BAR= OLD=1", "FOO=new BAR=from-here OLD="]


def test_ulimits_hold_from_the_next_start_on(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--ulimit", "core=0", busybox, "sleep", "100")
    skerry("update", "--ulimit", "nofile=100:200", "box")
    skerry("restart", "-t", "0", "box")
    assert skerry("exec", "box", "sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c").stdout.split() == ["100", "200", "0"]


def test_another_restart_policy_counts_from_the_next_end_on(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sh", "-c", "echo on; sleep 0.2; exit 3")
    skerry("wait", "box")
    skerry("update", "--restart", "on-failure:2", "box")
    assert host_config(skerry)["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    skerry("container", "cleanup", "box")  # as conmon's exit command does, which may come late
    assert skerry("logs", "box").lines == ["on"]
    skerry("start", "box")
    eventually(lambda: skerry("logs", "box").stdout == "on\n" * 4)


def test_a_container_that_waits_for_its_restart_is_let_go_by_another_policy(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "always", busybox, "false")
    count = "{{.RestartCount}} {{.State.Restarting}}"
    eventually(lambda: re.match("[4-9] true", skerry("inspect", "-f", count, "box").stdout))
    skerry("update", "--restart", "no", "box")
    assert skerry("inspect", "-f", "{{.State.Status}} {{.State.Restarting}}", "box").stdout == "exited false\n"
    assert skerry("system", "supervisor").stdout.count("box") == 0


def test_the_running_supervisor_follows_another_health_check(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", "--health-cmd", "true", "--health-interval", "1h", busybox, "sleep", "100")
    eventually(lambda: "(healthy)" in skerry("ps").stdout)
    skerry("update", "--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1", "box")
    eventually(lambda: "(unhealthy)" in skerry("ps").stdout)
    skerry("update", "--no-healthcheck", "box")
    assert skerry("healthcheck", "run", "box", check=False).code == 125
    assert "healthy" not in skerry("ps").stdout
    shown = "{{.Config.Healthcheck.Test}} {{.Config.StartupHealthCheck}} {{.State.Health}}"
    assert skerry("inspect", "-f", shown, "box").lines == ["[NONE] <nil> <nil>"]


def test_a_running_container_publishes_another_port(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    first, second = free_port(), free_port()
    skerry("run", "-d", "--name", "box", "--network", "bridge", "-p", f"{first}:80", busybox, *SERVE)
    eventually(lambda: fetch(first) == "hello")
    skerry("update", "--publish-add", f"{second}:80", "--publish-rm", "80", "box")
    assert skerry("port", "box").stdout == f"80/tcp -> 0.0.0.0:{second}\n"
    assert (fetch(first), fetch(second)) == ("", "hello")
    assert f"0.0.0.0:{second}->80/tcp" in skerry("ps").stdout
    skerry("restart", "-t", "0", "box")
    assert skerry("port", "box").stdout == f"80/tcp -> 0.0.0.0:{second}\n"


def test_a_host_port_changes_hands_inside_the_container(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    port = free_port()
    skerry("run", "-d", "--name", "box", "--network", "bridge", "-p", f"{port}:81", busybox, *SERVE)
    skerry("update", "--publish-rm", f"{port}:81", "--publish-add", f"{port}:80", "box")
    eventually(lambda: fetch(port) == "hello")


def test_ports_that_another_container_has_change_nothing(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    taken, own = free_port(), free_port()
    skerry("run", "-d", "--name", "other", "--network", "bridge", "-p", f"{taken}:80", busybox, "sleep", "100")
    skerry("run", "-d", "--name", "box", "--network", "bridge", "-m", "64m", "-p", f"{own}:80", busybox, *SERVE)
    eventually(lambda: fetch(own) == "hello")
    words = ("--publish-add", f"{taken}:80", "--publish-rm", f"{own}:80", "-m", "100m")
    refused = skerry("update", *words, "box", check=False)
    assert refused.code == 125
    assert "address already in use" in refused.stderr
    assert skerry("port", "box").stdout == f"80/tcp -> 0.0.0.0:{own}\n"
    assert fetch(own) == "hello"
    assert host_config(skerry)["Memory"] == 64 * MIB


def test_a_stopped_container_publishes_from_its_next_start_on(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    port = free_port()
    skerry("create", "--name", "box", "--network", "bridge", busybox, *SERVE)
    skerry("update", "--publish-add", f"{port}:80", "box")
    assert host_config(skerry)["PortBindings"]["80/tcp"][0]["HostPort"] == str(port)
    skerry("start", "box")
    eventually(lambda: fetch(port) == "hello")


def test_a_container_on_the_hosts_network_publishes_nothing(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "--network", "host", busybox, "true")
    refused = skerry("update", "--publish-add", "8080:80", "box", check=False)
    assert refused.code == 125
    assert 'the network mode "host" cannot publish ports' in refused.stderr


@pytest.mark.parametrize("place", ["network.publish", "network.lease:1", "network.free-port", "network.claim-port",
                                   "network.firewall-add", "network.lease:2", "network.published"])  # fmt: skip
def test_killed_while_it_changes_ports_the_old_ones_are_back_for_who_looks(
    skerry: Skerry, busybox: str, place: str, eventually: Eventually
) -> None:
    first, second = free_port(), free_port()
    skerry("run", "-d", "--name", "box", "--network", "bridge", "-p", f"{first}:80", busybox, *SERVE)
    eventually(lambda: fetch(first) == "hello")
    words = ("--publish-add", f"{second}:80", "--publish-rm", f"{first}:80")
    assert skerry("update", *words, "box", check=False, env={"SKERRY_CRASH_AT": place}).code == -9
    assert skerry("port", "box").stdout == f"80/tcp -> 0.0.0.0:{first}\n"
    assert (fetch(first), fetch(second)) == ("hello", "")
    skerry("update", *words, "box")
    assert (fetch(first), fetch(second)) == ("", "hello")


@v1_only
@pytest.mark.parametrize("place", ["container.limits", "container.update-record:2"])
def test_killed_while_it_changes_limits_they_are_the_new_ones_for_who_looks(
    skerry: Skerry, busybox: str, place: str
) -> None:
    skerry("run", "-d", "--name", "box", "-m", "64m", busybox, "sleep", "100")
    assert skerry("update", "-m", "90m", "box", check=False, env={"SKERRY_CRASH_AT": place}).code == -9
    assert host_config(skerry)["Memory"] == 90 * MIB
    assert kernel(skerry, "memory/memory.limit_in_bytes") == [str(90 * MIB)]
