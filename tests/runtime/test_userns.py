"""Containers in a user namespace of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.runtime.boxes import Launcher, needs
from tests.support.needs import needs_user_namespaces

pytestmark = [needs("crun", "conmon"), needs_user_namespaces]
MAPS = [{"containerID": 0, "hostID": 200000, "size": 65536}]


@pytest.fixture
def mapped(launcher: Launcher, rootfs: Path) -> Launcher:
    for folder, folders, files in os.walk(rootfs):
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), 200000, 200000, follow_symlinks=False)
    # Its root must reach the root file system.
    path = rootfs.parent
    while path != Path("/tmp"):
        path.chmod(path.stat().st_mode | 0o711)
        path = path.parent
    return launcher


def run(launcher: Launcher, script: str, **changes: object) -> str:
    changes["namespaces"] = {"user": "private", **changes.pop("namespaces", {})}  # type: ignore[dict-item]
    box = launcher.run("sh", "-c", script, uid_maps=MAPS, gid_maps=MAPS, **changes)
    return str(box.output)


def test_root_inside_is_nobody_outside(mapped: Launcher, rootfs: Path) -> None:
    output = run(
        mapped, "cat /proc/self/uid_map; id -u; touch /made; grep Seccomp: /proc/self/status; stat -c %g /dev/pts/ptmx"
    )
    assert output.split()[:4] == ["0", "200000", "65536", "0"]
    assert "Seccomp:\t2" in output
    assert (rootfs / "made").stat().st_uid == 200000


def test_devices_are_bound_where_nodes_cannot_be_made(mapped: Launcher) -> None:
    assert run(mapped, "stat -c %t:%T /dev/x", devices=["/dev/zero:/dev/x"]).strip() == "1:5"


def test_the_hosts_network_has_its_sys_bound(mapped: Launcher) -> None:
    output = run(mapped, "grep ' /sys ' /proc/self/mounts; touch /sys/x || echo refused", namespaces={"net": "host"})
    assert "sysfs" in output
    assert "refused" in output


def test_gid_five_is_only_asked_for_when_it_is_mapped(launcher: Launcher, mapped: Launcher) -> None:
    small = [{"containerID": 0, "hostID": 200000, "size": 3}]
    box = mapped.create("true", uid_maps=small, gid_maps=small, namespaces={"user": "private"})
    (pts,) = [mount for mount in box.spec["mounts"] if mount["destination"] == "/dev/pts"]
    assert "gid=5" not in pts["options"]
    assert launcher is mapped
