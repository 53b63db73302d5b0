"""Sizes as containers.conf writes them: ``65536k``, ``1m``, ``100``. Units are powers of 1024."""

from __future__ import annotations

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str) -> int:
    """Bytes; ``ValueError`` when it is no size."""
    lower = text.strip().lower()
    digits = lower.rstrip("bkmgti")
    unit = (
        lower[len(digits) :].removesuffix("ib").removesuffix("b")
        if len(lower) - len(digits) > 1
        else lower[len(digits) :]
    )
    if not digits.isdigit() or unit not in _UNITS:
        raise ValueError(text)
    return int(digits) * _UNITS[unit]
