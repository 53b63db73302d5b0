"""A host of its own for each test: a network namespace with a veth to a 'remote' one. Nothing outside is touched."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.linux import netns
from skerry.linux.netlink import route
from skerry.network import ports, setup
from skerry.network.addresses import pack
from skerry.network.context import NetworkContext

HOST_IP, REMOTE_IP = "198.51.100.1", "198.51.100.2"
SERVER = """
import socket, sys, threading
def tcp(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        c, who = s.accept(); c.sendall(f"{sys.argv[1]} {who[0]}".encode()); c.close()
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", port))
    while True:
        _, who = s.recvfrom(100); s.sendto(sys.argv[1].encode(), who)
for port in sys.argv[2:]:
    kind, _, number = port.partition(":")
    threading.Thread(target=dict(tcp=tcp, udp=udp)[kind], args=(int(number),)).start()
print("ready", flush=True)
"""
_CLIENT = """
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1.5)
try:
    s.connect((address, port))
    if kind == "udp": s.send(b"x")
    print(s.recv(100).decode(), end="")
except OSError as error:
    print("failed", type(error).__name__, end="")
"""


class Box:
    """A stand-in for a container: a namespace that is joined to networks."""

    def __init__(self, host: Host, name: str, path: str) -> None:
        self.host, self.name, self.path = host, name, path
        self.id = os.urandom(32).hex()
        self.servers: list[subprocess.Popen[str]] = []

    def up(self, *publish: str, networks: list[dict[str, object]] | None = None) -> setup.SetUp:
        mappings = [mapping for item in publish for mapping in ports.parse_publish(item)]
        wanted = networks or [{"name": "podman"}]
        self.done = setup.set_up(self.host.context, self.id, self.name, self.path, wanted, mappings)
        return self.done

    @property
    def ips(self) -> list[str]:
        return [
            subnet["ipnet"].partition("/")[0] for network in self.done.status.values()
            for interface in network["interfaces"].values() for subnet in interface["subnets"]
        ]  # fmt: skip

    def serve(self, *where: str) -> None:
        process = subprocess.Popen(
            ["nsenter", f"--net={self.path}", "python3", "-c", SERVER, self.name, *where],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self.servers.append(process)

    def down(self) -> None:
        for process in self.servers:
            process.kill()
            process.wait()
            process.stdout.close()
        self.servers.clear()
        setup.tear_down(self.host.context, self.id)
        netns.remove(self.path)

    def run(self, *argv: str) -> str:
        return subprocess.run(["nsenter", f"--net={self.path}", *argv], capture_output=True, text=True).stdout


class Host:
    """The namespace that plays the host; the test runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = str(folder / "remote")
        self.context = NetworkContext(
            str(folder / "networks"), str(folder / "run"), host_dir=str(folder / "host"), reserve_ports=False
        )  # fmt: skip
        self.boxes: list[Box] = []

    def box(self, name: str) -> Box:
        path = str(self.folder / f"ns-{name}")
        netns.create(path)
        self.boxes.append(Box(self, name, path))
        return self.boxes[-1]

    def ask(self, address: str, port: int, *, kind: str = "tcp", where: str = "") -> str:
        enter = ["nsenter", f"--net={where}"] if where else []
        argv = [*enter, "python3", "-c", _CLIENT, kind, address, str(port)]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def links(self) -> set[str]:
        netlink = route.open_route()
        try:
            return set(route.links(netlink).values())
        finally:
            netlink.close()

    def tables(self) -> str:
        return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout

    def wait_gone(self, prefix: str) -> bool:
        """Whether all links with this prefix go away: the kernel takes its time."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if not any(name.startswith(prefix) for name in self.links()):
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Checks at the end that nothing is left: no link, no table, no lease, no process of DNS."""
    if os.geteuid():
        pytest.skip("needs root")
    own = str(tmp_path / "own")
    netns.create(own)
    fd = os.open(own, os.O_RDONLY)
    made = Host(tmp_path)
    netns.create(made.remote)
    try:
        with netns.Inside(fd):
            _wire(made)
            before = made.links()
            try:
                yield made
                for box in made.boxes:
                    box.down()
                setup.sweep(made.context, [])
                setup.forget_host(made.context)
                assert made.wait_gone("sk")
                assert made.links() == before
                assert "skerry" not in made.tables()
                left = [str(path) for path in (tmp_path / "host").rglob("*") if path.is_file()]
                assert [path for path in left if not path.endswith(("lock", "idle")) and "/next/" not in path] == []
            finally:
                for box in made.boxes:
                    box.down()
    finally:
        os.close(fd)
        netns.remove(made.remote)
        netns.remove(own)


def _wire(host: Host) -> None:
    fd = os.open(host.remote, os.O_RDONLY)
    netlink = route.open_route()
    netlink.send([route.new_bridge("out0", b"\x02outer"), route.set_up(1)])
    index = route.link_index(netlink, "out0")
    netlink.send([
        route.set_up(index), route.new_address(index, pack(HOST_IP), 24),
        route.new_veth("out1", index, "eth0", fd, b"\x02remot"),
    ])  # fmt: skip
    netlink.close()
    with netns.Inside(fd):
        netlink = route.open_route()
    index = route.link_index(netlink, "eth0")
    netlink.send([route.set_up(1), route.set_up(index), route.new_address(index, pack(REMOTE_IP), 24)])
    netlink.close()
    os.close(fd)
