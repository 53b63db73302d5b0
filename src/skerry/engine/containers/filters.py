"""``--filter`` of the commands that list, start, stop or remove containers.

Filters with different keys must all match; of several with the same key one is enough, but for labels, where all
must (Podman's rule).
"""

from __future__ import annotations

from skerry.engine.containers import state as states
from skerry.engine.patterns import labelled, pattern
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

    Test = Callable[[ContainerRecord, ContainerState], bool]

_STATUSES = (
    "created", "running", "paused", "exited", "unknown", "initialized", "removing", "stopping", "stopped", "configured",
    "dead", "restarting",
)  # fmt: skip


def matcher(engine: Engine, filters: list[str]) -> Test:
    """One test for all ``filters``; `Invalid` for a key or value that is none."""
    groups: dict[str, list[Test]] = {}
    for item in filters:
        key, equals, value = item.partition("=")
        if not equals:
            raise Invalid(f'invalid filter "{item}"', hint="KEY=VALUE")
        if key not in _TESTS:
            raise Invalid(f"{key} is an invalid filter", hint=", ".join(sorted(_TESTS)))
        # Labels and annotations are each a condition of their own.
        alone = key.startswith(("label", "annotation"))
        groups.setdefault(item if alone else key, []).append(_TESTS[key](engine, value))
    return lambda record, state: all(any(test(record, state) for test in tests) for tests in groups.values())


def _id(_engine: Engine, value: str) -> Test:
    if set(value.lower()) <= set("0123456789abcdef"):
        return lambda record, _state: record["id"].startswith(value.lower())
    matches = pattern(value)
    return lambda record, _state: matches(record["id"])


def _name(_engine: Engine, value: str) -> Test:
    matches = pattern(value)
    # Docker shows names with a slash: ^/web$ means web, too.
    return lambda record, _state: matches(record["name"]) or matches("/" + record["name"])


def _label(_engine: Engine, value: str) -> Test:
    has = labelled(value)
    return lambda record, _state: has(record["config"].get("labels", {}))


def _annotation(_engine: Engine, value: str) -> Test:
    has = labelled(value)
    return lambda record, _state: has(record["config"].get("annotations", {}))


def _not(maker: Callable[[Engine, str], Test]) -> Callable[[Engine, str], Test]:
    def opposite(engine: Engine, value: str) -> Test:
        test = maker(engine, value)
        return lambda record, state: not test(record, state)

    return opposite


def _status(_engine: Engine, value: str) -> Test:
    if value not in _STATUSES:
        raise Invalid(f"unknown container state: {value}: invalid argument", hint=", ".join(_STATUSES))
    wanted = {"stopped": ("exited",), "configured": ("created",)}.get(value, (value,))
    return lambda _record, state: state["status"] in wanted


def _exited(_engine: Engine, value: str) -> Test:
    if not value.lstrip("-").isdigit():
        raise Invalid(f'exited code out of range "{value}": invalid syntax')
    code = int(value)
    return lambda _record, state: state["status"] == "exited" and state.get("exit_code") == code


def _ancestor(engine: Engine, value: str) -> Test:
    """An image by name, by a part of its id, or by a regular expression that its name matches."""
    from skerry.engine.images.resolve import resolve
    from skerry.errors import SkerryError

    try:
        image_id = resolve(engine, value)["id"]
    except SkerryError:
        image_id = ""
    matches = pattern(value)
    return lambda record, _state: bool(
        (image_id and record["image_id"] == image_id) or value in record["image_id"] or matches(record["image"])
    )


def _time_of(engine: Engine, value: str) -> int:
    """When the container ``value`` was created."""
    return states.find(engine, value)[0]["created_ns"]


def _before(engine: Engine, value: str) -> Test:
    limit = _time_of(engine, value)
    return lambda record, _state: record["created_ns"] < limit


def _since(engine: Engine, value: str) -> Test:
    limit = _time_of(engine, value)
    return lambda record, _state: record["created_ns"] > limit


def _until(_engine: Engine, value: str) -> Test:
    from skerry.engine.moments import parse_moment

    limit = parse_moment(value, "until", past=True)
    return lambda record, _state: record["created_ns"] < limit


def _volume(_engine: Engine, value: str) -> Test:
    source, _, destination = value.partition(":")

    def test(record: ContainerRecord, _state: ContainerState) -> bool:
        for mount in record["config"]["mounts"]:
            places = (mount.get("name"), mount["source"], mount["destination"])
            if destination and mount["destination"] == destination and source in places[:2]:
                return True
            if not destination and source in places:
                return True
        return False

    return test


def _network(engine: Engine, value: str) -> Test:
    how, _, name = value.partition(":")
    if how == "container" and name:
        try:
            value = f"container:{states.find(engine, name)[0]['id']}"
        except NotFound:
            pass  # none is on its network then

    def test(record: ContainerRecord, _state: ContainerState) -> bool:
        mode = record["config"]["namespaces"]["net"]
        return value in (mode, *[request["name"] for request in record["networks"]])

    return test


def _restart_policy(_engine: Engine, value: str) -> Test:
    if value not in ("", "none", "no", "on-failure", "always", "unless-stopped"):
        raise Invalid(f"{value} invalid restart policy")
    wanted = "no" if value in ("", "none") else value
    return lambda record, _state: record["restart"]["name"] == wanted


def _pod(_engine: Engine, value: str) -> Test:
    return lambda record, _state: bool(record["pod"]) and record["pod"].startswith(value)


def _health(engine: Engine, value: str) -> Test:
    from skerry.engine.containers.listing import health_status

    return lambda record, state: health_status(engine, record, state) == value


def _starts_on_boot(_engine: Engine, value: str) -> Test:
    if value not in ("true", "false"):
        raise Invalid(f'invalid value for filter should-start-on-boot: "{value}"', hint="true or false")

    def test(record: ContainerRecord, state: ContainerState) -> bool:
        name = record["restart"]["name"]
        starts = name == "always" or (name == "unless-stopped" and not states.stopped_by_user(state))
        return (starts and bool(state.get("ever_started"))) == (value == "true")

    return test


def _command(_engine: Engine, value: str) -> Test:
    matches = pattern(value)
    return lambda record, _state: matches(record["config"]["args"][0])


_TESTS: dict[str, Callable[[Engine, str], Test]] = {
    "id": _id, "name": _name, "label": _label, "label!": _not(_label), "annotation": _annotation,
    "annotation!": _not(_annotation), "status": _status, "exited": _exited, "ancestor": _ancestor, "before": _before, "since": _since, "until": _until, "volume": _volume, "network": _network,
    "restart-policy": _restart_policy, "pod": _pod, "command": _command, "health": _health,
    "should-start-on-boot": _starts_on_boot,
}  # fmt: skip
