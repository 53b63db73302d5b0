"""What follows a check: results written, an event, and what was asked for when the container is unhealthy."""

from __future__ import annotations

from skerry.engine.containers import state as states
from skerry.engine.health import results
from skerry.engine.health.check import end_left_behind, in_start_period, still_runs
from skerry.errors import Conflict, NotFound
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.health.check import Check
    from skerry.engine.health.results import Outcome
    from skerry.engine.health.types import Health

# What the supervisor has done by a command of its own, because it may take a while.
KINDS = ("kill", "stop", "restart", "names", "policy", "cleanup")


def record_outcome(engine: Engine, check: Check, outcome: Outcome) -> tuple[Health, str]:
    """Note what a check found: the results, and what has to be done now (one of `KINDS`, or empty)."""
    record, config = check.record, check.record["config"]
    early = in_start_period(config, check.state)
    stopped = bool(outcome.code) and not still_runs(engine, check)

    def add(health: Health) -> Health:
        new = results.judged(config, health, outcome, startup=check.startup, in_start_period=early or stopped)
        return {**new, "status": "stopped"} if stopped else new

    _old, new = results.change(engine, record, check.state, add)
    if engine.settings.conf["engine"]["healthcheck_events"]:
        more = {}
        if config.get("health_log_destination") == "events_logger":
            more = {
                "health_log": new["log"][-1]["Output"] if new["log"] else "",
                "health_failing_streak": new["streak"],
            }
        engine.events.emit_container("health_status", record, health_status=new["status"], **more)
    return new, "" if stopped else _wanted(check, new)


def _wanted(check: Check, health: Health) -> str:
    config = check.record["config"]
    if check.startup:
        retries = config["startup_healthcheck"].get("retries", 0)
        return "restart" if retries and health.get("startup_failures", 0) >= retries else ""
    action = config.get("health_on_failure", "none")
    if health["status"] == "unhealthy" and action != "none":
        return action
    # Networks with names: see `show_names`.
    differs = (health["status"] == "unhealthy") != health.get("hidden", False)
    return "names" if differs and check.record["networks"] else ""


def act(engine: Engine, container_id: str, kind: str) -> None:
    """Do one of `KINDS`. Harmless when it is done already, or the container has gone."""
    step(f"health.{kind}")
    try:
        if kind == "kill":
            _kill(engine, container_id)
        elif kind == "stop":
            engine.containers.stop(container_id)
        elif kind == "restart":
            from skerry.engine.containers.restart import restart_unhealthy

            restart_unhealthy(engine, container_id)
        elif kind == "policy":
            from skerry.engine.containers.restart import restart_due

            restart_due(engine, container_id)
        elif kind == "cleanup":
            from skerry.engine.containers.exits import clean_up

            clean_up(engine, container_id)
        else:
            show_names(engine, container_id)
    except NotFound:
        pass  # removed meanwhile


def _kill(engine: Engine, container_id: str) -> None:
    """As if its program had died: the restart policy is asked, unlike after `skerry kill`."""
    from skerry.engine.containers.exits import clean_up
    from skerry.engine.containers.signals import await_exit, send

    record, written = states.reload(engine, container_id)
    state = states.observe(engine, container_id, written)
    if state["status"] not in states.LIVE:
        return
    send(engine, record, state, 9)
    engine.events.emit_container("kill", record, signal="9")
    if await_exit(state, 10.0):
        clean_up(engine, container_id)


def show_names(engine: Engine, container_id: str) -> None:
    """Take an unhealthy container out of the names that it shares with others in its networks, or bring it back."""
    record, state = states.reload(engine, container_id)
    unhealthy = results.read(engine, container_id, state)["status"] == "unhealthy"
    if record["config"]["namespaces"]["net"] == "bridge":
        from skerry.network.change import hide

        try:
            hide(engine.network, container_id, unhealthy)
        except Conflict:
            return  # it ended meanwhile: its names went with it
    results.change(engine, record, state, lambda health: {**health, "hidden": unhealthy})


def forget(engine: Engine, container_id: str) -> None:
    """With the container: its results, and a check that still runs."""
    end_left_behind(engine, container_id)
    results.forget(engine, container_id)
