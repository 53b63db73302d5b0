"""What ``mount``, ``image mount`` and their opposites show on the host, and how they speak."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="as root")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("mount -l box", "--latest and containers cannot be used together"),
        ("container mount -l box", "--latest and containers cannot be used together"),
        ("mount -a -l", "--all and --latest cannot be used together"),
        ("mount -a box", "no arguments are needed with --all"),
        ("unmount -l box", "--latest and containers cannot be used together"),
        ("unmount -a box", "no arguments are needed with --all"),
        ("unmount", "you must provide at least one name or id"),
        ("image mount -a box", "when using the --all switch, you may not pass any image names or IDs"),
        ("image unmount -a box", "when using the --all switch, you may not pass any image names or IDs"),
    ],
)
def test_what_is_to_be_mounted_is_said_in_one_way(skerry: Skerry, busybox: str, words: str, message: str) -> None:
    skerry("create", "--name", "box", busybox)
    refused = skerry(*words.split(), check=False)
    assert (refused.code, refused.stdout) == (125, "")
    assert refused.stderr.startswith(f"Error: {message}")
    assert skerry("mount").stdout == ""


def test_several_containers_are_shown_by_their_paths_alone(skerry: Skerry, busybox: str) -> None:
    for name in "ab":
        skerry("create", "--name", name, busybox)
    paths = skerry("mount", "a", "b").lines
    assert [os.path.exists(f"{path}/bin/sh") for path in paths] == [True, True]
    skerry("umount", "a", "b")


def test_images_are_shown_as_json_when_they_are_mounted(skerry: Skerry, busybox: str) -> None:
    (shown,) = json.loads(skerry("image", "mount", "--format", "json", busybox).stdout)
    assert os.path.exists(f"{shown['mountpoint']}/bin/sh")
    assert skerry("image", "umount", busybox).lines == [shown["id"]]


def test_an_image_that_a_container_mounts_is_taken_from_the_host_alone(skerry: Skerry, busybox: str) -> None:
    image_id = skerry("image", "inspect", "-f", "{{.ID}}", busybox).stdout.strip()
    mount = f"type=image,src={image_id},dst=/x,rw=true"
    skerry("run", "-d", "--network=none", "--name", "box", "--mount", mount, busybox, "sleep", "100")
    path = skerry("image", "mount").stdout.split()[-1]
    assert os.path.exists(f"{path}/bin/sh")
    assert [skerry("image", "umount", busybox).lines for _ in range(2)] == [[image_id], []]
    assert skerry("image", "mount").stdout == ""
    assert skerry("exec", "box", "sh", "-c", "echo new > /x/new; ls /x/bin/sh /x/new").lines == ["/x/bin/sh", "/x/new"]
    skerry("restart", "-t", "0", "box")
    assert skerry("image", "umount", busybox).lines == [image_id]
    skerry("rm", "-f", "-t", "0", "box")


def test_an_image_that_is_mounted_by_hand_stays_when_a_container_that_mounts_it_ends(
    skerry: Skerry, busybox: str
) -> None:
    path = skerry("image", "mount", busybox).stdout.strip()
    skerry("run", "--rm", "--network=none", "--mount", f"type=image,src={busybox},dst=/x", busybox, "ls", "/x/bin/sh")
    assert os.path.ismount(path)
    assert [len(skerry("image", "umount", busybox).lines) for _ in range(2)] == [1, 0]


def test_a_bad_mount_in_containers_conf_says_where_it_is_from(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    conf = tmp_path / "c.conf"
    conf.write_text('[containers]\nmounts=["type=bogus,src=/x,dst=/y"]\n')
    words = [*skerry.argv, "create", busybox]
    refused = subprocess.run(
        words, env={**os.environ, "CONTAINERS_CONF_OVERRIDE": str(conf)}, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 125
    assert refused.stderr == 'Error: parsing containers.conf mounts: invalid filesystem type "bogus"\n'
