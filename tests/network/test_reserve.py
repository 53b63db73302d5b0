"""Host ports that nobody else may listen on while a container has them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry

from skerry.errors import Conflict
from skerry.linux.process import descriptor_of
from skerry.network import reserve
from skerry.network.ports import assign, claim, hold, parse_publish

from .test_containers import free_port

THOUSANDS = """
import os
from skerry.network import reserve
from skerry.network.ports import assign, claim, parse_publish
from tests.network.test_reserve import can_listen
kept = reserve.Reserved()
assign(parse_publish("20000-22999:20000-22999"), (), kept)
kept.flush()
assert len(os.listdir("/proc/self/fd")) < 20
assert not can_listen(20000) and not can_listen(22999)
kept.drop([claim(each) for each in parse_publish("20500-21499:500-1499")])
assert [can_listen(port) for port in (20499, 20500, 21499, 21500)] == [False, True, True, False]
same = reserve.of(os.getpid(), kept.inode())
same.free()
assert can_listen(20000) and can_listen(22999)
print("done")
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def can_listen(port: int, address: str = "0.0.0.0", kind: int = socket.SOCK_STREAM) -> bool:
    """Whether a server, as servers are written, can have the port."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as server:
        if kind == socket.SOCK_STREAM:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address, port))
            if kind == socket.SOCK_STREAM:
                server.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


@contextlib.contextmanager
def reserved(*publish: str) -> Iterator[reserve.Reserved]:
    kept = reserve.Reserved()
    assign([port for spec in publish for port in parse_publish(spec)], (), kept)
    kept.flush()
    yield kept
    kept.close()


def test_a_reserved_port_refuses_everybody_on_every_address_until_it_is_dropped() -> None:
    port = free_port()
    with reserved(f"{port}:80", f"127.0.0.1:{port}:53/udp") as kept:
        for address in ("0.0.0.0", "127.0.0.1", "::", "::1"):
            assert not can_listen(port, address)
        assert not can_listen(port, "127.0.0.1", socket.SOCK_DGRAM)
        assert can_listen(port, "127.0.0.2", socket.SOCK_DGRAM)
        kept.drop([claim(each) for each in parse_publish(f"{port}:80")])
        assert can_listen(port)
        assert not can_listen(port, "127.0.0.1", socket.SOCK_DGRAM)
    assert can_listen(port, "127.0.0.1", socket.SOCK_DGRAM)


@needs_root
def test_thousands_of_ports_are_one_descriptor_and_some_of_them_can_be_given_back() -> None:
    # In a namespace of its own nobody else has one of them.
    argv = ["unshare", "--net", sys.executable, "-c", THOUSANDS]
    done = subprocess.run(
        argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_lingering_connections_of_a_former_server_are_no_reason_to_refuse() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # first: its end lingers with the port
            client.recv(1)
    with reserved(f"{port}:80"):
        assert not can_listen(port)


def test_a_port_that_somebody_has_is_refused_and_held_is_only_what_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Conflict, match=f":{port}: bind: address already in use"), reserved(f"{port}:80"):
            pass
        kept = reserve.Reserved()
        other = free_port()
        hold([*parse_publish(f"{port}:80"), *parse_publish(f"{other}:81")], kept)
        assert not can_listen(other)
        kept.free()


def test_descriptors_of_others_are_found_by_their_name_only() -> None:
    assert descriptor_of(os.getpid(), "socket:[1]") == -1
    assert descriptor_of(1 << 22, "socket:[1]") == -1


@needs_root
def test_no_program_takes_the_port_of_a_running_container_and_any_can_after_it(skerry: Skerry, busybox: str) -> None:
    port, more = free_port(), free_port()
    skerry("run", "-d", "--name", "box", "-p", f"{port}:80", "-p", f"127.0.0.1:{port}:80/udp", busybox, "sleep", "99")
    assert not can_listen(port)
    assert not can_listen(port, "127.0.0.1", socket.SOCK_DGRAM)
    skerry("update", "--publish-rm", f"{port}:80", "--publish-add", f"{more}:80", "box")
    assert can_listen(port)
    assert not can_listen(more)
    skerry("restart", "-t", "0", "box")
    assert not can_listen(more)
    pid = skerry("inspect", "box", "--format", "{{.State.Pid}}").stdout.strip()
    assert not [fd for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2], "nothing of it is the container's"
    skerry("stop", "-t", "0", "box")
    assert can_listen(more)
    assert can_listen(port, "127.0.0.1", socket.SOCK_DGRAM)


@needs_root
def test_a_container_that_does_not_start_leaves_its_port_free(skerry: Skerry, busybox: str) -> None:
    port = free_port()
    refused = skerry("run", "--name", "box", "-p", f"{port}:80", busybox, "/no/such/program", check=False)
    assert refused.code == 127
    assert can_listen(port)


@needs_root
def test_a_program_that_has_the_port_is_met_at_once(skerry: Skerry, busybox: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        result = skerry("run", "--rm", "-p", f"{port}:80", busybox, "true", check=False)
        assert (result.code, "address already in use" in result.stderr) == (126, True)


@needs_root
def test_containers_conf_can_leave_ports_unreserved(
    skerry: Skerry, busybox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "containers.conf").write_text("[engine]\nenable_port_reservation = false\n")
    monkeypatch.setenv("CONTAINERS_CONF_OVERRIDE", str(tmp_path / "containers.conf"))
    port = free_port()
    skerry("run", "-d", "--name", "box", "-p", f"{port}:80", busybox, "sleep", "99")
    assert can_listen(port)


@needs_root
def test_containers_conf_can_have_ports_listened_on(
    skerry: Skerry, busybox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "containers.conf").write_text("[engine]\nforce_port_listen = true\n")
    monkeypatch.setenv("CONTAINERS_CONF_OVERRIDE", str(tmp_path / "containers.conf"))
    port = free_port()
    skerry("run", "-d", "--name", "box", "-p", f"{port}:80", busybox, "sleep", "99")
    listening = subprocess.run(["ss", "-Hltn", "sport", "=", str(port)], capture_output=True, text=True).stdout
    assert "LISTEN" in listening
    assert f"*:{port}" in listening


def test_a_random_port_is_chosen_when_the_container_is_made_and_stays(skerry: Skerry, busybox: str) -> None:
    skerry(
        "create", "--name", "box", "-p", "80", "-p", "127.0.0.1::81-82", "--expose", "99", "-P", busybox, "sleep", "9"
    )

    def bindings() -> str:
        return skerry("inspect", "box", "--format", "{{json .HostConfig.PortBindings}}").stdout

    made = bindings()
    numbers = [int(text) for text in re.findall(r'"HostPort":\s*"(\d+)"', made)]
    assert len(numbers) == 4
    assert min(numbers) > 1024
    shown = skerry("ps", "-a", "--format", "{{.Ports}}").stdout
    assert all(str(number) in shown for number in numbers)
    skerry("start", "box")
    first = skerry("port", "box").stdout
    skerry("restart", "-t", "0", "box")
    assert (skerry("port", "box").stdout, bindings()) == (first, made)
    assert all(f":{number}\n" in first for number in numbers)
