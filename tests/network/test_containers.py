"""Containers on networks, from the command line to the wire: names, addresses, ports, and what must not be reached."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry, eventually
from tests.support.needs import exec_in_chroot

from skerry.linux import netns
from skerry.linux.netlink import route
from skerry.network.addresses import pack

from .conftest import SERVER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_dns = pytest.mark.skipif(not os.path.exists("/usr/lib/podman/aardvark-dns"), reason="needs aardvark-dns")
WEB = "mkdir -p /w; echo {0} > /w/index.html; exec httpd -f -p 80 -h /w"
# The benchmarking range, and in it what other runs of these tests hardly have at the same time.
_CABLE = f"198.{18 + os.getpid() // 256 % 2}.{os.getpid() % 256}"
HOST_IP, REMOTE_IP = _CABLE + ".1", _CABLE + ".2"


@pytest.fixture
def remote(short_tmp: Path) -> Iterator[str]:
    """Another host: a network namespace with a cable to this one. Its path."""
    path, name = str(short_tmp / "remote"), f"skt{os.getpid()}"
    netns.create(path)
    fd = os.open(path, os.O_RDONLY)
    netlink = route.open_route()
    try:
        subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "eth0", "netns", path], check=True)
        index = route.link_index(netlink, name)
        netlink.send([route.set_up(index), route.new_address(index, pack(HOST_IP), 24)])
        with netns.Inside(fd):
            inner = route.open_route()
        index = route.link_index(inner, "eth0")
        inner.send([route.set_up(1), route.set_up(index), route.new_address(index, pack(REMOTE_IP), 24)])
        inner.close()
        yield path
    finally:
        netlink.send([route.del_link(name)])
        netlink.close()
        os.close(fd)
        netns.remove(path)


@pytest.fixture
def web(skerry: Skerry, busybox: str) -> Callable[..., str]:
    """``web(NAME, FLAG…)``: a container that answers its name on port 80; its id."""

    def start(name: str, *flags: str) -> str:
        box = skerry("run", "-d", "--name", name, *flags, busybox, "sh", "-c", WEB.format(name)).id
        eventually(lambda: ":0050 " in skerry("exec", name, "cat", "/proc/net/tcp", "/proc/net/tcp6").stdout)
        return box

    return start


def fetch(skerry: Skerry, name: str, address: str) -> str:
    """What a container gets from an address, or why not."""
    done = skerry("exec", name, "timeout", "3", "wget", "-q", "-O", "-", f"http://{address}/", check=False)
    return done.stdout.strip() or "failed"


_ASK = """
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(6)
try:
    s.connect((address, port))
    s.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while data := s.recv(1000):
        print(data.decode(), end="")
        if kind == "udp": break
except OSError as error:
    print("failed", type(error).__name__, end="")
"""


def ask(address: str, port: int, *, kind: str = "tcp", where: str = "") -> str:
    """What answers on a port, asked from here or from within a network namespace."""
    enter = ["nsenter", f"--net={where}"] if where else []
    argv = [*enter, sys.executable, "-c", _ASK, kind, address, str(port)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def free_port(count: int = 1) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("0.0.0.0", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65000:
            return first


def ip_of(skerry: Skerry, name: str, network: str = "podman") -> str:
    return skerry(
        "inspect", name, "--format", f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    ).stdout.strip()


# names


@needs_dns
@exec_in_chroot
def test_containers_of_a_network_find_each_other_by_name_id_and_alias(skerry: Skerry, web: Callable[..., str]) -> None:
    skerry("network", "create", "app")
    box = web("one", "--network", "app:alias=db", "--network-alias", "cache")
    web("two", "--network", "app")
    for name in ("one", "db", "cache", box[:12], "one.dns.podman"):
        assert fetch(skerry, "two", name) == "one", name
    assert fetch(skerry, "one", "two") == "two"
    resolv = skerry("exec", "two", "cat", "/etc/resolv.conf").stdout
    assert "search dns.podman" in resolv
    assert skerry("exec", "two", "nslookup", "nobody.dns.podman", check=False).code != 0


@needs_dns
@exec_in_chroot
def test_names_follow_a_restart_and_end_with_the_container(skerry: Skerry, web: Callable[..., str]) -> None:
    skerry("network", "create", "app")
    web("one", "--network", "app")
    web("two", "--network", "app")
    before = ip_of(skerry, "one", "app")
    skerry("restart", "-t", "0", "one")
    assert ip_of(skerry, "one", "app") != before
    eventually(lambda: fetch(skerry, "two", "one") == "one")
    skerry("rm", "-f", "-t", "0", "one")
    eventually(lambda: fetch(skerry, "two", "one") == "failed")


@needs_dns
@exec_in_chroot
def test_the_unhealthy_leave_the_names_that_they_share(skerry: Skerry, web: Callable[..., str]) -> None:
    skerry("network", "create", "app")
    check = ("--health-cmd", "test ! -e /bad", "--health-interval", "200ms", "--health-retries", "1")
    for name in ("one", "two"):
        web(name, "--network", "app:alias=db", *check)
    web("client", "--network", "app")

    def found(name: str) -> set[str]:
        answer = skerry("exec", "client", "nslookup", f"{name}.dns.podman", check=False).stdout
        return {line.split()[1] for line in answer.splitlines() if line.startswith("Address: ")}

    one, two = ip_of(skerry, "one", "app"), ip_of(skerry, "two", "app")
    eventually(lambda: found("db") == {one, two})
    skerry("exec", "one", "touch", "/bad")
    eventually(lambda: found("db") == {two})
    assert found("one") == {one}, "its own name stays"
    skerry("exec", "two", "touch", "/bad")
    eventually(lambda: found("db") == {one, two})  # a name never becomes empty
    skerry("exec", "one", "rm", "/bad")
    eventually(lambda: found("db") == {one})
    skerry("exec", "two", "rm", "/bad")
    eventually(lambda: found("db") == {one, two})


RESOLVER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    q, who = s.recvfrom(512)
    end = q.index(0, 12) + 5
    known = q[end - 4 : end - 2] == bytes([0, 1])  # a question for an IPv4 address
    head = q[:2] + bytes([0x81, 0x80, 0, 1, 0, known, 0, 0, 0, 0])
    answer = bytes([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, *map(int, sys.argv[2].split("."))]) if known else b""
    s.sendto(head + q[12:end] + answer, who)
"""


@needs_dns
@exec_in_chroot
def test_each_container_of_a_network_asks_its_own_servers_for_names_outside(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    skerry("network", "create", "app")
    servers = {"127.3.5.7": "192.0.2.77", "127.3.5.8": "192.0.2.88"}
    processes = [
        subprocess.Popen([sys.executable, "-c", RESOLVER, *pair], stdout=subprocess.PIPE, text=True)
        for pair in servers.items()
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for server, answer in servers.items():
            words = ["run", "--rm", "--network", "app", "--dns", server, busybox]
            out = skerry(*words, "sh", "-c", "cat /etc/resolv.conf; nslookup -type=a far.example.org").stdout
            assert server not in out  # the network's own server stands there, and asks it
            assert f"Address: {answer}" in out
        (tmp_path / "Containerfile").write_text(f"FROM {busybox}\nRUN nslookup -type=a far.example.org; true\n")
        for server, answer in servers.items():
            flags = ["--network", "app", "--dns", server, "--no-cache"]
            assert f"Address: {answer}" in skerry("build", *flags, tmp_path).stdout
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@needs_dns
@exec_in_chroot
def test_names_of_one_network_are_not_known_on_another(skerry: Skerry, web: Callable[..., str]) -> None:
    for name in ("left", "right"):
        skerry("network", "create", name)
    web("l", "--network", "left")
    web("r", "--network", "right")
    web("both", "--network", "left", "--network", "right")
    assert fetch(skerry, "l", "both") == "both"
    assert fetch(skerry, "r", "both") == "both"
    assert (fetch(skerry, "both", "l"), fetch(skerry, "both", "r")) == ("l", "r")
    assert fetch(skerry, "l", "r") == "failed"
    assert len([line for line in skerry("exec", "both", "ip", "-o", "-4", "addr").lines if "eth" in line]) == 2


# what may be reached


def test_networks_reach_each_other_only_where_they_say_so_or_through_published_ports(
    skerry: Skerry, web: Callable[..., str], remote: str
) -> None:
    for name, *flags in (("closed",), ("other",), ("open", "-o", "isolate=false"), ("too", "-o", "isolate=false")):
        skerry("network", "create", *flags, name)
    web("one", "--network", "closed")
    web("two", "--network", "closed")
    web("out", "--network", "other", "-p", "18080:80")
    web("default", "--network", "podman")
    web("open1", "--network", "open")
    web("open2", "--network", "too")
    assert fetch(skerry, "one", ip_of(skerry, "two", "closed")) == "two"
    assert fetch(skerry, "one", ip_of(skerry, "out", "other")) == "failed"
    assert fetch(skerry, "one", ip_of(skerry, "default", "podman")) == "failed"
    assert fetch(skerry, "default", ip_of(skerry, "one", "closed")) == "failed"
    assert fetch(skerry, "open1", ip_of(skerry, "one", "closed")) == "failed"
    assert fetch(skerry, "open1", ip_of(skerry, "open2", "too")) == "open2"
    assert fetch(skerry, "one", f"{HOST_IP}:18080") == "out"
    assert "isolate" not in skerry("network", "inspect", "closed").stdout


def test_an_internal_network_sends_nothing_out(skerry: Skerry, web: Callable[..., str], remote: str) -> None:
    skerry("network", "create", "--internal", "--subnet", "10.212.9.0/24", "inside")
    skerry(
        "run", "-d", "--name", "a", "--network", "inside", "--cap-add", "NET_ADMIN", "localhost/busybox", "sleep", "99"
    )
    web("b", "--network", "inside")
    with socket.create_server((HOST_IP, 0)):
        assert fetch(skerry, "a", ip_of(skerry, "b", "inside")) == "b"
        assert "default" not in skerry("exec", "a", "ip", "route").stdout
        # Nor with a route of its own making.
        skerry("exec", "a", "ip", "route", "add", "default", "via", "10.212.9.1")
        process = serve(remote, "tcp:99")
        try:
            assert fetch(skerry, "a", f"{REMOTE_IP}:99") == "failed"
        finally:
            end(process)


def serve(where: str, *what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["nsenter", f"--net={where}", sys.executable, "-c", SERVER, "remote", *what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


# ports


def test_published_ports_from_here_and_from_another_host(skerry: Skerry, web: Callable[..., str], remote: str) -> None:
    port, local = free_port(), free_port()
    web("web", "-p", f"{port}:80", "-p", f"127.0.0.1:{local}:80")
    for address in ("127.0.0.1", HOST_IP):
        assert "web" in ask(address, port)
    assert "web" in ask(HOST_IP, port, where=remote)
    assert "web" in ask("127.0.0.1", local)
    assert "failed" in ask(HOST_IP, local)
    assert "failed" in ask(HOST_IP, local, where=remote)
    assert skerry("port", "web").lines == [f"80/tcp -> 0.0.0.0:{port}", f"80/tcp -> 127.0.0.1:{local}"]
    skerry("stop", "-t", "0", "web")
    assert "failed" in ask(HOST_IP, port, where=remote)
    skerry("start", "web")
    eventually(lambda: "web" in ask(HOST_IP, port, where=remote))


def test_a_port_of_one_address_of_the_host(web: Callable[..., str], remote: str) -> None:
    port = free_port()
    web("web", "-p", f"{HOST_IP}:{port}:80")
    assert "web" in ask(HOST_IP, port, where=remote)
    assert "failed" in ask("127.0.0.1", port)


def test_ranges_and_udp(skerry: Skerry, busybox: str, remote: str) -> None:
    first = free_port(20)
    published = ("-p", f"{first}-{first + 2}:7000-7002", "-p", f"{first + 9}:53/udp")
    skerry("run", "-d", "--name", "many", *published, busybox, "sleep", "60")
    pid = skerry("inspect", "many", "--format", "{{.State.Pid}}").stdout.strip()
    process = serve(f"/proc/{pid}/ns/net", "tcp:7000", "tcp:7002", "udp:53")
    try:
        assert "remote" in ask(HOST_IP, first, where=remote)
        assert "remote" in ask("127.0.0.1", first + 2)
        assert "failed" in ask(HOST_IP, first + 1, where=remote)
        assert "remote" in ask(HOST_IP, first + 9, kind="udp", where=remote)
        assert "remote" in ask("127.0.0.1", first + 9, kind="udp")
    finally:
        end(process)
    assert skerry("port", "many", "7001").lines == [f"0.0.0.0:{first + 1}"]
    assert skerry("port", "many", "53/udp").lines == [f"0.0.0.0:{first + 9}"]


def test_ports_chosen_by_the_engine_are_shown(skerry: Skerry, web: Callable[..., str]) -> None:
    web("web", "-p", "80")
    ((_, port),) = [line.rsplit(":", 1) for line in skerry("port", "web", "80").lines]
    assert "web" in ask("127.0.0.1", int(port))


def test_a_taken_port_is_refused_and_leaves_no_container_behind(
    skerry: Skerry, web: Callable[..., str], busybox: str
) -> None:
    port = free_port()
    web("web", "-p", f"{port}:80")
    late = skerry("run", "--rm", "-p", f"{port}:80", busybox, "true", check=False)
    assert late.code == 126
    assert "bind: address already in use" in late.stderr
    assert len(skerry("ps", "-aq").lines) == 1


# addresses


def test_a_fixed_address_and_mac(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "--subnet", "10.213.7.0/24", "--subnet", "fd13:7::/64", "app")
    box = ("run", "--rm", "--network", "app", "--ip", "10.213.7.77", "--ip6", "fd13:7::77")
    seen = skerry(*box, "--mac-address", "92:d0:c6:0a:29:33", busybox, "ip", "-o", "addr").stdout
    assert "10.213.7.77/24" in seen
    assert "fd13:7::77/64" in seen
    mac = skerry(*box, "--mac-address", "92:d0:c6:0a:29:33", busybox, "cat", "/sys/class/net/eth0/address")
    assert mac.stdout == "92:d0:c6:0a:29:33\n"
    long = skerry(
        "run",
        "--rm",
        "--network",
        "app:ip=10.213.7.9,mac=92:d0:c6:0a:29:44,interface_name=lan0",
        busybox,
        "ip",
        "-o",
        "addr",
    ).stdout
    assert "lan0" in long
    assert "10.213.7.9/24" in long
    wrong = skerry("run", "--rm", "--network", "app", "--ip", "10.1.1.1", busybox, "true", check=False)
    assert "requested static ip 10.1.1.1 not in any subnet on network app" in wrong.stderr


@exec_in_chroot
def test_a_container_in_the_network_of_another(skerry: Skerry, web: Callable[..., str], busybox: str) -> None:
    box = web("web")
    shared = ("run", "--rm", "--network", f"container:{box[:12]}", busybox)
    assert skerry(*shared, "wget", "-q", "-O", "-", "http://127.0.0.1/").stdout == "web\n"
    assert skerry(*shared, "cat", "/etc/hosts").stdout == skerry("exec", "web", "cat", "/etc/hosts").stdout


def test_none_and_host(skerry: Skerry, busybox: str) -> None:
    assert skerry("run", "--rm", "--network", "none", busybox, "ls", "/sys/class/net").lines == ["lo"]
    links = set(os.listdir("/sys/class/net"))
    assert links <= set(skerry("run", "--rm", "--network", "host", busybox, "ls", "/sys/class/net").lines) | {
        "bonding_masters"
    }


@pytest.mark.skipif(not shutil.which("pasta"), reason="needs pasta")
def test_pasta_forwards_no_other_protocol_than_tcp_and_udp(skerry: Skerry, busybox: str) -> None:
    done = skerry("run", "--rm", "--network", "pasta", "-p", "18480:80/sctp", busybox, "true", check=False)
    assert (done.code, done.stderr) == (126, "Error: can't forward protocol: sctp\n")


@pytest.mark.skipif(not shutil.which("pasta"), reason="needs pasta")
def test_pasta_as_root(skerry: Skerry, web: Callable[..., str]) -> None:
    port = free_port()
    web("web", "--network", "pasta", "-p", f"127.0.0.1:{port}:80")
    assert "web" in ask("127.0.0.1", port)
    skerry("stop", "-t", "0", "web")
    skerry("start", "web")
    eventually(lambda: "web" in ask("127.0.0.1", port))


@pytest.mark.usefixtures("busybox")
def test_nothing_is_left_when_the_last_container_has_gone(skerry: Skerry) -> None:
    skerry("network", "create", "app")
    name = json.loads(skerry("network", "inspect", "app").stdout)[0]["network_interface"]
    skerry("run", "--rm", "--network", "app", "-p", f"{free_port()}:80", "localhost/busybox", "true")
    deadline = time.monotonic() + 10
    while os.path.exists(f"/sys/class/net/{name}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rules = subprocess.run(["nft", "list", "table", "inet", "skerry"], capture_output=True, text=True).stdout
    assert name not in rules
