"""Sizes as containers.conf writes them: ``65536k``, ``1m``, ``100``."""

from __future__ import annotations

_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str, *, kilo: int = 1024) -> int:
    """Bytes, in units that are powers of ``kilo``; ``ValueError`` when it is no size."""
    lower = text.strip().lower()
    digits = lower.rstrip("bkmgti")
    unit = (
        lower[len(digits) :].removesuffix("ib").removesuffix("b")
        if len(lower) - len(digits) > 1
        else lower[len(digits) :]
    )
    if not digits.isdigit() or unit not in _POWERS:
        raise ValueError(text)
    return int(int(digits) * kilo ** _POWERS[unit])
