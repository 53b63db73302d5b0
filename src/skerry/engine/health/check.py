"""One run of a container's health check: which command, started, and what came of it."""

from __future__ import annotations

import os
import time

from skerry.engine.containers import exec as execute
from skerry.engine.containers import state as states
from skerry.engine.health import has_check, results
from skerry.engine.health.results import Outcome
from skerry.engine.times import go_duration
from skerry.errors import Conflict, NotFound, SkerryError
from skerry.linux import process
from skerry.runtime import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.health.types import Health
    from skerry.runtime.types import ContainerConfig

# Beside the results: which processes a check consists of, one on time and one that was asked for.
_TIMED, _ASKED = ".check", ".asked"
_HERTZ = os.sysconf("SC_CLK_TCK")


class Check:
    """A check that runs. ``outcome`` is there at once when it could not even be started."""

    __slots__ = ("deadline_ns", "outcome", "probe", "record", "started_ns", "startup", "state")

    def __init__(self, engine: Engine, record: ContainerRecord, state: ContainerState, *, asked: bool = False) -> None:
        """Start it; ``asked`` by a user, beside those on time. `Conflict` when the container does not run, `NotFound`
        when it has none."""
        self.record, self.state = record, state
        config = record["config"]
        if not has_check(config):
            raise NotFound(f"container {record['id']} has no defined healthcheck")
        self.startup = is_startup(config, results.read(engine, record["id"], state))
        wanted = config["startup_healthcheck"] if self.startup else config["healthcheck"]
        self.started_ns = time.time_ns()
        self.deadline_ns = results.clock_ns() + (wanted.get("timeout_ns") or 30 * 10**9)
        self.outcome: Outcome | None = None
        self.probe: probe.Probe | None = None
        try:
            prepared = execute.prepare(engine, record["id"], words(wanted["test"]), {})
            self.probe = probe.Probe(prepared.runtime, record["id"], prepared.process)
        except (Conflict, NotFound) as error:
            raise Conflict(f"container {record['id']} is not running: {error.message}") from error
        except SkerryError as error:
            self.outcome = Outcome(self.started_ns, time.time_ns(), 125, error.message, error.message)
            return
        _note(engine, record["id"], self.probe.pid, _ASKED if asked else _TIMED)

    def ended(self) -> Outcome:
        """What came of a program that has ended."""
        assert self.probe is not None
        code, output, refused = self.probe.finish()
        text = output.decode("utf-8", "replace")
        # A command that is not there has failed like one that says no; the reason is worth keeping.
        return Outcome(self.started_ns, time.time_ns(), 1 if code else 0, text or refused)

    def out_of_time(self) -> tuple[Outcome, int]:
        """End it; what came of it, and the pid of a child that somebody has to wait for."""
        assert self.probe is not None
        pid, output = self.probe.abandon()
        config = self.record["config"]
        limit_ns = config["startup_healthcheck" if self.startup else "healthcheck"].get("timeout_ns", 0)
        error = f"healthcheck command exceeded timeout of {go_duration(limit_ns)}"
        return Outcome(self.started_ns, time.time_ns(), -1, output.decode("utf-8", "replace"), error), pid


def is_startup(config: ContainerConfig, health: Health) -> bool:
    """Whether the startup check is the one to run."""
    return bool(config.get("startup_healthcheck")) and not health.get("startup_passed", False)


def words(test: list[str]) -> list[str]:
    """What is executed for a check in Docker's notation."""
    if test[0].upper() == "CMD":
        return test[1:]
    if test[0].upper() == "CMD-SHELL":
        return ["/bin/sh", "-c", " ".join(test[1:])]
    return test


def in_start_period(config: ContainerConfig, state: ContainerState) -> bool:
    """Whether failures do not count yet. Told by the process's own age: clocks may jump, and did at boot."""
    period_ns = config["healthcheck"].get("start_period_ns", 0)
    if not period_ns:
        return False
    age_ns = results.clock_ns() - state.get("pid_start", 0) * (10**9 // _HERTZ)
    return age_ns < period_ns


def _note(engine: Engine, container_id: str, pid: int, suffix: str) -> None:
    """Whoever started it may be killed: the next one finds it here, and ends it if it hangs."""
    path = results.path(engine, container_id, suffix)
    starter = os.getpid()
    text = b"%d %d %d %d" % (pid, process.start_time(pid) or 0, starter, process.start_time(starter) or 0)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(fd, text)
        os.close(fd)
    except OSError as error:
        engine.log(f"cannot write {path}: {error.strerror}")


def end_left_behind(engine: Engine, container_id: str) -> None:
    """Kill checks whose starter was killed while they ran. Another one's that runs beside ours is its own affair."""
    for suffix in (_TIMED, _ASKED):
        try:
            with open(results.path(engine, container_id, suffix), encoding="ascii") as file:
                pid, start, starter, starter_start = map(int, file.read().split())
        except (OSError, ValueError):
            continue
        if starter == os.getpid() or not process.is_same(starter, starter_start):
            probe.kill_left_behind(pid, start)


def still_runs(engine: Engine, check: Check) -> bool:
    """Whether the container is in the run that the check was about."""
    try:
        now = states.reload(engine, check.record["id"])[1]
    except NotFound:
        return False
    live = states.observe(engine, check.record["id"], now)["status"] in ("running", "paused")
    return live and now.get("started_ns") == check.state.get("started_ns")
