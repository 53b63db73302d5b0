"""``KEY=VALUE`` of flags that may be given again and again."""

from __future__ import annotations

from skerry.errors import Invalid


def pairs(items: list[str], wrong: str) -> dict[str, str]:
    """What they say; a value may be missing, a key not: then ``wrong`` is said, with ``{}`` for the item."""
    found = {}
    for item in items:
        key, _, value = item.partition("=")
        if not key:
            raise Invalid(wrong.format(item))
        found[key] = value
    return found
