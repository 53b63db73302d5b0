"""What a command reported as done survives a power cut right after it.

The store lies on an ext4 in a file behind a loop device. What the file system has not yet written to its device is
not in that file: a copy of it, taken the moment a command returns, is what a power cut would leave.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.world import World
from tests.registry.lying import LyingRegistry
from tests.registry.test_pull import layer


def _mount(image: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(target)], check=True)


class Disk:
    """A small disk with a store on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = folder / "disk"
        with open(self.image, "wb") as file:
            file.truncate(96 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], check=True)
        _mount(self.image, folder / "live")
        self.world = World(folder / "live")
        self.cuts = 0

    def cut_power(self) -> World:
        """The store as the next boot finds it."""
        self.cuts += 1
        copy = self.folder / f"copy{self.cuts}"
        shutil.copyfile(self.image, copy)
        _mount(copy, self.folder / f"after{self.cuts}")
        return World(self.folder / f"after{self.cuts}")

    def destroy(self) -> None:
        self.world.run("rm", "-fa", "-t", "0")
        for name in ("live", *(f"after{n + 1}" for n in range(self.cuts))):
            subprocess.run(["umount", "-l", str(self.folder / name)], check=False)


@pytest.fixture
def disk(template: World, tmp_path: Path) -> Iterator[Disk]:
    if subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode:
        pytest.skip("no loop devices here")
    disk = Disk(tmp_path)
    disk.world.ok("load", "-q", "-i", str(template.top.parent / "bb.tar"))
    yield disk
    disk.destroy()


def test_a_loaded_image(disk: Disk) -> None:
    after = disk.cut_power()
    assert after.run("image", "exists", "bb").returncode == 0
    _only_left_overs(after)
    assert after.ok("run", "--rm", "--network", "none", "bb", "echo", "whole") == "whole"


def test_a_pulled_image(disk: Disk) -> None:
    registry = LyingRegistry()
    registry.add_image(layer("a", 100_000), layer("b"))
    try:
        disk.world.ok("pull", "-q", "--tls-verify=false", f"{registry.host}/x")
    finally:
        registry.close()
    after = disk.cut_power()
    assert after.run("image", "exists", f"{registry.host}/x").returncode == 0
    _only_left_overs(after)


@pytest.mark.parametrize("words", [("save", "-q", "-o", "{0}/out", "bb"), ("push", "-q", "bb", "oci:{0}/out:x"),
                                   ("push", "-q", "bb", "dir:{0}/out"), ("push", "-q", "bb", "docker-archive:{0}/out")])  # fmt: skip
def test_an_image_that_was_written_elsewhere(words: tuple[str, ...], disk: Disk) -> None:
    disk.world.ok(*(word.format(disk.world.top) for word in words))
    after = disk.cut_power()
    after.ok("rmi", "bb")
    place = words[-1].format(after.top) if words[0] == "push" else f"docker-archive:{after.top}/out"
    image = after.ok("pull", "-q", place)
    assert after.ok("run", "--rm", "--network", "none", image, "echo", "whole") == "whole"


def test_a_tag(disk: Disk) -> None:
    disk.world.ok("tag", "bb", "kept:1")
    assert disk.cut_power().run("image", "exists", "kept:1").returncode == 0


def test_a_created_container(disk: Disk) -> None:
    disk.world.ok("create", "--name", "box", "bb", "true")
    after = disk.cut_power()
    after.ok("start", "-a", "box")
    assert after.ok("ps", "-aq", "--filter", "exited=0")


def test_a_volume(disk: Disk) -> None:
    disk.world.ok("volume", "create", "data")
    after = disk.cut_power()
    after.ok("volume", "exists", "data")
    assert (after.top / "root/volumes/data/_data").is_dir()
    _only_left_overs(after)


def test_a_removed_image_stays_removed(disk: Disk) -> None:
    disk.world.ok("rmi", "bb")
    after = disk.cut_power()
    assert after.run("image", "exists", "bb").returncode == 1
    _only_left_overs(after)


def test_a_network(disk: Disk) -> None:
    disk.world.ok("network", "create", "--subnet", "10.214.7.0/24", "kept")
    disk.cut_power().ok("network", "exists", "kept")


def test_what_was_removed_stays_removed(disk: Disk) -> None:
    disk.world.ok("create", "--name", "box", "-v", "data:/data", "bb", "true")
    disk.world.ok("tag", "bb", "other")
    disk.world.ok("rm", "box")
    disk.world.ok("volume", "rm", "data")
    disk.world.ok("untag", "bb", "other")
    after = disk.cut_power()
    assert after.ok("ps", "-aq") == after.ok("volume", "ls", "-q") == ""
    assert after.run("image", "exists", "other").returncode == 1
    _only_left_overs(after)


def test_a_new_name(disk: Disk) -> None:
    disk.world.ok("create", "--name", "box", "bb", "true")
    disk.world.ok("rename", "box", "case")
    disk.cut_power().ok("container", "exists", "case")


def test_a_bootstrapped_image(disk: Disk) -> None:
    disk.world.ok("rmi", "bb")
    disk.world.ok("image", "bootstrap", "busybox", "--tag", "made")
    after = disk.cut_power()
    _only_left_overs(after)
    assert after.ok("run", "--rm", "--network", "none", "made", "echo", "whole") == "whole"


def _only_left_overs(after: World) -> None:
    """Nothing is lost; at most a folder is left whose removal was not on disk yet."""
    found = after.run("system", "check")
    words = ("left by a command", "that no layer belongs to")
    assert all(any(word in line for word in words) for line in found.stdout.splitlines()), found.stdout
    after.ok("system", "check", "--repair")
    after.ok("system", "check")
