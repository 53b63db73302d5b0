"""Times and durations of JSON documents as Go's templates have them: values of types that print in their own way."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Fields of `inspect` that are times in Podman; those of lists are texts there, too.
TIMES = frozenset(("Created", "CreatedAt", "StartedAt", "FinishedAt", "CheckpointedAt", "RestoredAt"))
_DURATIONS = frozenset(("Interval", "Timeout", "StartPeriod"))
_CHECKS = ("Healthcheck", "StartupHealthCheck")


class Moment(str):
    """A time as JSON has it (RFC 3339); `shown` as Go prints it."""

    __slots__ = ()

    def shown(self) -> str:
        """``2026-11-26 18:17:53.787411576 +0000 UTC``."""
        zone = self[19:].lstrip(".0123456789")
        fraction = self[19 : len(self) - len(zone)]
        offset = "+0000" if zone == "Z" else zone.replace(":", "")
        name = "UTC" if zone == "Z" else time.strftime("%Z", time.localtime(self.unix()))
        return f"{self[:10]} {self[11:19]}{fraction} {offset} {name}"

    def unix(self) -> int:
        """Seconds since the epoch."""
        import calendar

        zone = self[19:].lstrip(".0123456789")
        seconds = calendar.timegm(time.strptime(self[:19], "%Y-%m-%dT%H:%M:%S"))
        if zone == "Z":
            return seconds
        away = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        return seconds + away if zone[0] == "-" else seconds - away


class Duration(int):
    """Nanoseconds; `shown` as Go prints them."""

    def shown(self) -> str:
        """``1h0m30s``, ``1.5s``, ``300ms``, ``0s``."""
        from skerry.engine.times import go_duration

        return go_duration(int(self))


class Check(dict):  # type: ignore[type-arg]
    """A health check; `shown` as Go prints the whole of it, with what JSON leaves out. ``name``: of its field."""

    __slots__ = ("name",)

    def __init__(self, name: str, value: dict[str, Any]) -> None:
        super().__init__(value)
        self.name = name

    def shown(self) -> str:
        """``{[CMD-SHELL true] 0s 0s 30s 30s 3}``; of a startup check with the successes that it needs."""
        times = [Duration(self.get(key, 0)).shown() for key in ("StartPeriod", "StartInterval", "Interval", "Timeout")]
        text = "{[" + " ".join(self["Test"]) + "] " + " ".join(times) + f" {self.get('Retries', 0)}" + "}"
        return f"{{{text} {self.get('Successes', 0)}}}" if self.name == "StartupHealthCheck" else text


def typed(name: str, value: Any, parent: str | None) -> Any:
    """The value of a field, as its type in Podman."""
    if name in TIMES and isinstance(value, str) and value[4:5] == "-" and value[10:11] == "T" and len(value) > 19:
        return Moment(value)
    if name in _DURATIONS and parent in _CHECKS and isinstance(value, int):
        return Duration(value)
    if name in _CHECKS and isinstance(value, dict) and value.get("Test"):
        return Check(name, value)
    return value
