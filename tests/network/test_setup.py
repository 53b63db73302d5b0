"""Containers on bridges, on a real kernel."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support import child

from skerry.errors import Conflict, Invalid, NotFound, OutOfSpace
from skerry.linux import netns
from skerry.network import definitions, firewall, setup

from .conftest import HOST_IP, REMOTE_IP, SERVER, Box, Host

APP = {
    "name": "app", "id": "ab" * 32, "driver": "bridge", "network_interface": "skapp", "created": "",
    "subnets": [{"subnet": "10.201.7.0/24", "gateway": "10.201.7.1"}, {"subnet": "fd01:7::/64", "gateway": "fd01:7::1"}],
    "ipv6_enabled": True, "internal": False, "dns_enabled": False,
}  # fmt: skip


def test_a_published_port_is_reached_from_everywhere(host: Host) -> None:
    web, other = host.box("web"), host.box("other")
    web.up("8080:80", "9053:53/udp", "127.0.0.1:8081:80", "7000-7010:7000-7010")
    other.up()
    web.serve("tcp:80", "udp:53", "tcp:7003")
    assert host.ask("127.0.0.1", 8080).startswith("web")
    assert host.ask(HOST_IP, 8080) == f"web {HOST_IP}" or host.ask(HOST_IP, 8080).startswith("web")
    assert host.ask(HOST_IP, 8080, where=host.remote) == f"web ::ffff:{REMOTE_IP}"
    assert host.ask(HOST_IP, 7003, where=host.remote).startswith("web")
    assert host.ask(HOST_IP, 9053, kind="udp", where=host.remote) == "web"
    assert host.ask("127.0.0.1", 9053, kind="udp") == "web"
    assert host.ask(HOST_IP, 8080, where=other.path).startswith("web")
    assert host.ask(HOST_IP, 8080, where=web.path).startswith("web")
    assert host.ask(web.ips[0], 80, where=other.path).startswith("web")


def test_a_port_bound_to_loopback_is_not_reached_from_outside(host: Host) -> None:
    web = host.box("web")
    web.up("127.0.0.1:8081:80")
    web.serve("tcp:80")
    assert host.ask("127.0.0.1", 8081).startswith("web")
    assert host.ask(HOST_IP, 8081, where=host.remote).startswith("failed")


def test_containers_reach_the_outside_by_the_hosts_address(host: Host) -> None:
    box = host.box("box")
    box.up()
    server = host.box("server")
    server.path = host.remote
    server.serve("tcp:99")
    assert host.ask(REMOTE_IP, 99, where=box.path) == f"server ::ffff:{HOST_IP}"
    server.servers[0].kill()
    server.servers.pop().wait()
    host.boxes.remove(server)
    netns.remove(str(host.folder / "ns-server"))


def test_a_container_cannot_reach_what_listens_on_the_hosts_loopback(host: Host) -> None:
    box = host.box("box")
    box.up("8080:80")
    listener = subprocess.Popen([sys.executable, "-m", "http.server", "6000", "--bind", "127.0.0.1"], stderr=-3)
    try:
        box.run("ip", "route", "add", "127.0.0.5", "via", "10.88.0.1")
        subprocess.run(["nsenter", f"--net={box.path}", "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"])
        assert host.ask("127.0.0.5", 6000, where=box.path).startswith("failed")
    finally:
        listener.kill()
        listener.wait()


def test_ipv6_networks_publish_on_ipv6_as_well(host: Host) -> None:
    definitions.save(host.context, APP)
    web = host.box("web")
    web.up("8080:80", networks=[{"name": "app"}])
    web.serve("tcp:80")
    assert host.ask("fd01:7::1", 8080).startswith("web")
    assert host.ask(HOST_IP, 8080).startswith("web")


def test_the_hosts_ipv6_loopback_is_refused_and_not_waited_for(host: Host) -> None:
    definitions.save(host.context, APP)
    web = host.box("web")
    web.up("8080:80", networks=[{"name": "app"}])
    web.serve("tcp:80")
    assert host.ask("::1", 8080) == "failed ConnectionRefusedError"
    assert host.ask("127.0.0.1", 8080).startswith("web")


@pytest.mark.parametrize(
    ("mine", "theirs", "reached"),
    [
        ("true", "true", False),
        ("true", "false", True),
        ("false", "true", True),
        ("false", "false", True),
        ("strict", "false", False),
        ("false", "strict", False),
        ("", "", False),
        ("", "false", False),
        ("true", "", False),
    ],
)
def test_which_networks_isolated_ones_reach(host: Host, mine: str, theirs: str, reached: bool) -> None:
    for number, (name, isolate) in enumerate((("left", mine), ("right", theirs))):
        network = {
            **APP, "name": name, "id": f"{number}" * 64, "network_interface": f"skt{number}",
            "subnets": [{"subnet": f"10.6.{number}.0/24", "gateway": f"10.6.{number}.1"}],
            "options": {"isolate": isolate} if isolate else {},
        }  # fmt: skip
        definitions.save(host.context, network)
    box, peer, same = host.box("box"), host.box("peer"), host.box("same")
    box.up(networks=[{"name": "left"}])
    peer.up(networks=[{"name": "right"}])
    same.up(networks=[{"name": "left"}])
    peer.serve("tcp:80")
    same.serve("tcp:80")
    assert host.ask(peer.ips[0], 80, where=box.path).startswith("peer") == reached
    assert host.ask(same.ips[0], 80, where=box.path).startswith("same")


def test_an_internal_network_has_no_way_out(host: Host) -> None:
    definitions.save(host.context, {**APP, "internal": True})
    box, peer = host.box("box"), host.box("peer")
    box.up(networks=[{"name": "app"}])
    peer.up(networks=[{"name": "app"}])
    peer.serve("tcp:80")
    assert "default" not in box.run("ip", "route")
    assert host.ask(peer.ips[0], 80, where=box.path).startswith("peer")


def test_two_networks_static_addresses_and_names(host: Host) -> None:
    definitions.save(host.context, APP)
    box = host.box("box")
    wanted = [
        {"name": "app", "static_ips": ["10.201.7.9"], "static_mac": "02:00:00:00:00:09"},
        {"name": "podman", "interface_name": "lan"},
    ]
    done = box.up(networks=wanted)
    assert done.status["app"]["interfaces"]["eth0"]["subnets"][0] == {"ipnet": "10.201.7.9/24", "gateway": "10.201.7.1"}
    assert done.status["app"]["interfaces"]["eth0"]["mac_address"] == "02:00:00:00:00:09"
    assert list(done.status["podman"]["interfaces"]) == ["lan"]
    with pytest.raises(Conflict, match="already allocated to container ID " + box.id):
        host.box("late").up(networks=wanted[:1])


@pytest.mark.parametrize("address", ["10.201.7.1", "10.201.7.0", "10.201.7.255"])
def test_addresses_that_are_not_a_containers_are_refused(host: Host, address: str) -> None:
    definitions.save(host.context, APP)
    with pytest.raises(Conflict):
        host.box("box").up(networks=[{"name": "app", "static_ips": [address]}])


def test_an_address_of_another_subnet_is_refused(host: Host) -> None:
    with pytest.raises(Invalid, match="not in any subnet"):
        host.box("box").up(networks=[{"name": "podman", "static_ips": ["1.2.3.4"]}])


def test_an_unknown_network_is_not_found(host: Host) -> None:
    with pytest.raises(NotFound, match="unable to find network with name or ID nope: network not found"):
        host.box("box").up(networks=[{"name": "nope"}])


def test_a_full_subnet_says_so_and_next_fit_reuses_what_was_freed(host: Host) -> None:
    tiny = {**APP, "subnets": [{"subnet": "10.201.8.0/29", "gateway": "10.201.8.1"}]}
    definitions.save(host.context, tiny)
    boxes = [host.box(f"b{n}") for n in range(6)]
    for box in boxes[:5]:
        box.up(networks=[{"name": "app"}])
    assert sorted(box.ips[0] for box in boxes[:5]) == [f"10.201.8.{n}" for n in range(2, 7)]
    with pytest.raises(OutOfSpace):
        boxes[5].up(networks=[{"name": "app"}])
    freed = boxes[2].ips[0]
    boxes[2].down()
    boxes[5].up(networks=[{"name": "app"}])
    assert boxes[5].ips == [freed]


def test_a_port_is_published_once(host: Host) -> None:
    host.box("one").up("8080:80", "9000-9010:9000-9010")
    for spec in ("8080:81", "127.0.0.1:8080:80", "9005:1", "8000-8100:8000-8100"):
        with pytest.raises(Conflict, match="bind: address already in use"):
            host.box(f"two{spec}".replace("/", "")).up(spec)


def test_thousands_of_ports(host: Host) -> None:
    box = host.box("box")
    start = time.monotonic()
    box.up("20000-22999:20000-22999", "30000-31999:10000-11999")
    box.serve("tcp:22999", "tcp:11999")
    assert time.monotonic() - start < 3
    assert host.ask(HOST_IP, 22999).startswith("box")
    assert host.ask(HOST_IP, 31999).startswith("box")


def test_rules_that_another_tool_flushed_come_back_with_the_next_container(host: Host) -> None:
    web = host.box("web")
    web.up("8080:80")
    web.serve("tcp:80")
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    host.box("next").up()
    assert host.ask(HOST_IP, 8080, where=host.remote).startswith("web")


def test_the_default_network_makes_room_for_another_tools_bridge(host: Host) -> None:
    subprocess.run("ip link add podman9 type bridge; ip address add 10.88.0.1/16 dev podman9", shell=True, check=True)
    try:
        box = host.box("box")
        box.up()
        assert box.ips[0].startswith("10.89.")
    finally:
        subprocess.run(["ip", "link", "delete", "podman9"], check=True)


def test_a_container_comes_back_while_the_kernel_still_removes_its_last_interface(host: Host) -> None:
    box = host.box("box")
    for _ in range(5):
        box.up("8080:80")
        box.down()
        netns.create(box.path)


def test_a_refused_container_holds_nothing(host: Host) -> None:
    definitions.save(host.context, APP)
    box = host.box("box")
    for wrong in ({"name": "app", "static_ips": ["1.2.3.4"]}, {"name": "app", "interface_name": "a/b"}):
        with pytest.raises(Invalid):
            box.up("8080:80", networks=[{"name": "podman"}, wrong])
    with setup.Host(host.context) as opened:
        assert (opened.leases.holdings(), opened.leases.ports(), opened.leases.containers()) == ([], {}, [])


def test_tear_down_twice_is_no_error(host: Host) -> None:
    box = host.box("box")
    box.up("8080:80")
    setup.tear_down(host.context, box.id)
    setup.tear_down(host.context, box.id)
    host.box("again").up("8080:80")


def test_the_idle_bridge_goes_away_by_itself_and_the_empty_table_stays(host: Host) -> None:
    box = host.box("box")
    box.up("8080:80")
    box.down()
    assert host.wait_gone("skerry0")
    assert host.wait_gone("sk")
    assert "inet skerry" in host.tables()


def test_the_table_goes_with_the_last_container_of_all_stores(host: Host) -> None:
    box = host.box("box")
    box.up("8080:80")
    assert setup.forget_host(host.context) == []
    assert "inet skerry" in host.tables()
    box.down()
    assert "nftables table inet skerry" in setup.forget_host(host.context)
    assert setup.forget_host(host.context) == []


def test_a_table_of_another_version_is_replaced_with_what_runs(host: Host) -> None:
    subprocess.run(["nft", "add table inet skerry; add chain inet skerry relic"], check=True)
    web = host.box("web")
    web.up("8080:80")
    web.serve("tcp:80")
    assert host.ask(HOST_IP, 8080, where=host.remote).startswith("web")
    assert "relic" not in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout


def test_only_a_socket_that_deleted_is_left_to_another_process(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(firewall, "_close_later", left.append)
    box = host.box("box")
    box.up("8080:80")
    assert left == []
    setup.tear_down(host.context, box.id)
    assert len(left) == 1


def test_killed_anywhere_a_sweep_leaves_nothing(host: Host) -> None:
    """SIGKILL after 1, 2, 3, … file operations or sends of a set-up."""
    reached = 0
    for count in range(1, 60, 3):
        box = host.box(f"k{count}")
        code = child.wait(child.fork(lambda count=count, box=box: _die_after(count, box)))  # type: ignore[misc]
        netns.remove(box.path)
        setup.sweep(host.context, [])
        assert host.wait_gone("sk")
        if code == 0:
            break
        assert code == -signal.SIGKILL
        reached += 1
    assert reached > 5
    host.box("after").up("8080:80", "9000-9002:9000-9002")


def _die_after(count: int, box: Box) -> None:
    import skerry.linux.netlink.message as message
    import skerry.network.leases as leases

    left = [count]

    def counted(function):  # type: ignore[no-untyped-def]
        def call(*args, **kwargs):  # type: ignore[no-untyped-def]
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    leases._write = counted(leases._write)
    message.Netlink.send = counted(message.Netlink.send)  # type: ignore[method-assign]
    os.rename = counted(os.rename)
    box.up("8080:80", "9000-9002:9000-9002")


def test_twenty_at_once_and_two_stores(host: Host) -> None:
    from skerry.network.context import NetworkContext

    other = NetworkContext(str(host.folder / "n2"), str(host.folder / "run2"), host_dir=host.context.host_dir)
    boxes = [host.box(f"p{n}") for n in range(20)]
    pids = []
    for number, box in enumerate(boxes):
        use = (other if number % 2 else host.context, box.id, box.name, box.path, [{"name": "podman"}], [])
        pids.append(child.fork(lambda use=use: setup.set_up(*use)))  # type: ignore[misc]
    assert [child.wait(pid) for pid in pids] == [0] * 20
    ips = [box.run("ip", "-4", "-o", "address", "show", "eth0").split()[3] for box in boxes]
    assert len(set(ips)) == 20


def test_several_addresses_of_one_subnet_and_one_of_another(host: Host) -> None:
    subnets = [
        {"subnet": "10.201.7.0/24", "gateway": "10.201.7.1"},
        {"subnet": "10.201.8.0/24", "gateway": "10.201.8.1"},
    ]
    definitions.save(host.context, {**APP, "subnets": subnets})
    box = host.box("box")
    done = box.up(networks=[{"name": "app", "static_ips": ["10.201.7.21", "10.201.7.20"]}])
    given = done.status["app"]["interfaces"]["eth0"]["subnets"]
    assert given[:2] == [
        {"ipnet": "10.201.7.21/24", "gateway": "10.201.7.1"},
        {"ipnet": "10.201.7.20/24", "gateway": "10.201.7.1"},
    ]
    assert (len(given), given[2]["gateway"]) == (3, "10.201.8.1")
    shown = box.run("ip", "-o", "-4", "addr", "show", "eth0")
    assert all(subnet["ipnet"] in shown for subnet in given)
    assert box.run("ip", "route").count("default") == 1
    with pytest.raises(Conflict, match=r"10.201.7.20 is already allocated to container ID " + box.id):
        host.box("late").up(networks=[{"name": "app", "static_ips": ["10.201.7.20"]}])


def test_routes_that_lead_nowhere(host: Host) -> None:
    routes = [
        {"destination": f"10.{number}.0.0/16", "route_type": kind, "metric": 77}
        for number, kind in enumerate(("blackhole", "unreachable", "prohibit"), 211)
    ]
    definitions.save(
        host.context, {**APP, "routes": [*routes, {"destination": "fd09::/64", "route_type": "blackhole"}]}
    )
    box = host.box("box")
    box.up(networks=[{"name": "app"}])
    shown = box.run("ip", "route") + box.run("ip", "-6", "route")
    assert "blackhole 10.211.0.0/16 proto static metric 77" in shown
    assert "unreachable 10.212.0.0/16 proto static metric 77" in shown
    assert "prohibit 10.213.0.0/16 proto static metric 77" in shown
    assert "blackhole fd09::/64" in shown


@pytest.mark.parametrize(("options", "size"), [({}, "1400"), ({"mtu": "1300"}, "1300")])
def test_containers_have_the_mtu_of_the_hosts_way_out_unless_the_network_says_another(
    host: Host, options: dict[str, str], size: str
) -> None:
    subprocess.run(["ip", "link", "set", "out0", "mtu", "1400"], check=True)
    subprocess.run(["ip", "route", "replace", "default", "via", REMOTE_IP], check=True)
    definitions.save(host.context, {**APP, "options": options})
    first, second = host.box("first"), host.box("second")
    for box in (first, second):
        box.up(networks=[{"name": "app"}])
        assert f"mtu {size} " in box.run("ip", "link", "show", "eth0")


def test_a_vrf_must_be_there_and_be_one(host: Host) -> None:
    definitions.save(host.context, {**APP, "options": {"vrf": "red"}})
    with pytest.raises(NotFound, match="get vrf to set up bridge interface: there is no link red"):
        host.box("box").up(networks=[{"name": "app"}])
    subprocess.run(["ip", "link", "add", "red", "type", "bridge"], check=True)

    with pytest.raises(Invalid, match="vrf red already exists but is a bridge interface"):
        host.box("other").up(networks=[{"name": "app"}])
    subprocess.run(["ip", "link", "del", "red"], check=True)


def test_a_container_announces_its_address_and_answers_on_any_of_its_networks(host: Host) -> None:
    box = host.box("box")
    box.up()
    for name, value in (("arp_notify", "1"), ("rp_filter", "2")):
        assert box.run("cat", f"/proc/sys/net/ipv4/conf/eth0/{name}").strip() == value


def test_containers_go_out_by_the_address_that_their_network_names(host: Host) -> None:
    subprocess.run(["ip", "addr", "add", "198.51.100.77/24", "dev", "out0"], check=True)
    server = subprocess.Popen(
        ["nsenter", f"--net={host.remote}", sys.executable, "-c", SERVER, "remote", "tcp:80"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        definitions.save(host.context, {**APP, "options": {"outbound_addr4": "198.51.100.77"}})
        box, other = host.box("box"), host.box("other")
        box.up(networks=[{"name": "app"}])
        other.up()
        assert host.ask(REMOTE_IP, 80, where=box.path) == "remote ::ffff:198.51.100.77"
        assert host.ask(REMOTE_IP, 80, where=other.path) == f"remote ::ffff:{HOST_IP}"
        more = host.box("more")
        more.up(networks=[{"name": "app"}])
        assert host.ask(REMOTE_IP, 80, where=more.path) == "remote ::ffff:198.51.100.77"
    finally:
        server.kill()
        server.communicate()


def test_nothing_stays_of_a_network_that_is_removed(host: Host) -> None:
    subnets = [{"subnet": "10.201.7.0/24", "gateway": "10.201.7.1"}, {"subnet": "fd00:7::/64", "gateway": "fd00:7::1"}]
    definitions.save(host.context, {**APP, "subnets": subnets})
    box = host.box("box")
    box.up(networks=[{"name": "app"}])
    bridge = APP["network_interface"]
    noted = list((host.folder / "host").rglob(f"next/{bridge}*"))
    assert len(noted) == 2
    setup.remove_idle(host.context, bridge)
    assert all(path.exists() for path in noted)  # a container is on it
    box.down()
    setup.remove_idle(host.context)
    assert all(path.exists() for path in noted)
    setup.remove_idle(host.context, bridge)
    assert not any(path.exists() for path in noted)


def test_folders_of_namespaces_that_are_gone_are_swept(host: Host) -> None:
    with setup.Host(host.context) as first:
        own = Path(first.leases.folder)
    boot = own.name.split("-")[2]
    busy, gone, past = (own.parent / name for name in (f"4-5-{boot}", f"6-7-{boot}", "8-9-00000000"))
    for folder in (busy, gone, past):
        (folder / "leases").mkdir(parents=True)
        (folder / "addresses/skerry0").mkdir(parents=True)
        (folder / "addresses/skerry0/10.88.0.2").write_text("container")
        (folder / "lock").touch()
    (busy / "leases/container").write_text("{}")
    (past / "leases/container").write_text("{}")
    path = str(host.folder / "ns-other")
    netns.create(path)
    try:
        subprocess.run(
            ["nsenter", f"--net={path}", sys.executable, "-c", _ENTER, host.context.host_dir],
            check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        folders = {entry.name for entry in own.parent.iterdir()}
        assert {own.name, busy.name} < folders  # ours is in use, and that other has a container
        assert not {gone.name, past.name} & folders
        assert len(folders) == 3
    finally:
        netns.remove(path)
        shutil.rmtree(busy)


_ENTER = """
import sys
from skerry.network.leases import Leases
with Leases(sys.argv[1], 1):
    pass
"""
