"""What the checks of a container found: one small file each, and what one more result makes of it.

The file names the run that it is about (the container's start), so nothing has to be reset when a container starts
again. It is replaced whole under a lock of its own, which is held for microseconds only: the container's lock may be
held for as long as a start or a stop takes, and a check must not wait for that.
"""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.times import rfc3339
from skerry.errors import Invalid
from skerry.store.locks import Lock
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.health.types import Health
    from skerry.runtime.types import ContainerConfig

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
    it was ever started."""
    try:
        fd = os.open(path(engine, container_id), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return _fresh(state)
    with open(fd, "rb") as file:
        try:
            found: Health = fastjson.loads(file.read())
        except Invalid:
            return _fresh(state)
    return found if found.get("run") == state.get("started_ns", 0) else _fresh(state)


def _fresh(state: ContainerState) -> Health:
    run = state.get("started_ns", 0)
    return {"run": run, "status": "starting" if run else "", "streak": 0, "log": []}


def change(
    engine: Engine, record: ContainerRecord, state: ContainerState, make: Callable[[Health], Health]
) -> tuple[Health, Health]:
    """Replace the results by what ``make`` makes of them; those before and after."""
    container_id = record["id"]
    with Lock(path(engine, container_id, ".lock")):
        old = read(engine, container_id, state)
        new = make(old)
        step("health.results")
        _replace(path(engine, container_id), fastjson.dumps(new))
    where = record["config"].get("health_log_destination", "local")
    if where.startswith("/"):
        try:
            _replace(f"{where}/{container_id}-healthcheck.log", fastjson.dumps(shown(new)))
        except OSError as error:
            engine.log(f"health check log of container {record['name']}: {error}")
    return old, new


def _replace(target: str, text: str) -> None:
    new = f"{target}.new"
    # The folder may be one that others write to: no link of theirs is followed.
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    os.rename(new, target)


def forget(engine: Engine, container_id: str) -> None:
    """Remove the results, with the container."""
    for suffix in ("", ".lock", ".check", ".new"):
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
