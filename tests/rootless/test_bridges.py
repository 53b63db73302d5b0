"""A real user's bridge networks: one network namespace of their own with pasta as its uplink."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.network.conftest import SERVER
from tests.rootless.conftest import User, needs_programs, wait_until
from tests.rootless.test_network import SERVE, fetch, free_port
from tests.rootless.test_network import pytestmark as network_marks

pytestmark = [
    *network_marks,
    needs_programs,
    pytest.mark.skipif(not os.path.exists("/usr/lib/podman/aardvark-dns"), reason="needs aardvark-dns"),
]
Run = Callable[..., str]
SHARED = "netns/skerry-bridges"
HOST_IP, REMOTE_IP = "203.0.113.17", "203.0.113.18"
HOST_IP6, REMOTE_IP6 = "fd00:5ca1::1", "fd00:5ca1::2"
CLIENT = """
import socket
s = socket.socket(socket.AF_INET6 if ":" in "{address}" else socket.AF_INET, socket.{kind}); s.settimeout(5); s.connect(("{address}", {port})); s.send(b"x")
print(s.recv(100).decode(), end="")
"""


@pytest.fixture
def remote() -> Iterator[str]:
    """Another host: a network namespace with a cable to this one. Its path."""
    name = f"skr{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        peer = ["type", "veth", "peer", "eth0", "netns", name]
        subprocess.run(["ip", "link", "add", name, *peer], check=True)
        subprocess.run(["ip", "addr", "add", f"{HOST_IP}/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        subprocess.run(["ip", "-n", name, "addr", "add", f"{REMOTE_IP}/24", "dev", "eth0"], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "eth0", "up"], check=True)
        subprocess.run(["ip", "-6", "addr", "add", f"{HOST_IP6}/64", "dev", name, "nodad"], check=True)
        subprocess.run(["ip", "-n", name, "-6", "addr", "add", f"{REMOTE_IP6}/64", "dev", "eth0", "nodad"], check=True)
        yield f"/run/netns/{name}"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def ask_from(remote: str, kind: str, address: str, port: int) -> str:
    """What a server answers when it is asked from another host."""
    script = CLIENT.format(kind=f"SOCK_{'STREAM' if kind == 'tcp' else 'DGRAM'}", address=address, port=port)
    argv = ["nsenter", f"--net={remote}", sys.executable, "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def ask(user: User, name: str, address: str) -> str:
    return user.skerry("exec", name, "wget", "-q", "-O", "-", f"http://{address}/", check=False).stdout.strip()


def test_containers_find_each_other_and_the_host_finds_their_ports(user: User, run: Run) -> None:
    port = free_port()
    user.skerry("network", "create", "app")
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="app")
    run("-d", "--name", "two", command=("sleep", "60"), network="app:alias=zwei")
    assert fetch(port) == "hello\n"
    wait_until(lambda: ask(user, "two", "web") == "hello", "the name is known")
    assert user.skerry("port", "web").stdout == f"80/tcp -> 127.0.0.1:{port}\n"
    user.skerry("stop", "-t", "0", "web")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    user.skerry("start", "web")
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-fa", "-t", "0")
    wait_until(lambda: not (user.run / SHARED).exists(), "the namespace goes with its last container")
    wait_until(lambda: len(user.processes()) == 1, "pasta, aardvark-dns and the forwarder end")
    assert [path.name for path in (user.run / "skerry/net").iterdir()] == ["shared.lock"]


def test_networks_of_a_user_are_apart_and_an_internal_one_has_no_way_out(user: User, run: Run) -> None:
    user.skerry("network", "create", "left")
    user.skerry("network", "create", "right")
    user.skerry("network", "create", "--internal", "inside")
    run("-d", "--name", "l", command=SERVE, network="left")
    run("-d", "--name", "r", command=SERVE, network="right")
    address = user.skerry("inspect", "l", "--format", "{{.NetworkSettings.Networks.left.IPAddress}}").stdout.strip()
    reach = ("sh", "-c", f"wget -q -O - http://{address}/ & sleep 2; kill $!; true")
    run("-d", "--name", "l2", command=("sleep", "60"), network="left")
    wait_until(lambda: ask(user, "l2", address) == "hello", "its own network is reached")
    assert run("--rm", command=reach, network="right") == ""
    assert "default" not in run("--rm", command=("ip", "route"), network="inside")
    user.skerry("rm", "-fa", "-t", "0")


def test_udp_and_ranges(user: User, run: Run) -> None:
    port = free_port()
    published = ("-p", f"{port}:53/udp", "-p", f"{port}-{port + 1}:7000-7001")
    run("-d", "--name", "many", *published, command=("sleep", "60"), network="podman")
    pid = user.skerry("inspect", "many", "--format", "{{.State.Pid}}").stdout.strip()
    server = subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", SERVER, "box", "udp:53", "tcp:7001"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        for _ in range(2):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.connect(("127.0.0.1", port))
                client.send(b"x")
                assert client.recv(100) == b"box"
        with socket.create_connection(("127.0.0.1", port + 1), 5) as client:
            assert client.recv(100).startswith(b"box")
        with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as client:
            client.recv(100)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    user.skerry("rm", "-fa", "-t", "0")


WHO = """
import socket, sys, threading
def tcp():
    s = socket.create_server(("", 7000))
    while True:
        c, who = s.accept(); c.sendall(who[0].encode()); c.close()
threading.Thread(target=tcp, daemon=True).start()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("", 7001))
print("ready", flush=True)
while True:
    _, who = u.recvfrom(100); u.sendto(who[0].encode(), who)
"""


def test_a_container_sees_its_clients_real_addresses(user: User, run: Run, remote: str) -> None:
    """Another host's, over TCP and UDP; this host's own loopback is the gateway's, as with root's bridges."""
    port = free_port()
    user.skerry("network", "create", "--internal", "inside")
    run(
        "-d", "--name", "who", "-p", f"{port}:7000", "-p", f"{port}:7001/udp", command=("sleep", "60"), network="podman"
    )
    pid = user.skerry("inspect", "who", "--format", "{{.State.Pid}}").stdout.strip()
    gateway = user.skerry("inspect", "who", "--format", "{{.NetworkSettings.Gateway}}").stdout.strip()
    server = subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", WHO], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        for kind in ("tcp", "udp"):
            for _ in range(2):
                assert ask_from(remote, kind, HOST_IP, port) == REMOTE_IP
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            assert client.recv(100).decode() == gateway
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    user.skerry("rm", "-fa", "-t", "0")


def test_clients_over_ipv6_are_seen_too(user: User, run: Run, remote: str) -> None:
    port = free_port()
    user.skerry("network", "create", "--ipv6", "six")
    run("-d", "--name", "who", "-p", f"{port}:7000", "-p", f"{port}:7001/udp", command=("sleep", "60"), network="six")
    pid = user.skerry("inspect", "who", "--format", "{{.State.Pid}}").stdout.strip()
    words = WHO.replace("socket.AF_INET,", "socket.AF_INET6,").replace(
        'socket.create_server(("", 7000))',
        'socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)',
    )
    server = subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", words], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        for kind in ("tcp", "udp"):
            assert ask_from(remote, kind, HOST_IP6, port) == REMOTE_IP6
            assert ask_from(remote, kind, HOST_IP, port) == f"::ffff:{REMOTE_IP}"
        with socket.create_connection(("::1", port), 5) as client:
            assert client.recv(100).decode().startswith("fd")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    user.skerry("rm", "-fa", "-t", "0")


def test_an_internal_network_without_a_way_to_answer_strangers_is_still_published(
    user: User, run: Run, remote: str
) -> None:  # fmt: skip
    port = free_port()
    user.skerry("network", "create", "--internal", "inside")
    run("-d", "--name", "web", "-p", f"{port}:80", command=SERVE, network="inside")
    assert fetch(port) == "hello\n"
    script = (
        f"import urllib.request as u; print(u.urlopen('http://{HOST_IP}:{port}/', timeout=5).read().decode(), end='')"
    )
    done = subprocess.run(
        ["nsenter", f"--net={remote}", sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "no_proxy": "*"},
    )  # fmt: skip
    assert done.stdout == "hello\n"
    user.skerry("rm", "-fa", "-t", "0")


def test_thousands_of_ports_to_others_inside(user: User, run: Run) -> None:
    """More than a socket's buffer takes at once for a user, and than a process may usually have open."""
    published = ("-p", "127.0.0.1:23000-25999:13000-15999", "-p", "127.0.0.1:23000-23199:13000-13199/udp")
    run("-d", "--name", "many", *published, command=("sh", "-c", "echo hello | nc -l -p 15432"), network="podman")
    wait_until(
        lambda: ":3C48 " in user.skerry("exec", "many", "cat", "/proc/net/tcp6", check=False).stdout, "it listens"
    )
    with socket.create_connection(("127.0.0.1", 25432), 5) as client:
        assert client.recv(100) == b"hello\n"
    user.skerry("rm", "-f", "-t", "0", "many")
    assert user.skerry("ps", "-aq").stdout == ""


def test_a_taken_port_is_one_clear_error_and_leaves_nothing(user: User, run: Run) -> None:
    run("--rm", command=("true",), network="podman")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ("-p", f"127.0.0.1:{port}:80", "--network", "podman", "--rootfs", "rootfs", "true")
        result = user.skerry("run", "--rm", *flags, check=False)
    assert result.returncode in (125, 126)
    assert f"127.0.0.1:{port}: bind: address already in use" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    wait_until(lambda: not (user.run / SHARED).exists(), "nothing keeps the namespace")


def test_a_dead_forwarder_is_replaced_by_a_reload(user: User, run: Run) -> None:
    port = free_port()
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="podman")
    assert fetch(port) == "hello\n"
    (forwarder,) = [pid for pid in user.processes() if b"forwarder.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    user.skerry("network", "reload", "web")
    assert forwarder in user.processes()  # one that lives is left alone, and with it what is connected
    os.kill(forwarder, signal.SIGKILL)
    wait_until(lambda: forwarder not in user.processes(), "it is dead")
    user.skerry("network", "reload", "web")
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-fa", "-t", "0")


def test_a_dead_uplink_is_replaced_with_the_next_container(user: User, run: Run) -> None:
    run("-d", "--name", "one", command=("sleep", "60"), network="podman")
    (pasta,) = [
        pid for pid in user.processes() if b"pasta" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    ]
    os.kill(pasta, signal.SIGKILL)
    wait_until(lambda: pasta not in user.processes(), "pasta is dead")
    run("--rm", command=("true",), network="podman")
    assert any(b"pasta" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in user.processes())
    user.skerry("rm", "-fa", "-t", "0")


def test_a_users_running_container_joins_and_leaves_networks_with_its_ports(user: User, run: Run) -> None:
    port = free_port()
    for name in ("left", "right"):
        user.skerry("network", "create", name)
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="left")
    run("-d", "--name", "client", command=("sleep", "60"), network="right")
    user.skerry("network", "connect", "right", "web")
    wait_until(lambda: ask(user, "client", "web") == "hello", "the name is known on the other network")
    assert fetch(port) == "hello\n"
    user.skerry("network", "disconnect", "left", "web")
    wait_until(lambda: fetch(port) == "hello\n", "the port leads to the address that is left")
    user.skerry("network", "reload", "web")
    user.skerry("network", "disconnect", "right", "web")
    user.skerry("network", "connect", "left", "web")
    wait_until(lambda: fetch(port) == "hello\n", "the port is back")
    user.skerry("rm", "-fa", "-t", "0")
    wait_until(lambda: len(user.processes()) == 1, "pasta, aardvark-dns and the forwarder end")


def test_a_running_container_publishes_another_port(user: User, run: Run) -> None:
    first, second = free_port(), free_port()
    user.skerry("network", "create", "app")
    run("-d", "--name", "web", "-p", f"127.0.0.1:{first}:80", command=SERVE, network="app")
    assert fetch(first) == "hello\n"
    user.skerry("update", "--publish-add", f"127.0.0.1:{second}:80", "web")
    assert fetch(first) == fetch(second) == "hello\n"
    user.skerry("update", "--publish-rm", f"{first}:80", "web")
    assert user.skerry("port", "web").stdout == f"80/tcp -> 127.0.0.1:{second}\n"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", first))
    assert fetch(second) == "hello\n"


def test_a_program_in_the_network_of_bridges(user: User, run: Run) -> None:
    alone = user.skerry(
        "unshare", "--rootless-netns", "sh", "-c", "ls /sys/class/net; cat /etc/resolv.conf; ip -4 route"
    )
    assert "default via" in alone.stdout
    assert "nameserver 169.254.1.1" in alone.stdout
    assert not (user.run / SHARED).exists()
    assert user.skerry("unshare", "--rootless-netns", "sh", "-c", "exit 7", check=False).returncode == 7
    user.skerry("network", "create", "--subnet", "10.219.7.0/24", "app")
    run("-d", "--name", "web", command=SERVE, network="app")
    inside = user.skerry("unshare", "--rootless-netns", "ip", "-4", "-o", "addr")
    assert "inet 10.219.7.1/24" in inside.stdout
    assert (user.run / SHARED).exists()
    user.skerry("rm", "-fa", "-t", "0")
    missing = user.skerry("unshare", "--rootless-netns", "/no/such", check=False)
    assert (missing.returncode, missing.stderr) == (127, "Error: exec /no/such: no such file or directory\n")
    wait_until(lambda: not (user.run / SHARED).exists(), "nothing keeps the namespace")


def test_a_container_on_a_bridge_finds_its_host_where_pasta_can_lead_there(user: User, run: Run) -> None:
    words = subprocess.run(["pasta", "--help"], capture_output=True, text=True, check=False)
    can = "--map-guest-addr" in words.stdout + words.stderr
    for network in ("podman", "pasta"):
        hosts = run("--rm", command=("cat", "/etc/hosts"), network=network)
        assert ("169.254.1.2\thost.containers.internal host.docker.internal" in hosts) == can


def test_a_dead_uplink_and_a_dead_name_server_are_told_and_replaced(user: User, run: Run) -> None:
    user.skerry("network", "create", "app")
    run("-d", "--name", "box", command=("sleep", "99"), network="app")

    def helper(word: bytes) -> int:
        return next(pid for pid in user.processes() if word in Path(f"/proc/{pid}/cmdline").read_bytes())

    for word, told in ((b"pasta", "box lacks pasta"), (b"aardvark-dns", "box lacks aardvark-dns")):
        dead = helper(word)
        os.kill(dead, signal.SIGKILL)
        wait_until(lambda dead=dead: dead not in user.processes(), "it is dead")  # type: ignore[misc]
        wait_until(lambda told=told: told in user.skerry("system", "check", check=False).stdout, told)  # type: ignore[misc]
        user.skerry("network", "reload", "box")
        assert helper(word)
        assert user.skerry("system", "check").returncode == 0
    user.skerry("rm", "-fa", "-t", "0")


def test_a_forwarder_whose_maker_was_killed_before_it_wrote_the_pid_is_found(user: User, run: Run) -> None:
    port = free_port()
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="podman")
    assert fetch(port) == "hello\n"
    (path,) = user.run.rglob("*.forwarder")
    path.write_text("")
    user.skerry("restart", "-t", "0", "web")  # the port is free again for the next one
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-fa", "-t", "0")
    wait_until(lambda: len(user.processes()) == 1, "nothing is left")
