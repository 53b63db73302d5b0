"""Steps of builds as a user: the same in a user namespace."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from tests.rootless.conftest import wait_until

BUILDER = Path(__file__).resolve().parents[1] / "engine/builds/builder.py"


@pytest.fixture
def image(user, busybox_archive):
    """Busybox in the user's own store."""
    with open(busybox_archive, "rb") as archive:
        (user.home / "bb.tar").write_bytes(archive.read())
    os.chown(user.home / "bb.tar", user.uid, user.gid)
    user.skerry("load", "-q", "-i", str(user.home / "bb.tar"))
    return "localhost/busybox:latest"


def build(user, *words, check=True):
    return user(sys.executable, str(BUILDER), "default", *words, check=check)


def test_a_users_steps_run_with_a_network_become_layers_and_are_found_again(user, image):
    first = build(user, "steps", image)
    assert first.stdout.split() == ["key-1", "key-2"]
    assert build(user, "steps", image).stdout.split() == []
    done = user.skerry("run", "--rm", "--network", "none", "built", "sh", "-c", "cat /file-1 /file-2")
    assert done.stdout.split() == ["1", "2"]


def test_files_of_other_users_and_whiteouts_become_a_users_layers(user, image):
    script = "if [ {} = 1 ]; then echo x > /own; chown 7:8 /own; chmod 4711 /own; else rm -r /home; fi"
    build(user, "steps", image, script)
    done = user.skerry(
        "run", "--rm", "--network", "none", "built", "sh", "-c", "stat -c '%u %g %a' /own; ls /home 2>&1; true"
    )
    assert done.stdout.startswith("7 8 4711\n")
    assert "No such file" in done.stdout


def test_a_users_step_has_a_network(user, image):
    script = "ls /sys/class/net > /nets; cat /etc/resolv.conf > /resolv"
    build(user, "steps", image, script)
    done = user.skerry("run", "--rm", "--network", "none", "built", "cat", "/nets", "/resolv")
    assert len(done.stdout.split()) > 2
    assert "nameserver" in done.stdout


def test_what_a_killed_builder_of_a_user_left_is_swept(user, image):
    builder = user.start(sys.executable, str(BUILDER), "default", "sleep", image, "default")
    assert builder.stdout.readline().strip() == "b'ready\\n'"
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait()
    roots = user.home / ".local/share/skerry/builds/roots"
    wait_until(lambda: not list(roots.iterdir()), "who watches over the builder did not sweep")
    for pid in user.processes():
        assert b"987" not in Path(f"/proc/{pid}/cmdline").read_bytes()
