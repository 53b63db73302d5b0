"""``skerry healthcheck run``: one check, now, whoever else checks on time."""

from __future__ import annotations

import os
import select

from skerry.engine.containers import state as states
from skerry.engine.health import has_check, results
from skerry.engine.health.act import act, record_outcome
from skerry.engine.health.check import Check
from skerry.errors import Conflict, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.health.results import Outcome


def run_check(engine: Engine, name: str) -> str:
    """Run the container's check and do what follows. What this one check says: healthy, unhealthy, starting, stopped.

    `NotFound` without a check, `Conflict` when the container does not run, other errors when the check could not be
    run or took too long (it counts as failed all the same)."""
    try:
        container_id = states.find(engine, name)[0]["id"]
    except NotFound as error:
        raise NotFound(f"unable to look up {name} to perform a health check: {error.message}") from error
    record, written = states.reload(engine, container_id)
    if not has_check(record["config"]):
        raise NotFound(f"container {container_id} has no defined healthcheck")
    state = states.observe(engine, container_id, written)
    if state["status"] != "running":
        raise Conflict(
            f"container {container_id} is not running: can only create exec sessions on running containers: "
            "container state improper"
        )
    check = Check(engine, record, state, asked=True)
    outcome = check.outcome or _await(check)
    health, wanted = record_outcome(engine, check, outcome)
    if wanted:
        act(engine, container_id, wanted)
    if outcome.error:
        raise SkerryError(outcome.error)
    if outcome.code == 0:
        return "healthy"
    if health["status"] == "stopped":
        return "stopped"
    return "starting" if check.startup else "unhealthy"


def _await(check: Check) -> Outcome:
    assert check.probe is not None
    poll = select.poll()
    poll.register(check.probe.output, select.POLLIN)
    poll.register(check.probe.ended, select.POLLIN)
    while True:
        left_ns = check.deadline_ns - results.clock_ns()
        if left_ns <= 0:
            outcome, pid = check.out_of_time()
            os.waitpid(pid, 0)
            return outcome
        for fd, _ in poll.poll(left_ns // 10**6 + 1):
            if fd == check.probe.ended:
                return check.ended()
            if not check.probe.gather():
                poll.unregister(fd)
