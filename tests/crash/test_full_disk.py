"""A disk without a free byte, or without a free inode: what needs room fails by one line that says so and leaves
nothing; what stops, removes and looks works."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.world import LAUNCHER, World
from tests.support.command import eventually

INODES = 1500
SLEEPER = ("bb", "sleep", "1000")


class FullDisk:
    """A small file system that holds all of a store, run folder included."""

    def __init__(self, top: Path, kind: str, archive: Path) -> None:
        self.mounted = top / "d"
        self.mounted.mkdir()
        if kind == "tmpfs":
            words = ["-t", "tmpfs", "-o", f"size=32m,nr_inodes={INODES}", "tmpfs"]
        else:
            with open(top / "image", "wb") as file:
                file.truncate(32 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", str(INODES), str(top / "image")], check=True)
            words = ["-o", "loop", str(top / "image")]
        subprocess.run(["mount", *words, str(self.mounted)], check=True)
        self.archive = archive
        self.world = World(self.mounted)
        self.world.ok("load", "-q", "-i", str(archive))

    def fill(self, what: str) -> None:
        if what == "inodes":
            (self.mounted / "filler").mkdir()
            try:
                for number in range(10 * INODES):
                    (self.mounted / "filler" / str(number)).touch()
            except OSError:
                return
        with open(self.mounted / "filler", "wb", buffering=0) as file:
            for size in (1 << 16, 4096, 512, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def is_full(self) -> bool:
        status = os.statvfs(self.mounted)
        return not status.f_favail or status.f_bavail * status.f_frsize < 100_000

    def refused(self, *words: str) -> None:
        done = self.world.run(*words)
        assert done.returncode, words
        assert done.stderr.count("\n") == 1, (words, done.stderr)
        said = ("no space left on device", "does not fit: 0 mib are free")
        assert any(text in done.stderr.lower() for text in said), (words, done.stderr)


@pytest.fixture(params=["ext4", "tmpfs"])
def disk(request: pytest.FixtureRequest, template: World) -> Iterator[FullDisk]:
    if request.param == "ext4" and subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode:
        pytest.skip("no loop devices here")
    with tempfile.TemporaryDirectory(prefix="skf") as folder:
        disk = FullDisk(Path(folder), request.param, template.top.parent / "bb.tar")
        try:
            yield disk
        finally:
            disk.world.run("rm", "-fa", "-t", "0")
            disk.world.settle()
            subprocess.run(["umount", "-l", str(disk.mounted)], check=False)


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_a_full_disk(disk: FullDisk, what: str) -> None:
    world = disk.world
    for name in ("stops", "killed", "forced"):
        world.ok("run", "-d", "--name", name, "-v", f"{name}:/data", "-p", "127.0.0.1::80", *SLEEPER)
    world.ok("create", "--name", "fresh", *SLEEPER)
    world.ok("volume", "create", "unused")
    world.ok("tag", "bb", "other")
    disk.fill(what)
    _looking_works(world)
    _adding_is_refused(disk, what)
    assert world.ok("exec", "stops", "echo", "in") == "in"
    _removing_works(world)
    world.settle()
    world.ok("system", "check", "--repair")
    assert world.leaks() == []
    world.ok("rmi", "bb")
    assert world.ok("images", "-q") == ""


def _looking_works(world: World) -> None:
    assert len(world.ok("ps", "-aq").split()) == 4
    assert world.ok("images", "-q")
    assert len(world.ok("volume", "ls", "-q").split()) == 4
    world.ok("logs", "stops")
    world.ok("inspect", "fresh")
    world.ok("system", "check")


def _adding_is_refused(disk: FullDisk, what: str) -> None:
    disk.refused("run", "-d", *SLEEPER)
    disk.refused("start", "fresh")
    disk.refused("exec", "-d", "stops", "true")
    disk.refused("volume", "create", "new")
    disk.refused("network", "create", "new")
    # It is there already, so no room is needed where the database's log can be written over.
    again = disk.world.run("load", "-q", "-i", str(disk.archive))
    assert not again.returncode or "no space left on device" in again.stderr.lower(), again.stderr
    disk.refused("image", "bootstrap", "busybox", "--tag", "new")
    disk.refused("commit", "-q", "stops", "new")
    disk.refused("cp", str(disk.archive), "stops:/data/copied")
    disk.refused("cp", "stops:/etc", str(disk.mounted / "copied"))
    disk.refused("save", "-q", "-o", str(disk.mounted / "saved"), "bb")
    assert not (disk.mounted / "saved").exists()
    if what == "bytes":
        disk.refused("create", *SLEEPER)
        disk.refused("tag", "bb", "new")
    assert disk.is_full(), "a refused command took the reserve"
    assert os.listdir(disk.world.top / "root/staging") == []


def _removing_works(world: World) -> None:
    # Without an inode conmon cannot write the exit code, or it takes the one that our lock had: that is said, and the
    # container has ended all the same.
    stopped = world.run("stop", "-t", "0", "stops")
    words = ("exit code could not be retrieved", "No space left on device")
    assert stopped.returncode == 0 or any(word in stopped.stderr for word in words)
    world.run("kill", "killed")
    assert world.ok("ps", "-q", "--filter", "name=stops", "--filter", "name=killed") == ""
    world.ok("rm", "stops")
    world.ok("volume", "rm", "unused")
    world.ok("untag", "bb", "other")
    world.ok("container", "prune", "-f")
    world.ok("rm", "-f", "-t", "0", "forced")
    world.ok("volume", "prune", "-af")
    world.ok("rm", "-fa", "-t", "0")
    assert world.ok("ps", "-aq") == world.ok("volume", "ls", "-q") == ""


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_a_full_disk_can_be_reset(disk: FullDisk, what: str) -> None:
    disk.world.ok("run", "-d", "-v", "data:/data", *SLEEPER)
    disk.fill(what)
    disk.world.ok("system", "reset", "-f")
    assert {"filler", "lost+found"} >= set(os.listdir(disk.mounted))


def test_what_is_written_while_the_disk_is_full_is_lost_and_no_more(disk: FullDisk) -> None:
    world = disk.world
    script = "i=0; while :; do i=$((i+1)); echo line $i; usleep 20000; done"
    checks = (
        "--tmpfs",
        "/t",
        "--health-cmd",
        "test ! -e /t/bad",
        "--health-interval",
        "200ms",
        "--health-retries",
        "1",
    )
    world.ok("run", "-d", "--name", "box", *checks, "bb", "sh", "-c", script)
    eventually(lambda: "(healthy)" in world.ok("ps", "--format", "{{.Status}}"))
    command = [LAUNCHER, *world.globals, "logs", "-f", "box"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        disk.fill("bytes")
        world.ok("exec", "box", "touch", "/t/bad")
        eventually(lambda: "(unhealthy)" in world.ok("ps", "--format", "{{.Status}}"))  # checks count
        assert world.ok("logs", "--tail", "1", "box").startswith("line ")
        assert disk.is_full()
        (disk.mounted / "filler").unlink()
        last = int(world.ok("logs", "--tail", "1", "box").split()[1])
        eventually(lambda: int(world.ok("logs", "--tail", "1", "box").split()[1]) > last + 5)
        world.ok("rm", "-f", "-t", "0", "box")
        lines = (follower.communicate(timeout=60)[0]).splitlines()
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert max(numbers) > last
    assert follower.returncode == 0


BUILDER = Path(__file__).resolve().parents[1] / "engine/builds/builder.py"


def _build(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(BUILDER), str(world.top), "steps", "bb", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)


def _left_of_builds(disk: FullDisk) -> list[str]:
    folders = ("root/builds/roots", "run/builds", "run/crun", "run/netns")
    return [str(path) for folder in folders for path in (disk.mounted / folder).glob("*")]


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_a_build_on_a_full_disk_is_refused_and_its_cache_can_be_pruned(disk: FullDisk, what: str) -> None:
    world = disk.world
    assert _build(world).returncode == 0
    disk.fill(what)
    refused = _build(world, "dd if=/dev/zero of=/other-{} bs=1M count=4", "other")
    assert refused.returncode
    assert "no space left on device" in refused.stderr.lower() or "AssertionError" in refused.stderr
    world.ok("builder", "du")
    world.ok("rmi", "built")
    pruned = world.ok("builder", "prune", "-af")
    assert "key-1" in pruned
    assert "key-2" in pruned
    assert _left_of_builds(disk) == []


def test_a_step_that_fills_the_disk_leaves_nothing_of_it(disk: FullDisk) -> None:
    world = disk.world
    fill = "dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null || dd if=/dev/zero of=/rest bs=512 2>/dev/null || exit 3"
    full = _build(world, fill)
    assert "AssertionError: 3" in full.stderr
    world.ok("ps")
    assert _left_of_builds(disk) == []
    assert not disk.is_full()
    assert _build(world).returncode == 0
