"""Entries' names: bytes, made relative to the layer's root, and shown safely."""

from __future__ import annotations

from skerry.errors import Corrupt

_SHOWN = 200


def quoted(name: bytes) -> str:
    """``name`` for an error message: one line, nothing that a terminal would act on, not endless."""
    text = name[: _SHOWN * 4].decode("utf-8", "backslashreplace")
    safe = "".join(
        char if char.isprintable() and char not in '"\\' else char.encode("unicode_escape").decode() for char in text
    )
    if len(name) > _SHOWN * 4 or len(safe) > _SHOWN:
        safe = safe[:_SHOWN] + "…"
    return f'"{safe}"'


def normalise(name: bytes) -> bytes:
    """``name`` relative to the root: no leading, doubled or trailing slash, no ``.`` or ``..``; ``b""`` is the root.

    An absolute name is taken beneath the root, as all tools do; one that climbs out of it is refused."""
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not parts:
                raise Corrupt(f"layer entry {quoted(name)} leads outside of the layer")
            parts.pop()
        else:
            parts.append(part)
    return b"/".join(parts)
