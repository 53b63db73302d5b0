"""Times as Podman shows them."""

from __future__ import annotations

import time

ZERO_TIME = "0001-01-01T00:00:00Z"  # Go's time that was never set
ZERO_SECONDS = -62135596800
NEVER_NS = -(1 << 63)  # of an image that says no time; 0 is 1970, as --timestamp 0 has it


def rfc3339(ns: int) -> str:
    """Local time with nanoseconds, as Go writes a time into JSON; `ZERO_TIME` for 0."""
    if not ns:
        return ZERO_TIME
    seconds, rest = divmod(ns, 10**9)
    local = time.localtime(seconds)
    offset = time.strftime("%z", local)
    zone = "Z" if offset in ("+0000", "") else f"{offset[:3]}:{offset[3:]}"
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + zone


def go_string(ns: int, *, never: int = 0) -> str:
    """``2026-11-26 18:17:53.787411576 +0000 UTC``, as Go prints a time. ``never``: what stands for none."""
    if ns == never:
        return "0001-01-01 00:00:00 +0000 UTC"
    seconds, rest = divmod(ns, 10**9)
    local = time.localtime(seconds)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%d %H:%M:%S", local) + fraction + time.strftime(" %z %Z", local)


def human_duration(seconds: float) -> str:
    """``3 minutes``, ``About an hour``, ``2 weeks`` (docker/go-units HumanDuration)."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{hours // 24 // 365} years"


def ago(ns: int) -> str:
    """``3 minutes ago``."""
    return human_duration((time.time_ns() - ns) / 1e9) + " ago"


def go_duration(ns: int) -> str:
    """As Go prints it: 1h0m30s, 1m30s, 1.5s, 300ms, 0s."""
    if ns < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3)):
            if ns >= size:
                return f"{ns / size:g}{unit}"
        return f"{ns}ns" if ns else "0s"
    minutes, rest = divmod(ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1e9:.9f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + text
