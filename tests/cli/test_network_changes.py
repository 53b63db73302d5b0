"""Networks and ports of running containers: connect, disconnect, reload, update."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.request
from collections.abc import Callable

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SERVE = ("sh", "-c", "mkdir /www; echo hello >/www/index.html; httpd -f -p 80 -h /www")
Eventually = Callable[..., None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            text: str = answer.read().decode().strip()
            return text
    except OSError:
        return ""


def address(skerry: Skerry, name: str, network: str) -> str:
    return skerry("inspect", "-f", f"{{{{.NetworkSettings.Networks.{network}.IPAddress}}}}", name).stdout.strip()


@pytest.fixture
def two(skerry: Skerry, busybox: str) -> int:
    """Networks left and right; web (with a published port: the result) on left, client on right."""
    port = free_port()
    for name in ("left", "right"):
        skerry("network", "create", name)
    skerry("run", "-d", "--name", "web", "--network", "left", "-p", f"{port}:80", busybox, *SERVE)
    skerry("run", "-d", "--name", "client", "--network", "right", busybox, "sleep", "600")
    return port


def test_a_running_container_joins_a_network_by_its_names(skerry: Skerry, two: int, eventually: Eventually) -> None:
    assert skerry("exec", "client", "wget", "-qO-", "http://web/", check=False).code
    skerry("network", "connect", "--alias", "other", "right", "web")
    for name in ("web", "other"):
        eventually(
            lambda name=name: (
                skerry("exec", "client", "wget", "-qO-", f"http://{name}/", check=False).stdout == "hello\n"
            )
        )
    assert fetch(two) == "hello"
    inside = skerry("exec", "web", "cat", "/etc/hosts").stdout
    assert address(skerry, "web", "left") in inside
    assert address(skerry, "web", "right") in inside
    skerry("restart", "-t0", "web")
    assert address(skerry, "web", "right")


def test_its_ports_follow_it_from_network_to_network(skerry: Skerry, two: int, eventually: Eventually) -> None:
    skerry("network", "connect", "right", "web")
    skerry("network", "disconnect", "left", "web")
    eventually(lambda: fetch(two) == "hello")
    assert skerry("exec", "web", "ip", "-o", "-4", "addr").stdout.count("inet 10.") == 1
    skerry("network", "disconnect", "right", "web")
    assert fetch(two) == ""
    skerry("network", "connect", "left", "web")
    eventually(lambda: fetch(two) == "hello")
    skerry("network", "rm", "right", check=False)


def test_a_stopped_container_joins_at_its_next_start(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "--subnet", "10.213.7.0/24", "left")
    skerry("create", "--name", "box", "--network", "podman", busybox, "ip", "-o", "-4", "addr", "show", "eth1")
    skerry("network", "connect", "--ip", "10.213.7.9", "left", "box")
    assert "inet 10.213.7.9/24" in skerry("start", "-a", "box").stdout
    skerry("network", "disconnect", "left", "box")
    assert skerry("start", "-a", "box", check=False).code


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("connect", "left", "web"), "is already connected to network left: network is already connected"),
        (("connect", "nope", "web"), "unable to find network with name or ID nope: network not found"),
        (("connect", "left", "nope"), 'no container with name or ID "nope" found: no such container'),
        (("connect", "left", "alone"), '"none" is not supported: invalid network mode'),
        (("connect", "--ip", "10.1.1.1", "right", "web"), "requested static ip 10.1.1.1 not in any subnet on network right"),
        (("disconnect", "right", "web"), "container web is not connected to network right"),
        (("disconnect", "left", "alone"), '"none" is not supported: invalid network mode'),
        (("update", "--dns-add", "x", "left"), "unable to parse ip x"),
        (("reload", "stopped"), "is not running"),
    ],
)  # fmt: skip
def test_mistakes_change_nothing(skerry: Skerry, two: int, busybox: str, argv: tuple[str, ...], words: str) -> None:
    skerry("create", "--name", "alone", "--network", "none", busybox)
    skerry("create", "--name", "stopped", busybox)
    result = skerry("network", *argv, check=False)
    assert result.code == 125
    assert words in result.stderr
    assert skerry("exec", "web", "ip", "-o", "-4", "addr").stdout.count("inet 10.") == 1
    assert fetch(two) == "hello"


def test_reload_brings_back_what_another_tool_flushed(skerry: Skerry, two: int) -> None:
    ports = subprocess.run(["nft", "list", "map", "inet", "skerry", "any4"], capture_output=True, text=True, check=True)
    assert f". {two} :" in ports.stdout
    subprocess.run(["nft", "flush", "map", "inet", "skerry", "any4"], check=True)
    assert fetch(two) == ""
    box = skerry("inspect", "-f", "{{.Id}}", "web").id
    for reloaded in (skerry("network", "reload", "web"), skerry("network", "reload", "-a")):
        assert box in reloaded.lines
        assert fetch(two) == "hello"
    for what in ("flush table inet skerry", "flush chain inet skerry published", "delete table inet skerry"):
        subprocess.run(["nft", *what.split()], check=True)
        assert fetch(two) == ""
        skerry("network", "reload", "web")
        assert fetch(two) == "hello"


def test_name_servers_of_a_network_in_use_are_changed(skerry: Skerry, two: int) -> None:
    skerry("network", "update", "--dns-add", "127.1.2.3,127.1.2.4", "--dns-drop", "127.9.9.9", "left")
    shown = skerry("network", "inspect", "-f", "{{json .NetworkDNSServers}}", "left").stdout.strip()
    assert shown == '["127.1.2.3","127.1.2.4"]'
    skerry("network", "update", "--dns-drop", "127.1.2.3", "left")
    assert "127.1.2.4" in skerry("network", "inspect", "left").stdout


def test_events_tell_of_it(skerry: Skerry, two: int) -> None:
    skerry("network", "connect", "right", "web")
    skerry("network", "disconnect", "right", "web")
    events = skerry("events", "--stream=false", "--filter", "type=network", "--format", "{{.Status}} {{.Name}}").lines
    assert events[-2:] == ["connect right", "disconnect right"]


def test_a_killed_connect_is_done_again_without_a_second_interface(skerry: Skerry, two: int) -> None:
    for _ in range(2):
        skerry("network", "connect", "right", "web", check=False, env={"SKERRY_CRASH_AT": "container.update-record:1"})
    skerry("network", "connect", "right", "web")
    links = skerry("exec", "web", "ls", "/sys/class/net").stdout.split()
    assert links == ["eth0", "eth1", "lo"]
    assert fetch(two) == "hello"
