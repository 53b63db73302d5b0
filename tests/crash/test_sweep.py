"""SIGKILL at every durable step of every command that changes state.

Afterwards: ``system check --repair`` mends what is left, the next commands work, nothing that was reported done is
lost, and nothing leaks. A sweep, not a sample: the steps are those that the command itself announces.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.crash.world import THOROUGH, World

WORLDS_AT_ONCE = 4
_SUBNETS: dict[World, int] = {}
SLEEPER = ("bb", "sleep", "1000")
# Each world's own subnet: they are the host's, and its other worlds do not know of each other's definitions.
NETWORK = ("network", "create", "--subnet", "10.{high}.{low}.0/24", "n{name}")
PORT = ("-p", "127.0.0.1::80")


def nothing(_world: World) -> None:
    pass


def created(world: World) -> None:
    world.ok("create", "--name", "box", "-v", "data:/data", *PORT, *SLEEPER)


def running(world: World) -> None:
    world.ok("run", "-d", "--name", "box", "-v", "data:/data", "-v", "/anonymous", *PORT, *SLEEPER)


def stopped(world: World) -> None:
    running(world)
    world.ok("stop", "-t", "0", "box")


def tagged(world: World) -> None:
    world.ok("tag", "bb", "other:1")


def with_volume(world: World) -> None:
    world.ok("volume", "create", "data")


def with_network(world: World) -> None:
    world.ok(*_filled(NETWORK, world))


def beside_a_network(world: World) -> None:
    with_network(world)
    running(world)


def connected(world: World) -> None:
    beside_a_network(world)
    world.ok(*_filled(("network", "connect", "n{name}", "box"), world))


def unhealthy(world: World) -> None:
    words = ("--health-cmd", "false", "--health-interval", "disable", "--health-retries", "1")
    world.ok(
        "run", "-d", "--name", "box", *words, "--health-on-failure", "restart", "--stop-timeout", "0", *PORT, *SLEEPER
    )


def with_secret(world: World) -> None:
    world.ok("secret", "create", "s", "/etc/hostname")


def paused(world: World) -> None:
    running(world)
    world.ok("pause", "box")


def mounted(world: World) -> None:
    stopped(world)
    world.ok("mount", "box")


def with_files(world: World) -> None:
    running(world)
    (world.top / "folder").mkdir()
    (world.top / "folder" / "file").write_text("content")
    (world.top / "folder" / "link").symlink_to("file")


def with_files_beside_a_stopped_one(world: World) -> None:
    with_files(world)
    world.ok("stop", "-t", "0", "box")


def image_mounted(world: World) -> None:
    world.ok("image", "mount", "bb")


def with_a_second_image(world: World) -> None:
    stopped(world)
    world.ok("commit", "-q", "box", "second")


def with_a_containerfile(world: World) -> None:
    """The linked copy is there before its base, so that its layer is moved above that."""
    context = world.top / "context"
    (context / "folder/inner").mkdir(parents=True)
    (context / "folder/inner/file").write_text("content")
    lines = (
        "FROM bb AS base",
        "RUN sleep 0.3; echo base > /base",
        "FROM base",
        "COPY --link folder /folder",
        "RUN cat /folder/*/*",
    )
    (context / "Containerfile").write_text("\n".join(lines) + "\n")


def archived(world: World) -> None:
    world.ok("rmi", "bb")


COMMANDS: dict[str, tuple[Callable[[World], None], tuple[str, ...]]] = {
    "load": (archived, ("load", "-q", "-i", "{top}/../bb.tar")),
    "tag": (nothing, ("tag", "bb", "new:1")),
    "untag": (tagged, ("untag", "other:1")),
    "rmi": (nothing, ("rmi", "bb")),
    "save": (nothing, ("save", "-q", "-o", "{top}/out.tar", "bb")),
    "create": (nothing, ("create", "--name", "box", "-v", "data:/data", *PORT, *SLEEPER)),
    "run-detached": (nothing, ("run", "-d", "--name", "box", "-v", "data:/data", *PORT, *SLEEPER)),
    "run-foreground": (nothing, ("run", "--name", "box", *PORT, "bb", "true")),
    "run-rm": (nothing, ("run", "--rm", "--name", "box", *PORT, "bb", "true")),
    "run-health": (
        nothing,
        ("run", "-d", "--name", "box", "--health-cmd", "true", "--health-interval", "1s", *SLEEPER),
    ),
    "healthcheck-run": (unhealthy, ("healthcheck", "run", "box")),
    "init": (created, ("init", "box")),
    "clone": (running, ("container", "clone", "--destroy", "--force", "--run", "-m", "90m", "box", "case")),
    "start": (created, ("start", "box")),
    "start-again": (stopped, ("start", "box")),
    "restart": (running, ("restart", "-t", "0", "box")),
    "stop": (running, ("stop", "-t", "0", "box")),
    "kill": (running, ("kill", "box")),
    "pause": (running, ("pause", "box")),
    "unpause": (paused, ("unpause", "box")),
    "rm-paused": (paused, ("rm", "-f", "-t", "0", "box")),
    "run-replace": (running, ("run", "-d", "--replace", "--name", "box", "-v", "data:/data", *PORT, *SLEEPER)),
    "commit": (running, ("commit", "-q", "box", "new:1")),
    "commit-paused": (running, ("commit", "-q", "--pause", "box", "new:1")),
    "build": (with_a_containerfile, ("build", "-q", "--network", "none", "-t", "new:1", "{top}/context")),
    "cp-in": (with_files, ("cp", "{top}/folder", "box:/data/in")),
    "cp-into-stopped": (with_files_beside_a_stopped_one, ("cp", "{top}/folder", "box:/data/in")),
    "cp-out": (with_files, ("cp", "box:/etc", "{top}/out")),
    "cp-out-of-stopped": (with_files_beside_a_stopped_one, ("cp", "box:/etc", "{top}/out")),
    "export": (stopped, ("export", "-o", "{top}/out.tar", "box")),
    "mount": (stopped, ("mount", "box")),
    "unmount": (mounted, ("unmount", "box")),
    "image-mount": (nothing, ("image", "mount", "bb")),
    "image-unmount": (image_mounted, ("image", "unmount", "bb")),
    "push-archive": (nothing, ("push", "-q", "bb", "docker-archive:{top}/pushed.tar:bb")),
    "push-layout": (nothing, ("push", "-q", "bb", "oci:{top}/pushed")),
    "pull-archive": (archived, ("pull", "-q", "docker-archive:{top}/../bb.tar")),
    "rmi-second": (with_a_second_image, ("rmi", "second")),
    "image-prune": (with_a_second_image, ("image", "prune", "-af")),
    "container-prune": (stopped, ("container", "prune", "-f")),
    "volume-prune": (with_volume, ("volume", "prune", "-af")),
    "network-prune": (with_network, ("network", "prune", "-f")),
    "rename": (stopped, ("rename", "box", "case")),
    "update": (running, ("update", "-m", "90m", "--publish-add", "127.0.0.1::81", "--publish-rm", "80", "box")),
    "rm": (stopped, ("rm", "box")),
    "rm-force": (running, ("rm", "-f", "-v", "-t", "0", "box")),
    "exec-detached": (running, ("exec", "-d", "box", "true")),
    "network-create": (nothing, NETWORK),
    "network-rm": (with_network, ("network", "rm", "n{name}")),
    "network-connect": (beside_a_network, ("network", "connect", "n{name}", "box")),
    "network-disconnect": (connected, ("network", "disconnect", "n{name}", "box")),
    "network-reload": (running, ("network", "reload", "box")),
    "network-update": (with_network, ("network", "update", "--dns-add", "127.1.2.3", "n{name}")),
    "run-userns": (nothing, ("run", "-d", "--name", "box", "--uidmap", "0:100000:1000", *PORT, *SLEEPER)),
    "run-network": (with_network, ("run", "--rm", "--name", "box", "--network", "n{name}", *PORT, "bb", "true")),
    "prune": (stopped, ("system", "prune", "-af", "--volumes")),
    "bootstrap": (archived, ("image", "bootstrap", "busybox", "--tag", "bb")),
    "secret-create": (nothing, ("secret", "create", "s", "/etc/hostname")),
    "secret-replace": (with_secret, ("secret", "create", "--replace", "s", "/etc/hostname")),
    "secret-rm": (with_secret, ("secret", "rm", "s")),
    "run-secrets": (with_secret, ("run", "-d", "--name", "box", "--secret", "s", "--secret", "s,type=env", *SLEEPER)),
    "volume-create": (nothing, ("volume", "create", "data")),
    "volume-rm": (with_volume, ("volume", "rm", "data")),
}


# They go through the steps of others (stop and start, run with another network): only when there is time.
REPEATED = (
    "restart", "run-network", "clone", "rm-paused", "run-replace", "commit-paused", "cp-out-of-stopped", "cp-out",
    "pull-archive", "rmi-second", "image-prune", "container-prune", "volume-prune", "network-prune",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in COMMANDS if THOROUGH or name not in REPEATED])
def test_killed_at_every_step(name: str, new_world: Callable[[], World]) -> None:
    prepare, words = COMMANDS[name]
    world = new_world()
    prepare(world)
    steps = world.steps(*_filled(words, world))
    assert steps
    if not THOROUGH:  # only the first occurrence of each
        steps = [step for step in steps if step.endswith(":1")]

    def kill_at(step: str) -> None:
        world = new_world()
        prepare(world)
        done = world.run(*_filled(words, world), crash_at=step)
        # An unhealthy check ends with 1.
        if done.returncode == 0 or (name == "healthcheck-run" and done.returncode == 1):
            return  # conmon's exit command was faster with this step
        assert done.returncode == -9, f"{name}: {step} was not reached: {done.stderr}"
        world.whole_again(f"{name} killed at {step}")

    # Much of it is waiting for others (conmon, the kernel): several worlds at once, each with a store of its own.
    with ThreadPoolExecutor(WORLDS_AT_ONCE) as pool:
        list(pool.map(kill_at, steps))


def _filled(words: tuple[str, ...], world: World) -> list[str]:
    name = world.top.name
    # Not the subnet of an earlier world, whose bridge may not be gone yet.
    high, low = divmod(_SUBNETS.setdefault(world, os.getpid() + len(_SUBNETS)), 256)
    return [word.format(top=world.top, name=name, high=200 + high % 40, low=low) for word in words]


def test_what_was_reported_done_is_there_after_a_kill(new_world: Callable[[], World]) -> None:
    world = new_world()
    container = world.ok("create", "--name", "keeps", "bb", "true")
    world.ok("volume", "create", "kept")
    world.ok("tag", "bb", "kept:1")
    world.run("run", "-d", "bb", "sleep", "100", crash_at="container.launch")
    world.run("system", "check", "--repair")
    assert container in world.ok("ps", "-aq", "--no-trunc")
    assert "kept" in world.ok("volume", "ls", "-q")
    assert world.run("image", "exists", "kept:1").returncode == 0
