"""Matching a path with a pattern of many wildcards in one pass, whatever the two are.

A regular expression that tries every way would take ages for ``*a*a*a*a*a*b``, and an ignore file may be a stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class Glob:
    """``parts`` are (kind, regular expression of a character): one, star (no slash), any, folders (``**/``)."""

    def __init__(self, parts: Sequence[tuple[str, str]]) -> None:
        self._parts = [(kind, re.compile(text, re.DOTALL) if kind == "one" else None) for kind, text in parts]

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        # A place n: the parts before n are done. ~n: inside the ``**/`` at n, before its slash.
        places = self._reached({0})
        for character in path:
            following: set[int] = set()
            for place in places:
                self._step(place, character, following)
            if not following:
                return False
            places = self._reached(following)
        return len(self._parts) in places

    def _step(self, place: int, character: str, following: set[int]) -> None:
        if place < 0:
            following.add(place)
            if character == "/":
                following.add(~place + 1)
        elif place < len(self._parts):
            kind, one = self._parts[place]
            if one is not None:
                if one.match(character):
                    following.add(place + 1)
            elif kind == "any" or (kind == "star" and character != "/"):
                following.add(place)

    def _reached(self, places: set[int]) -> set[int]:
        """The places, and those that follow without a character."""
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if not 0 <= place < len(self._parts):
                continue
            kind = self._parts[place][0]
            fresh = {"one": (), "folders": (place + 1, ~place)}.get(kind, (place + 1,))
            for other in fresh:
                if other not in places:
                    places.add(other)
                    waiting.append(other)
        return places
