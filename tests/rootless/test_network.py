"""A real user's network: pasta, with ports on the host."""

from __future__ import annotations

import shutil
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rootless.conftest import User, needs_programs, wait_until

pytestmark = [
    needs_programs,
    pytest.mark.skipif(not shutil.which("pasta"), reason="needs pasta"),
    pytest.mark.skipif(
        not Path("/dev/net/tun").exists() or Path("/dev/net/tun").stat().st_mode & 0o006 != 0o006,
        reason="/dev/net/tun is not open to users",
    ),
]
Run = Callable[..., str]
SERVE = ("sh", "-c", "mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"http://127.0.0.1:{port}/", timeout=5
            ) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_default_network_has_the_hosts_address_and_a_resolver(run: Run) -> None:
    seen = run("--rm", command=("sh", "-c", "ip -o addr show; cat /etc/resolv.conf"), network="default")
    assert "eth0" in seen or len({line.split()[1] for line in seen.splitlines() if "inet" in line}) > 1
    assert "nameserver" in seen


def test_a_published_port_answers_before_and_after_a_restart(user: User, run: Run) -> None:
    port = free_port()
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="default")
    assert fetch(port) == "hello\n"
    user.skerry("stop", "-t", "0", "web")
    user.skerry("start", "web")
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-f", "-t", "0", "web")
    wait_until(lambda: len(user.processes()) == 1, "pasta ends with its namespace")
    assert list((user.run / "netns").iterdir()) == []


def test_a_taken_or_privileged_port_is_one_clear_error(user: User, run: Run) -> None:
    run("--rm", command=("true",))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = user.skerry("run", "--rm", "-p", f"127.0.0.1:{port}:80", "--rootfs", "rootfs", "true", check=False)
        assert result.returncode in (125, 126)
        assert f"127.0.0.1:{port}: bind: address already in use" in result.stderr
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) > 81:
        result = user.skerry("run", "--rm", "-p", "81:80", "--rootfs", "rootfs", "true", check=False)
        assert result.returncode in (125, 126)
        assert "permission denied" in result.stderr
        assert "ip_unprivileged_port_start" in result.stderr
    assert user.skerry("ps", "-aq").stdout == ""


def test_containers_share_a_network(user: User, run: Run) -> None:
    run("-d", "--name", "web", command=SERVE, network="default")
    wget = ("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://127.0.0.1/ && exit; sleep 0.2; done")
    assert run("--rm", command=wget, network="container:web") == "hello"
    user.skerry("rm", "-f", "-t", "0", "web")


def test_the_hosts_network(user: User, run: Run) -> None:
    port = free_port()
    run("-d", "--name", "web", command=(*SERVE[:2], SERVE[2].replace("80", str(port))), network="host")
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-f", "-t", "0", "web")


def test_a_running_container_on_pasta_publishes_another_port(user: User, run: Run) -> None:
    first, second = free_port(), free_port()
    run("-d", "--name", "web", "-p", f"127.0.0.1:{first}:80", command=SERVE, network="default")
    assert fetch(first) == "hello\n"
    words = ("--publish-add", f"127.0.0.1:{second}:80", "--publish-rm", "80")
    user.skerry("update", *words, "web")
    assert fetch(second) == "hello\n"
    assert user.skerry("port", "web").stdout == f"80/tcp -> 127.0.0.1:{second}\n"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", first))
        probe.listen()
        refused = user.skerry("update", "--publish-add", f"127.0.0.1:{first}:80", "web", check=False)
    assert "address already in use" in refused.stderr
    assert fetch(second) == "hello\n"


def test_limits_of_a_running_container_that_has_no_control_group_are_not_dropped_silently(user: User, run: Run) -> None:
    run("-d", "--name", "box", command=("sleep", "60"))
    group = user.skerry("inspect", "-f", "{{.State.CgroupPath}}", "box").stdout.strip()
    if group:
        pytest.skip("this user may make control groups")
    done = user.skerry("update", "-m", "64m", "box", check=False)
    assert "Resource limits are not supported" in done.stderr or done.returncode == 125


def test_a_container_on_pasta_is_named_by_the_address_that_it_has(user: User, run: Run) -> None:
    command = ("sh", "-c", "ip -4 -o addr show scope global; cat /etc/hosts")
    for network, flags in (("pasta", ()), ("pasta:-a,192.0.2.99", ())):
        out = run("--rm", "--name", "me", "--hostname", "here", *flags, command=command, network=network)
        address = out.partition(" inet ")[2].partition("/")[0]
        assert f"{address}\there me" in out
    assert "192.0.2.99" in out
