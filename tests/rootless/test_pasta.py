"""What a user's pasta does beyond the first packet: options, large transfers, and its death."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.rootless.conftest import User, needs_programs, wait_until
from tests.rootless.test_network import SERVE, Run, fetch, free_port
from tests.rootless.test_network import pytestmark as network_marks

pytestmark = [*network_marks, needs_programs]
HASHER = """
import hashlib, socket, sys
kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET6, getattr(socket, kind)); s.setsockopt(41, socket.IPV6_V6ONLY, 0)
s.bind(("::", port)); s.settimeout(60); digest = hashlib.sha256(); got = 0
if kind == "SOCK_STREAM": s.listen()
print("ready", flush=True)
if kind == "SOCK_STREAM": s, _ = s.accept()
while got < count and (data := s.recv(1 << 20)): digest.update(data); got += len(data)
print(digest.hexdigest(), flush=True)
"""


def pid_file(user: User) -> Path:
    (path,) = user.home.glob(".local/share/skerry/containers/*/pasta.pid")
    return path


@pytest.mark.parametrize(("address", "kind", "mb"), [
    ("127.0.0.1", "SOCK_STREAM", 200), ("::1", "SOCK_STREAM", 50), ("127.0.0.1", "SOCK_DGRAM", 1), ("::1", "SOCK_DGRAM", 1),
])  # fmt: skip
def test_what_is_sent_to_a_published_port_arrives_unharmed(
    user: User, run: Run, address: str, kind: str, mb: int
) -> None:
    port, protocol = free_port(), "udp" if kind == "SOCK_DGRAM" else "tcp"
    publish = f"{f'[{address}]' if ':' in address else address}:{port}:7000/{protocol}"
    run("-d", "--name", "box", "-p", publish, command=("sleep", "99"), network="pasta")
    pid = user.skerry("inspect", "box", "--format", "{{.State.Pid}}").stdout.strip()
    block = os.urandom(1 << 20)
    argv = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", HASHER, kind, "7000", str(mb << 20)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, getattr(socket, kind)) as client:
            client.connect((address, port))
            size = 16384 if kind == "SOCK_DGRAM" else len(block)
            for start in [*range(0, len(block), size)] * mb:
                client.sendall(block[start : start + size])
                if kind == "SOCK_DGRAM":
                    time.sleep(0.002)  # nobody waits for it but we
        found = server.stdout.readline().strip()
    assert found == hashlib.sha256(block * mb).hexdigest()
    user.skerry("rm", "-f", "-t", "0", "box")


def test_a_pid_file_that_the_user_wants_has_pastas_pid(user: User, run: Run) -> None:
    wanted = user.home / "mine.pid"
    run("-d", "--name", "box", command=("sleep", "99"), network=f"pasta:--pid,{wanted},-I,lan0")
    assert wanted.read_text() == pid_file(user).read_text()
    pid = int(wanted.read_text())
    assert b"pasta" in Path(f"/proc/{pid}/cmdline").read_bytes()
    user.skerry("rm", "-f", "-t", "0", "box")
    wait_until(lambda: pid not in user.processes(), "pasta ends with the container")
    words = ("run", "--rm", "--network", "pasta:--pid,/nowhere/x.pid", "--rootfs", "rootfs", "true")
    refused = user.skerry(*words, check=False)
    assert refused.returncode
    assert "/nowhere/x.pid: no such file or directory" in refused.stderr


def test_an_older_pasta_leads_to_an_address_of_the_host_that_the_container_has_not(user: User, run: Run) -> None:
    (user.home / "helpers").mkdir()
    (user.home / "helpers/pasta").write_text(
        "#!/bin/sh\nfor word; do if [ $word = --map-guest-addr ]; then echo unrecognized option --map-guest-addr >&2; exit 1; fi; done\n"
        f'exec {shutil.which("pasta")} "$@"\n'
    )
    (user.home / "helpers/pasta").chmod(0o755)
    (user.home / "c.conf").write_text(f'[engine]\nhelper_binaries_dir = ["{user.home}/helpers"]\n')
    words = (
        "run",
        "--rm",
        "--network",
        "pasta:-a,192.0.2.99,-g,192.0.2.98,-n,24",
        "--rootfs",
        "rootfs",
        "cat",
        "/etc/hosts",
    )
    hosts = user.skerry(*words, CONTAINERS_CONF_OVERRIDE=str(user.home / "c.conf")).stdout
    (line,) = [line for line in hosts.splitlines() if "host.containers.internal" in line]
    address = line.split()[0]
    assert f" {address}/" in subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True).stdout
    assert not address.startswith(("127.", "192.0.2.99"))


def test_a_dead_pasta_is_told_by_a_check_and_replaced_by_a_reload(user: User, run: Run) -> None:
    port = free_port()
    run("-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", command=SERVE, network="pasta")
    assert fetch(port) == "hello\n"
    assert user.skerry("system", "check").returncode == 0
    os.kill(int(pid_file(user).read_text()), signal.SIGKILL)
    wait_until(lambda: user.skerry("system", "check", check=False).returncode != 0, "it is missed")
    assert "web lacks pasta; skerry network reload web" in user.skerry("system", "check", check=False).stdout
    user.skerry("network", "reload", "web")
    assert fetch(port) == "hello\n"
    again = int(pid_file(user).read_text())
    user.skerry("network", "reload", "web")
    assert int(pid_file(user).read_text()) == again  # one that lives is left alone
    os.kill(again, signal.SIGKILL)
    user.skerry("system", "check", "--repair", check=False)
    assert fetch(port) == "hello\n"
    user.skerry("rm", "-f", "-t", "0", "web")


def test_a_runtime_folder_behind_a_link_and_helpers_from_the_environment(user: User, run: Run) -> None:
    run("--rm", command=("true",))
    (user.home / "link").symlink_to(user.run.parent)
    env = {"XDG_RUNTIME_DIR": f"{user.home}/link/{user.uid}"}
    words = ("run", "--rm", "--network", "bridge", "--rootfs", "rootfs", "ip", "addr")
    done = user.skerry(*words, **env)
    assert "eth0" in done.stdout
    assert done.stderr == ""
    (user.home / "pasta").symlink_to("/bin/false")
    wait_until(lambda: not (user.run / "netns/skerry-bridges").exists(), "the namespace goes with its last container")
    refused = user.skerry(
        "unshare", "--rootless-netns", "true", check=False, CONTAINERS_HELPER_BINARY_DIR=str(user.home)
    )
    assert (refused.returncode, "pasta failed with exit code 1" in refused.stderr) == (125, True)
