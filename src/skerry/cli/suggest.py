"""What someone who mistyped a word may have meant."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def distance(one: str, other: str) -> int:
    """How many letters to insert, drop, change or swap with the next one (Damerau–Levenshtein, restricted)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, letter2 in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != letter2))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == letter2:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(typed: str, names: Iterable[str], limit: int = 3) -> list[str]:
    """Names that are at most two letters away (one, for short words), or begin with what was typed; best first."""
    typed = typed.lower()
    allowed = 1 if len(typed) < 4 else 2
    found = []
    for name in names:
        lower = name.lower()
        away = distance(typed, lower)
        if away <= allowed and away < len(lower):
            found.append((away, name))
        elif len(typed) > 1 and lower.startswith(typed):
            found.append((allowed + 1, name))
    return [name for _, name in sorted(found)][:limit]
