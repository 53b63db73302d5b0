"""Sizes, durations and booleans as Podman's users write them."""

from __future__ import annotations

from skerry.errors import Invalid

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DURATIONS_NS = {"ns": 1, "us": 1000, "µs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def parse_bool(text: str) -> bool:
    """Go's ``strconv.ParseBool``. `Invalid` in its words."""
    if text not in (*_TRUE, *_FALSE):
        raise Invalid(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE


def parse_size(text: str, what: str, *, kilo: int = 1024) -> int:
    """Bytes of ``512m``, ``1.5g``, ``64KiB``, ``1000`` (docker/go-units RAMInBytes: powers of 1024; FromHumanSize,
    of files: of 1000).

    ``Invalid`` names ``what`` (the flag)."""
    number = text.strip().lower()
    unit = ""
    for suffix in ("ib", "b", ""):
        if suffix and not number.endswith(suffix):
            continue
        head = number[: len(number) - len(suffix)]
        if head and head[-1] in "kmgtp":
            number, unit = head[:-1], head[-1]
            break
        if suffix != "ib":
            number = head
            break
    try:
        value = float(number)
    except ValueError:
        raise Invalid(f"invalid value for {what}: invalid size: '{text}'") from None
    if value < 0 or value != value or value > 1 << 62:
        raise Invalid(f"invalid value for {what}: invalid size: '{text}'")
    return int(value * kilo ** _POWERS[unit])


def parse_duration(text: str, what: str = "") -> int:
    """Nanoseconds of a Go duration: ``1h30m``, ``2.5s``, ``300ms``; a bare 0 is allowed."""
    rest, sign = text, 1
    if rest[:1] in ("+", "-"):
        sign, rest = (-1 if rest[0] == "-" else 1), rest[1:]
    if rest == "0":
        return 0
    total = 0.0
    start = f"invalid value for {what}: " if what else ""
    if not rest:
        raise Invalid(f'{start}time: invalid duration "{text}"')
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        letters = digits
        while letters < len(rest) and rest[letters] not in "0123456789.":
            letters += 1
        number, unit, rest = rest[:digits], rest[digits:letters], rest[letters:]
        try:
            total += float(number) * _DURATIONS_NS[unit]
        except KeyError:
            problem = f'unknown unit "{unit}" in duration' if unit else "missing unit in duration"
            raise Invalid(f'{start}time: {problem} "{text}"') from None
        except ValueError:
            raise Invalid(f'{start}time: invalid duration "{text}"') from None
    return sign * int(total)


def human_size(size_bytes: float, digits: int = 3) -> str:
    """``4.57MB``: powers of 1000, three significant digits (docker/go-units HumanSizeWithPrecision)."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):
        if size_bytes < 1000 or unit == "EB":
            break
        size_bytes /= 1000
    return f"{size_bytes:.{digits}g}{unit}"
