"""Hosts whose own firewall drops what is forwarded."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from skerry.linux import netns
from skerry.network import definitions, foreign, setup

from .conftest import HOST_IP, REMOTE_IP, Host
from .test_setup import APP

needs_iptables = pytest.mark.skipif(not shutil.which("iptables-nft"), reason="needs iptables")


def sh(*lines: str) -> str:
    return subprocess.run(["sh", "-ec", "\n".join(lines)], capture_output=True, text=True, check=True).stdout


def rules() -> str:
    return sh("iptables-nft -S; ip6tables-nft -S")


@pytest.mark.usefixtures("host")
def test_forward_policies_are_found() -> None:
    sh("nft 'add table ip x; add chain ip x f { type filter hook forward priority 0; policy drop; }'")
    (chain,) = foreign.forward_chains()
    assert (str(chain), chain.drops, foreign.is_iptables(chain)) == ("ip x f", True, False)
    sh("nft delete table ip x")


@needs_iptables
@pytest.mark.parametrize("docker", [False, True])
def test_ports_and_the_way_out_work_where_iptables_drops_what_is_forwarded(host: Host, docker: bool) -> None:
    sh("iptables-nft -P FORWARD DROP")
    if docker:
        sh("iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN; iptables-nft -A FORWARD -j DOCKER-USER")
    web, outside = host.box("web"), host.box("outside")
    web.up("8080:80")
    web.serve("tcp:80")
    assert host.ask(HOST_IP, 8080, where=host.remote).startswith("web")
    own, outside.path = outside.path, host.remote
    outside.serve("tcp:99")
    assert host.ask(REMOTE_IP, 99, where=web.path).startswith("outside")
    outside.servers.pop().kill()
    host.boxes.remove(outside)
    netns.remove(own)
    assert ("-A DOCKER-USER -i skerry+" in rules()) == docker
    assert ("-A FORWARD -i skerry+" in rules()) != docker
    web.down()
    setup.forget_host(host.context)
    assert "skerry" not in rules()


@needs_iptables
def test_what_comes_unasked_still_does_not_reach_a_container(host: Host) -> None:
    sh("iptables-nft -P FORWARD DROP")
    web = host.box("web")
    web.up("8080:80")
    web.serve("tcp:80", "tcp:81")
    sh(f"nsenter --net={host.remote} ip route add 10.88.0.0/16 via {HOST_IP}")
    assert host.ask(web.ips[0], 81, where=host.remote).startswith("failed")


@needs_iptables
def test_rules_are_added_once_and_for_a_bridge_with_another_name_by_name(host: Host) -> None:
    sh("iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP")
    definitions.save(host.context, APP)
    for number in range(2):
        box = host.box(f"box{number}")
        box.up(networks=[{"name": "app"}, {"name": "podman"}])
        box.down()
        setup.sweep(host.context, [])
    assert rules().count("-i skapp") == 2
    assert rules().count("-i skerry+") == 1
    foreign.retract(host.context, ["skapp", foreign.OWN])
    assert "skapp" not in rules()


@needs_iptables
def test_iptables_that_accepts_is_left_alone(host: Host) -> None:
    sh("iptables-nft -A FORWARD -s 192.0.2.77 -j DROP")
    before = rules()
    host.box("web").up("8080:80")
    assert rules() == before
