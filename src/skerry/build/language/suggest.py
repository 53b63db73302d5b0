"""“Did you mean …?”: the nearest of some words, if one is near enough."""

from __future__ import annotations

from collections.abc import Iterable

_NEAR = 2  # edits


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is at most two edits away (the first of the nearest); None if there is none, or it is one."""
    best: str | None = None
    distance = _NEAR + 1
    for choice in choices:
        if choice == word:
            return None
        if abs(len(choice) - len(word)) < distance and (found := edits(word, choice)) < distance:
            best, distance = choice, found
    return best


def did_you_mean(word: str, choices: Iterable[str], prefix: str = "") -> str:
    """The hint, or an empty string. The case of what was typed is kept: ``FORM`` means ``FROM``."""
    plain = list(choices)
    found = nearest(word, plain)
    if found is None and word.isupper():
        found = nearest(word.lower(), [choice.lower() for choice in plain])
        found = found.upper() if found else None
    elif found is None:
        found = nearest(word.lower(), [choice.lower() for choice in plain])
    return f"did you mean {prefix}{found}?" if found else ""


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]
