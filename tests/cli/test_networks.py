"""``skerry network …``, as typed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_create_list_inspect_remove(skerry: Skerry) -> None:
    assert skerry("network", "create", "--subnet", "10.211.5.0/24", "--label", "a=b", "app").stdout == "app\n"
    (shown,) = json.loads(skerry("network", "inspect", "app").stdout)
    assert shown["subnets"] == [{"subnet": "10.211.5.0/24", "gateway": "10.211.5.1"}]
    assert (shown["driver"], shown["dns_enabled"], shown["internal"], shown["labels"]) == (
        "bridge", True, False, {"a": "b"},
    )  # fmt: skip
    assert len(shown["id"]) == 64
    assert skerry("network", "ls", "--format", "{{.Name}} {{.Driver}}").lines == ["app bridge", "podman bridge"]
    assert skerry("network", "ls", "-q", "--filter", "label=a").lines == ["app"]
    listed = {network["name"] for network in json.loads(skerry("network", "ls", "--format", "json").stdout)}
    assert listed == {"app", "podman"}
    assert skerry("network", "inspect", "app", "--format", "{{(index .Subnets 0).Gateway}}").stdout == "10.211.5.1\n"
    assert skerry("network", "exists", "app").code == 0
    assert skerry("network", "rm", "app").stdout == "app\n"
    assert skerry("network", "exists", "app", check=False).code == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("create", "podman"), "network name podman already used: network already exists"),
        (("create", "a/b"), "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"),
        (("create", "host"), "valid network mode"),
        (("create", "--subnet", "10.88.3.0/24", "x"), "already used"),
        (("create", "--gateway", "10.1.1.1", "x"), "cannot set gateway or range without subnet"),
        (("create", "--subnet", "10.211.5.0/24", "--gateway", "10.1.1.1", "x"), "gateway 10.1.1.1 not in subnet"),
        (("create", "-d", "nope", "x"), "unsupported driver nope"),
        (("create", "-o", "foo=1", "x"), "unsupported bridge network option foo"),
        (("rm", "podman"), "default network podman cannot be removed"),
        (("rm", "nope"), "unable to find network with name or ID nope: network not found"),
        (("inspect", "nope"), "unable to find network with name or ID nope: network not found"),
    ],
)
def test_mistakes_are_one_line(skerry: Skerry, argv: tuple[str, ...], words: str) -> None:
    result = skerry("network", *argv, check=False)
    assert result.code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_a_network_in_use_stays_unless_forced(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    box = skerry("run", "-d", "--network", "app", busybox, "sleep", "60").id
    (shown,) = json.loads(skerry("network", "inspect", "app").stdout)
    assert list(shown["containers"]) == [box]
    refused = skerry("network", "rm", "app", check=False)
    assert refused.code == 2
    assert "network is being used" in refused.stderr
    skerry("network", "rm", "-f", "app")
    assert skerry("ps", "-aq").stdout == ""
    assert skerry("network", "ls", "-q").lines == ["podman"]


def test_prune_removes_what_nobody_uses(skerry: Skerry, busybox: str) -> None:
    for name in ("used", "idle"):
        skerry("network", "create", name)
    skerry("create", "--network", "used", busybox, "true")
    assert skerry("network", "prune", "-f").lines == ["idle"]
    assert skerry("network", "ls", "-q").lines == ["podman", "used"]


def test_two_stores_choose_different_subnets(skerry: Skerry, short_tmp: Path) -> None:
    other = Skerry(short_tmp / "other")
    subnet = ("network", "inspect", "app", "--format", "{{(index .Subnets 0).Subnet}}")
    found = []
    for store in (skerry, other):
        store("network", "create", "app")
        found.append(store(*subnet).stdout)
    assert found[0] != found[1]
    for store in (skerry, other):
        store("network", "rm", "app")


@pytest.fixture
def parent(eventually: Callable[..., None]) -> Iterator[str]:
    """One end of a pair of interfaces on the host; the other has 10.214.77.1."""
    name = f"skt{os.getpid()}"
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", f"{name}p"], check=True)
    for words in (
        ["link", "set", name, "up"],
        ["link", "set", f"{name}p", "up"],
        ["addr", "add", "10.214.77.1/24", "dev", f"{name}p"],
    ):
        subprocess.run(["ip", *words], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def test_macvlan_is_straight_on_the_hosts_interface(skerry: Skerry, busybox: str, parent: str) -> None:
    kinds = subprocess.run(
        ["ip", "link", "add", "sktry", "link", parent, "type", "macvlan"], check=False, capture_output=True
    )
    if kinds.returncode:
        pytest.skip("this kernel has no macvlan")
    subprocess.run(["ip", "link", "del", "sktry"], check=True)
    subnet = ("--subnet", "10.214.77.0/24", "--ip-range", "10.214.77.100-10.214.77.110")
    refused = skerry("network", "create", "-d", "macvlan", *subnet, "-o", "mode=odd", "lan", check=False)
    assert 'unknown macvlan mode "odd"' in refused.stderr
    skerry("network", "create", "-d", "macvlan", "-o", f"parent={parent}", *subnet, "lan")
    (shown,) = json.loads(skerry("network", "inspect", "lan").stdout)
    assert (shown["driver"], shown["network_interface"], shown["dns_enabled"]) == ("macvlan", parent, False)
    box = skerry("run", "-d", "--cap-add", "net_raw", "--network", "lan", "-p", "18087:80", busybox, "sleep", "60").id
    assert "inet 10.214.77.10" in skerry("exec", box, "ip", "-4", "addr", "show", "eth0").stdout
    assert skerry("exec", box, "ping", "-c1", "-W5", "10.214.77.1").code == 0
    skerry("network", "disconnect", "lan", box)
    assert "eth0" not in skerry("exec", box, "ip", "link").stdout
    skerry("rm", "-ft0", box)
    skerry("network", "rm", "lan")
    assert subprocess.run(["ip", "link", "show", parent], check=False, capture_output=True).returncode == 0


def test_a_macvlan_network_says_what_it_lacks(skerry: Skerry) -> None:
    result = skerry("network", "create", "-d", "macvlan", "lan", check=False)
    assert "needs the subnet of its parent's network" in result.stderr
    result = skerry(
        "network", "create", "-d", "macvlan", "-o", "parent=nope0", "--subnet", "10.9.9.0/24", "lan", check=False
    )
    assert "parent interface nope0 does not exist" in result.stderr
