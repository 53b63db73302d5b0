"""Points in time as ``--since`` and ``--until`` take them."""

from __future__ import annotations

import time

from skerry.engine.units import parse_duration
from skerry.errors import Invalid
from skerry.runtime.logs import time_ns

__all__ = ["parse_moment", "time_ns"]
_DIGITS = "0123456789"


def parse_moment(text: str, flag: str, *, past: bool) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time or date, a Unix time, or a duration from now.

    Durations count back when ``past`` (--since), else ahead (--until 10m: ten minutes from now), as in Podman.
    Times without a zone are local. `Invalid` in Podman's words."""
    moment = _unix(text)
    if moment is None:
        moment = _written(text)
    if moment is not None:
        return moment
    try:
        duration = parse_duration(text, flag)
    except Invalid:
        raise Invalid(f'parsing {flag} "{text}": unable to interpret time value') from None
    return time.time_ns() + (-duration if past else duration)


def _unix(text: str) -> int | None:
    seconds, _, fraction = text.partition(".")
    if not seconds or seconds.strip(_DIGITS) or fraction.strip(_DIGITS) or len(seconds) > 15:
        return None
    return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _written(text: str) -> int | None:
    if len(text) < 10 or text[4] != "-" or text[7] != "-":
        return None
    date, rest = text[:10], text[10:]
    zone = ""
    if rest[-1:] in ("Z", "z"):
        rest, zone = rest[:-1], "Z"
    elif len(rest) >= 6 and rest[-6] in "+-" and rest[-3] == ":":
        rest, zone = rest[:-6], rest[-6:]
    if rest and (rest[0] not in "Tt " or len(rest) < 9):
        return None
    moment = time_ns(f"{date}T{rest[1:] or '00:00:00'}{zone or 'Z'}".encode())
    if not moment:
        return None
    if zone:
        return moment
    # Local: what the clock showed, shifted by the zone's offset at that time.
    return moment - time.localtime(moment // 10**9).tm_gmtoff * 10**9
