"""What the checks of a container found: one small file each, and what one more result makes of it.

The file names the run that it is about (the container's start), so nothing has to be reset when a container starts
again. It is replaced whole under a lock of its own, which is held for microseconds only: the container's lock may be
held for as long as a start or a stop takes, and a check must not wait for that.
"""

from __future__ import annotations

import errno
import os
import time

from skerry import fastjson
from skerry.engine.times import rfc3339
from skerry.errors import Corrupt, Invalid, OutOfSpace, Unavailable
from skerry.store.locks import Lock
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.health.types import Health
    from skerry.runtime.types import ContainerConfig

_FULL = (errno.ENOSPC, errno.EDQUOT)
DEFAULT_LOG_COUNT, DEFAULT_LOG_SIZE = 5, 500


class Outcome:
    """One check: when it ran (ns since the epoch), Podman's exit code (0, 1, -1: too slow, 125: not run), its output."""

    __slots__ = ("code", "ended_ns", "error", "output", "started_ns")

    def __init__(self, started_ns: int, ended_ns: int, code: int, output: str, error: str = "") -> None:
        self.started_ns, self.ended_ns = started_ns, ended_ns
        self.code = code
        self.output = output
        self.error = error  # why it could not be run to its end; empty when the program itself said no


def clock_ns() -> int:
    """A clock that nobody can set and that goes on while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def path(engine: Engine, container_id: str, suffix: str = "") -> str:
    """The file with the results."""
    return engine.store.run_path("health", container_id + suffix)


def read(engine: Engine, container_id: str, state: ContainerState) -> Health:
    """What is known about the container's present (or last) run; ``starting`` before its first check, and nothing before
    it was ever started. ``unhealthy``, with a warning, when the file is damaged."""
    try:
        found = _load(path(engine, container_id))
    except Corrupt as error:
        return _damaged(engine, container_id, state, error)
    return found if found and found.get("run") == state.get("started_ns", 0) else _fresh(state)


def seen(engine: Engine, record: ContainerRecord, state: ContainerState) -> Health:
    """`read`, for people: where they have chosen a folder for the log, that one is damaged or not."""
    copy = _copy(record)
    if copy:
        try:
            _load(copy)
        except Corrupt as error:
            return _damaged(engine, record["id"], state, error)
        except OSError:
            pass  # not ours to read, and told when the next result cannot be written there
    return read(engine, record["id"], state)


def _damaged(engine: Engine, container_id: str, state: ContainerState, error: Corrupt) -> Health:
    engine.log(f"unable to get healthcheck log for {container_id}: {error.message}")
    health = _fresh(state)
    return {**health, "status": "unhealthy"} if health["run"] else health


def _copy(record: ContainerRecord) -> str:
    """The log in the folder that the user chose; empty without one."""
    where = record["config"].get("health_log_destination", "local")
    return f"{where}/{record['id']}-healthcheck.log" if where.startswith("/") else ""


def _load(file: str) -> Health | None:
    """None without a file. `Corrupt`."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):  # somebody's link will be replaced
            return None
        raise
    try:
        with open(fd, "rb") as opened:
            found = fastjson.loads(opened.read())
    except Invalid as error:
        raise Corrupt(f"healthcheck log corrupted: {file}: {error.message}") from error
    if not isinstance(found, dict) or not isinstance(found.get("log", found.get("Log", [])), list | None):
        raise Corrupt(f"healthcheck log corrupted: {file}: it is no list of results")
    return found  # type: ignore[return-value]


def _set_aside(engine: Engine, container_id: str, file: str) -> None:
    """A damaged log is not written over: it is kept beside the new one, and that is said."""
    try:
        _load(file)
    except Corrupt as error:
        engine.log(f"Failed to read healthcheck log for {container_id}: {error.message}; kept as {file}.damaged")
        os.rename(file, file + ".damaged")


def _fresh(state: ContainerState) -> Health:
    run = state.get("started_ns", 0)
    return {"run": run, "status": "starting" if run else "", "streak": 0, "log": []}


def change(
    engine: Engine, record: ContainerRecord, state: ContainerState, make: Callable[[Health], Health]
) -> tuple[Health, Health]:
    """Replace the results by what ``make`` makes of them; those before and after."""
    container_id = record["id"]
    file = path(engine, container_id)
    try:
        with Lock(f"{file}.lock"):
            _set_aside(engine, container_id, file)
            old = read(engine, container_id, state)
            new = make(old)
            step("health.results")
            _replace(file, fastjson.dumps(new))
    except OSError as error:
        kind = OutOfSpace if error.errno in _FULL else Unavailable
        raise kind(f"cannot write the health check log {file}: {error.strerror}") from error
    copy = _copy(record)
    if copy:
        try:
            _set_aside(engine, container_id, copy)
            _replace(copy, fastjson.dumps(shown(new)))
        except OSError as error:
            engine.warn(f"cannot write the health check log {copy}: {error.strerror}")
    return old, new


def _replace(target: str, text: str) -> None:
    new = f"{target}.new"
    data = text.encode("utf-8", "backslashreplace")
    try:
        # The folder may be one that others write to: no link of theirs is followed.
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        os.rename(new, target)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _overwrite(target, data, new, error)


def _overwrite(target: str, data: bytes, new: str, full: OSError) -> None:
    """On a full disk: into the block that the file has. What a check found counts there, too."""
    try:
        os.unlink(new)
    except FileNotFoundError:
        pass  # there was no inode for it
    try:
        fd = os.open(target, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise full from None
    try:
        status = os.fstat(fd)
        if len(data) > status.st_blocks * 512:
            raise full
        os.pwrite(fd, data.ljust(status.st_size), 0)  # one call: a reader sees the old text or the new one
    finally:
        os.close(fd)


def forget(engine: Engine, container_id: str) -> None:
    """Remove the results, with the container."""
    for suffix in ("", ".lock", ".check", ".asked", ".new", ".damaged"):
        try:
            os.unlink(path(engine, container_id, suffix))
        except FileNotFoundError:
            pass  # no check ran


def shown(health: Health) -> dict[str, object]:
    """As inspect shows it."""
    return {"Status": health["status"], "FailingStreak": health["streak"], "Log": health["log"] or None}


def judged(
    config: ContainerConfig, health: Health, outcome: Outcome, *, startup: bool, in_start_period: bool
) -> Health:
    """The results with one more of them. A pure function: Podman's rules.

    A success makes it healthy at once. Failures count only after the start period and the startup check."""
    new: Health = {**health, "ended_ns": clock_ns()}
    if startup:
        _count_startup(config, new, succeeded=outcome.code == 0)
    if outcome.code == 0:
        new["status"], new["streak"] = "healthy", 0
    elif not (startup or in_start_period):
        new["streak"] += 1
        if new["streak"] >= config["healthcheck"].get("retries", 3):
            new["status"] = "unhealthy"
    size = config.get("health_max_log_size", DEFAULT_LOG_SIZE)
    count = config.get("health_max_log_count", DEFAULT_LOG_COUNT)
    entry = {
        "Start": rfc3339(outcome.started_ns), "End": rfc3339(outcome.ended_ns), "ExitCode": outcome.code,
        "Output": outcome.output[:size] if size else outcome.output,
    }  # fmt: skip
    log = [*health["log"], entry]
    new["log"] = log[-count:] if count else log  # type: ignore[typeddict-item]
    return new


def _count_startup(config: ContainerConfig, health: Health, *, succeeded: bool) -> None:
    if not succeeded:
        health["startup_failures"] = health.get("startup_failures", 0) + 1
        return
    health["startup_successes"] = health.get("startup_successes", 0) + 1
    if health["startup_successes"] >= (config["startup_healthcheck"].get("successes") or 1):
        health["startup_passed"] = True
