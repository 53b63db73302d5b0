"""Reading WWW-Authenticate: what a registry wants to see (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9._-]*)(?:\s+|$)(?![=])")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z0-9._-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MAX = 8192


class Challenge:
    """``scheme`` is ``basic`` or ``bearer``; ``parameters`` have lower-case names."""

    __slots__ = ("parameters", "scheme")

    def __init__(self, scheme: str, parameters: dict[str, str]) -> None:
        self.scheme = scheme
        self.parameters = parameters


def parse(values: Iterable[str]) -> list[Challenge]:
    """All challenges of the header's values, in order; what is no challenge is passed over."""
    found = []
    for value in values:
        text, position = value[:_MAX], 0
        while match := _SCHEME.match(text, position):
            position, parameters = match.end(), {}
            while parameter := _PARAMETER.match(text, position):
                quoted, plain = parameter.group(2), parameter.group(3)
                parameters[parameter.group(1).lower()] = (
                    re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
                )
                position = parameter.end()
            found.append(Challenge(match.group(1).lower(), parameters))
    return found


def choose(values: Iterable[str]) -> Challenge | None:
    """Bearer where it is offered, else Basic; None when there is neither."""
    known = {challenge.scheme: challenge for challenge in reversed(parse(values))}
    return known.get("bearer") or known.get("basic")
