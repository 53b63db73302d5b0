"""``engine.containers``: every operation on containers, each in a module of its own that loads when it is called."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO, Unpack

    from skerry.engine.containers.exec import ExecOptions
    from skerry.engine.containers.logs import Entry
    from skerry.engine.containers.options.types import CreateOptions, UpdateOptions
    from skerry.engine.containers.run import Streams
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.store.changes import Change

    Changes = list[Change]
    Words = list[str]
    Table = list[list[str]]
    Rows = list[dict[str, Any]]
    Mounts = list[tuple[ContainerRecord, str]]
    Pruned = list[tuple[str, int]]  # named here because `list` is a method below


class Containers:
    """Containers are named by name, id, or a unique beginning of an id; `NotFound` when there is none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, image: str, command: list[str] | None = None, **options: Unpack[CreateOptions]) -> ContainerRecord:
        """Make a container without starting it. ``options``: `CreateOptions`, the flags of ``skerry create``."""
        from skerry.engine.containers.create import create

        return create(self._engine, {**options, "image": image, "command": command or []})

    def run(
        self, image: str, command: list[str] | None = None, *, streams: Streams | None = None,
        **options: Unpack[CreateOptions],
    ) -> int:  # fmt: skip
        """Create and start a container in the foreground, its output on ours (or ``streams``); its exit code."""
        from skerry.engine.containers.run import run

        return run(self._engine, {**options, "image": image, "command": command or []}, streams)

    def start_new(
        self, image: str, command: list[str] | None = None, **options: Unpack[CreateOptions]
    ) -> ContainerRecord:
        """Create and start a container in the background (``skerry run -d``)."""
        from skerry.engine.containers.run import run_detached

        return run_detached(self._engine, {**options, "image": image, "command": command or []})

    def start(self, name: str) -> ContainerRecord:
        """Start a container in the background; one that runs is left alone."""
        from skerry.engine.containers.run import start_existing

        return start_existing(self._engine, self.find(name)[0]["id"])

    def init(self, name: str) -> ContainerRecord:
        """Prepare a container so that `start` has nothing to do but execute its program."""
        from skerry.engine.containers.start import init

        return init(self._engine, self.find(name)[0]["id"])

    def stop(self, name: str, *, timeout_s: float | None = None, service: bool = False) -> str:
        """Stop it by its stop signal, after ``timeout_s`` by SIGKILL; its id. ``service``: no user wants it stopped."""
        from skerry.engine.containers.signals import stop

        return stop(self._engine, name, timeout_s=timeout_s, service=service)

    def ask_all_to_stop(
        self,
        names: Sequence[str],
        *,
        timeout_s: float | None = None,
        unless_needed: bool = False,
        service: bool = False,
    ) -> None:
        """Before several are stopped, restarted or removed with force, one after the other: they end side by side.
        ``unless_needed``: not those that others depend on, which may be refused."""
        from skerry.engine.containers.signals import ask_all

        ask_all(self._engine, names, timeout_s=timeout_s, unless_needed=unless_needed, service=service)

    def restart(self, name: str, *, timeout_s: float | None = None) -> str:
        """Stop and start it; its id."""
        from skerry.engine.containers.restart import restart

        return restart(self._engine, name, timeout_s=timeout_s)

    def kill(self, name: str, signal: str = "KILL") -> str:
        """Send it a signal; its id."""
        from skerry.engine.containers.signals import kill

        return kill(self._engine, name, signal)

    def copy(
        self, sources: Words, dest: str, *, archive: bool = True, overwrite: bool = False,
        stdin: BinaryIO | None = None,
    ) -> None:  # fmt: skip
        """Copy files as ``skerry cp``: each end is a path here or ``CONTAINER:PATH``; ``-`` is a tar on a stream."""
        from skerry.engine.containers.copy import copy

        copy(self._engine, sources, dest, archive=archive, overwrite=overwrite, stdin=stdin)

    def top(self, name: str, descriptors: Sequence[str] = ()) -> Table:
        """The processes of a running container: a header, then a row for each."""
        from skerry.engine.containers.top import top

        return top(self._engine, name, descriptors)

    def stats(self, names: Sequence[str] = (), *, all: bool = False) -> Rows:
        """What containers (none named: the running ones; ``all``: every one) use now, with Podman's keys."""
        from skerry.engine.containers.stats import stats

        return stats(self._engine, names, all=all)

    def pause(self, name: str) -> str:
        """Freeze it; its id."""
        from skerry.engine.containers.signals import pause

        return pause(self._engine, name)

    def unpause(self, name: str) -> str:
        """Thaw it; its id."""
        from skerry.engine.containers.signals import unpause

        return unpause(self._engine, name)

    def remove(
        self, name: str, *, force: bool = False, volumes: bool = False, depend: bool = False,
        timeout_s: float | None = None,
    ) -> list[str]:  # fmt: skip
        """Remove it (``force``: stop it first); the ids removed."""
        from skerry.engine.containers.remove import remove

        return remove(self._engine, name, force=force, volumes=volumes, depend=depend, timeout_s=timeout_s)

    def clone(
        self, name: str, *, new_name: str = "", image: str = "", limits: CreateOptions | None = None,
        destroy: bool = False, force: bool = False, run: bool = False,
    ) -> ContainerRecord:  # fmt: skip
        """Make a container like another one; see `clone.clone`."""
        from skerry.engine.containers.clone import clone

        return clone(
            self._engine, name, new_name=new_name, image=image, limits=limits, destroy=destroy, force=force, run=run
        )

    def rename(self, name: str, new_name: str) -> str:
        """Give it another name; its id."""
        from skerry.engine.containers.rename import rename

        return rename(self._engine, name, new_name)

    def wait(self, name: str, *, conditions: tuple[str, ...] = (), interval_s: float = 0.25) -> int:
        """Wait until it stopped (or for other ``conditions``); its exit code."""
        from skerry.engine.containers.wait import wait

        return wait(self._engine, name, conditions=conditions, interval_s=interval_s)

    def wait_first(
        self, names: Sequence[str], *, conditions: tuple[str, ...] = (), interval_s: float = 0.25
    ) -> int:  # fmt: skip
        """Wait until one of several stopped (or for other ``conditions``); its exit code."""
        from skerry.engine.containers.wait import wait_first

        return wait_first(self._engine, names, conditions=conditions, interval_s=interval_s)

    def check_health(self, name: str) -> str:
        """Run its health check once, and do what follows: ``healthy``, ``unhealthy``, ``starting`` or ``stopped``."""
        from skerry.engine.health.run import run_check

        return run_check(self._engine, name)

    def update(self, name: str, options: UpdateOptions) -> str:
        """Change a container, at once if it runs; its id. ``options`` are the flags of ``skerry update``."""
        from skerry.engine.containers.update import update

        return update(self._engine, name, options)

    def update_health(self, name: str, options: Mapping[str, Any]) -> str:
        """Change its health check by options of `CreateOptions` (health_cmd, health_interval, …); its id."""
        from skerry.engine.health.update import update_health

        return update_health(self._engine, name, options)

    def clean_up(self, name: str) -> None:
        """Take down what an ended container still holds; with ``--rm`` remove it."""
        from skerry.engine.containers.exits import clean_up

        clean_up(self._engine, self.find(name)[0]["id"])

    def clean_up_session(self, name: str, session_id: str) -> None:
        """Remove what a session of `exec` that ended left. One that is not there (any more) is no error."""
        from skerry.engine.containers.exec_sessions import clean_up

        clean_up(self._engine, self.find(name)[0]["id"], session_id)

    def find(self, name: str) -> tuple[ContainerRecord, ContainerState]:
        """Its record and its state as observed now."""
        from skerry.engine.containers.state import find, observe

        record, state = find(self._engine, name)
        return record, observe(self._engine, record["id"], state)

    def exists(self, name: str) -> bool:
        """Whether there is such a container."""
        from skerry.engine.containers.state import find
        from skerry.errors import NotFound

        try:
            find(self._engine, name)
        except NotFound:
            return False
        return True

    def ids(self, *, running: bool = False) -> list[str]:
        """All ids, oldest first; ``running``: of those alive."""
        from skerry.engine.containers.state import all_ids

        return all_ids(self._engine, running=running)

    def latest(self) -> str:
        """The id of the container that was created last."""
        from skerry.engine.containers.state import latest

        return latest(self._engine)

    def inspect(self, name: str, *, size: bool = False) -> dict[str, Any]:
        """Everything about it, with Podman's keys."""
        from skerry.engine.containers.inspect import inspect

        return inspect(self._engine, name, size=size)

    def ports(self, name: str) -> list[tuple[int, str, str, int]]:
        """(port inside, protocol, host's address, host's port) of a running container."""
        from skerry.engine.containers.ports import published

        return published(self._engine, name)

    def prune(self, *, filters: Sequence[str] = ()) -> Pruned:
        """Remove the containers that do not run: (id, bytes that it had written) each."""
        from skerry.engine.containers.prune import prune

        return prune(self._engine, filters)

    def logs(
        self, name: str, *, follow: bool = False, since: str = "", until: str = "", tail: int = -1
    ) -> Iterator[Entry]:
        """Its log: (time, b"stdout" or b"stderr", text, whether the line ends here); see `logs.read_logs`."""
        from skerry.engine.containers.logs import read_logs

        return read_logs(self._engine, name, follow=follow, since=since, until=until, tail=tail)

    def clear_log(self, name: str) -> str:
        """Throw away what it has written so far; its id."""
        from skerry.engine.containers.logs_clear import clear_log

        return clear_log(self._engine, name)

    def exec(
        self, name: str, command: list[str], *, streams: Streams | None = None, **options: Unpack[ExecOptions]
    ) -> int:
        """Run a further program in it, its output on ours (or ``streams``); the program's exit code."""
        from skerry.engine.containers.exec import exec_run

        return exec_run(self._engine, name, command, streams, **options)

    def diff(self, name: str, other: str = "", *, kind: str = "") -> Changes:
        """("A", "C" or "D", path) of what it changes in its image, or how it differs from ``other``. Either may be an
        image, and is one if it is an image's name, unless ``kind`` is "container"."""
        from skerry.engine.differences import diff

        return diff(self._engine, name, other, kind=kind)

    def export(self, name: str, target: str | int) -> None:
        """Write its root file system as a tar to a file or an open descriptor."""
        from skerry.engine.containers.export import export

        export(self._engine, name, target)

    def mount(self, name: str) -> str:
        """Show its root file system on the host until `unmount`; where."""
        from skerry.engine.containers.mounts import mount

        return mount(self._engine, name)

    def unmount(self, name: str, *, force: bool = False) -> str:
        """Undo `mount`; its id."""
        from skerry.engine.containers.mounts import unmount

        return unmount(self._engine, name, force=force)

    def mounted(self) -> Mounts:
        """Those whose root file system is mounted, and where."""
        from skerry.engine.containers.mounts import mounted

        return mounted(self._engine)

    def list(self, *, all: bool = False, filters: list[str] | None = None) -> list[dict[str, Any]]:
        """What ``skerry ps`` shows, oldest first, as dicts with Podman's JSON keys."""
        from skerry.engine.containers.listing import list_containers

        return list_containers(self._engine, all=all, filters=filters or [])
