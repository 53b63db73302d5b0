"""SIGKILL at every step of what makes, mounts, fills and removes volumes, and of a start with every kind of mount.

Afterwards the store is whole, nothing stays mounted, and the host's folder behind a volume has lost nothing.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crash.world import THOROUGH, World

WORLDS_AT_ONCE = 4
# The other steps are those of every start and removal, which have a sweep of their own.
OURS = (
    "volume.",
    "container.mount-",
    "container.bind-part",
    "container.overlays",
    "container.mount:",
    "container.unmount",
)


def bound(world: World) -> None:
    """A volume that is a folder of the host with something precious in it."""
    (world.top / "device/sub").mkdir(parents=True)
    (world.top / "device/precious").write_text("data")
    (world.top / "device/sub/file").write_text("data")
    world.ok("volume", "create", "-o", "type=bind", "-o", f"device={world.top}/device", "bound")


def bound_and_mounted(world: World) -> None:
    bound(world)
    world.ok("volume", "mount", "bound")


def imaged_and_mounted(world: World) -> None:
    bound(world)
    world.ok("volume", "create", "-d", "image", "-o", "image=bb", "tree")
    path = Path(world.ok("volume", "mount", "tree"))
    (path / "written").write_text("here")


def with_a_tar(world: World) -> None:
    bound(world)
    subprocess.run(["tar", "-C", world.top / "device", "-cf", world.top / "in.tar", "sub"], check=True)


MOUNTS = (
    *("-v", "bound:/b", "-v", "{top}/device:/o:O", "--mount", "type=image,src=bb,dst=/i,rw=true"),
    *("--mount", "type=volume,src=bound,dst=/s,subpath=sub", "-v", "filled:/etc", "-v", "/anonymous"),
)


def running(world: World) -> None:
    bound(world)
    world.ok("run", "-d", "--name", "box", "--network=none", *_filled(MOUNTS, world), "bb", "sleep", "1000")


COMMANDS: dict[str, tuple[Callable[[World], None], tuple[str, ...]]] = {
    "create-image": (bound, ("volume", "create", "-d", "image", "-o", "image=bb", "tree")),
    "mount": (bound, ("volume", "mount", "bound")),
    "unmount": (bound_and_mounted, ("volume", "unmount", "bound")),
    "remove": (bound_and_mounted, ("volume", "rm", "bound")),
    "remove-image": (imaged_and_mounted, ("volume", "rm", "tree")),
    "prune": (imaged_and_mounted, ("volume", "prune", "-af")),
    "import": (with_a_tar, ("volume", "import", "bound", "{top}/in.tar")),
    "export": (bound, ("volume", "export", "-o", "{top}/out.tar", "bound")),
    "start": (bound, ("run", "-d", "--name", "box", "--network=none", *MOUNTS, "bb", "sleep", "1000")),
    "remove-force": (running, ("volume", "rm", "-f", "-t", "0", "bound")),
}


REPEATED = ("prune", "remove-force")  # they go through the steps of others: only when there is time


@pytest.mark.parametrize("name", [name for name in COMMANDS if THOROUGH or name not in REPEATED])
def test_killed_at_every_step(name: str, new_world: Callable[[], World]) -> None:
    prepare, words = COMMANDS[name]
    world = new_world()
    prepare(world)
    steps = [step for step in world.steps(*_filled(words, world)) if THOROUGH or step.startswith(OURS)]
    assert steps
    if not THOROUGH:
        steps = [step for step in steps if step.endswith(":1")]

    def kill_at(step: str) -> None:
        world = new_world()
        prepare(world)
        done = world.run(*_filled(words, world), crash_at=step)
        if done.returncode == 0:
            return  # conmon's exit command was faster with this step
        assert done.returncode == -9, f"{name}: {step} was not reached: {done.stderr}"
        _whole(world, f"volume {name} killed at {step}")

    with ThreadPoolExecutor(WORLDS_AT_ONCE) as pool:
        list(pool.map(kill_at, steps))


def _filled(words: tuple[str, ...], world: World) -> list[str]:
    return [word.format(top=world.top) for word in words]


def _whole(world: World, what: str) -> None:
    for name in world.ok("ps", "-aq", "--no-trunc").split():
        world.ok("rm", "-f", "-t", "0", "-v", name)
    for name in world.ok("volume", "ls", "-q").split():
        if name != "bound":
            world.ok("volume", "rm", name)
    if world.run("volume", "exists", "bound").returncode == 0:
        world.ok("run", "--rm", "--network=none", "-v", "bound:/b", "bb", "test", "-e", "/b/precious")
        world.ok("volume", "rm", "bound")
    assert (world.top / "device/precious").read_text() == "data", what
    assert (world.top / "device/sub/file").read_text() == "data", what
    world.whole_again(what)
    assert list((world.top / "run/volumes").glob("*")) == [], what


def test_a_killed_holder_does_not_keep_a_volume_mounted(new_world: Callable[[], World]) -> None:
    world = new_world()
    bound(world)
    path = f"{world.top}/root/volumes/bound/_data"
    world.run("volume", "export", "-o", f"{world.top}/out.tar", "bound", crash_at="volume.unmount")
    assert path in Path("/proc/self/mountinfo").read_text()
    assert "mounted although nobody uses it" in world.run("system", "check").stdout
    world.run("system", "check", "--repair")
    assert path not in Path("/proc/self/mountinfo").read_text()


def test_after_a_restart_of_the_machine_volumes_are_mounted_anew(new_world: Callable[[], World]) -> None:
    world = new_world()
    running(world)
    world.ok("volume", "mount", "bound")
    path = f"{world.top}/root/volumes/bound/_data"
    # What a restart takes: processes, mounts, and here not even the run folder.
    world.run("kill", "box", crash_at="container.runtime-delete")
    world.settle()
    while path in Path("/proc/self/mountinfo").read_text():
        subprocess.run(["umount", "-l", path], check=True)
    assert list((world.top / "run/volumes/bound").iterdir())
    assert world.ok("volume", "inspect", "bound", "-f", "{{.MountCount}}") == "0"
    world.ok("run", "--rm", "--network=none", "-v", "bound:/b", "bb", "test", "-e", "/b/precious")
    assert path not in Path("/proc/self/mountinfo").read_text(), "nobody of before holds it"
    _whole(world, "restart")
