"""Why a step could not be taken from the cache: what went into its key now, against the last time."""

from __future__ import annotations

from skerry.build.events import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_SHOWN = 5
_MAX_LINE = 120


def reason(before: Mapping[str, Any] | None, now: Mapping[str, Any], *, no_cache: bool = False) -> Reason:
    """The reason in one line; details are more lines. ``before``: the inputs of the same step the last time."""
    if no_cache:
        return Reason("the cache is not used (--no-cache)")
    if not before:
        return Reason("never built before")
    for compare in (_instruction, _files, _variables, _settings, _parent):
        found = compare(before, now)
        if found is not None:
            return found
    return Reason("its result was removed from the cache")


def _instruction(before: Mapping[str, Any], now: Mapping[str, Any]) -> Reason | None:
    old, new = before.get("instruction", ""), now.get("instruction", "")
    if old == new:
        return None
    return Reason(f"the instruction changed: {_short(old)} → {_short(new)}")


def _parent(before: Mapping[str, Any], now: Mapping[str, Any]) -> Reason | None:
    if before.get("parent") == now.get("parent"):
        return None
    if before.get("base") != now.get("base") or before.get("base_digest") != now.get("base_digest"):
        if before.get("base") == now.get("base"):
            return Reason(f"the base image {now.get('base')} changed")
        return Reason(f"the base image changed: {before.get('base')} → {now.get('base')}")
    return Reason("a step before it changed")


def _variables(before: Mapping[str, Any], now: Mapping[str, Any]) -> Reason | None:
    for kind, word in (("args", "ARG"), ("env", "ENV")):
        old, new = before.get(kind) or {}, now.get(kind) or {}
        changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        if changed:
            lines = tuple(_variable(word, name, old.get(name), new.get(name)) for name in changed)
            return Reason(lines[0] if len(lines) == 1 else f"{len(lines)} variables changed", lines[:_SHOWN])
    return None


def _variable(word: str, name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{word} {name} is new: {_short(str(new))}"
    if new is None:
        return f"{word} {name} is gone"
    return f"{word} {name} changed: {_short(old)} → {_short(new)}"


def _settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Reason | None:
    old, new = before.get("settings") or {}, now.get("settings") or {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            return Reason(f"{name} changed: {_short(str(old.get(name)))} → {_short(str(new.get(name)))}")
    return None


def _files(before: Mapping[str, Any], now: Mapping[str, Any]) -> Reason | None:
    old, new = before.get("files") or {}, now.get("files") or {}
    if old == new:
        if before.get("content") != now.get("content"):
            return Reason(f"what it copies from {now.get('from') or 'the context'} changed")
        return None
    lines = []
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        if path not in old:
            lines.append(f"{path} is new")
        elif path not in new:
            lines.append(f"{path} is gone")
        else:
            lines.append(f"{path} changed{_lines_of(before, now, path)}")
    if len(lines) == 1:
        return Reason(lines[0])
    shown = ", ".join(line.partition(":")[0] for line in lines[:_SHOWN])
    more = ", …" if len(lines) > _SHOWN else ""
    return Reason(f"{len(lines)} files changed: {shown}{more}", tuple(lines[:50]))


def _lines_of(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> str:
    """``: -old line +new line`` of a small text file."""
    old, new = (inputs.get("texts", {}).get(path) for inputs in (before, now))
    if old is None or new is None:
        return ""
    import difflib

    changed = [
        line for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]  # fmt: skip
    if not changed:
        return " (mode, owner or line ends)"
    text = " ".join(_short(line, 60) for line in changed[:3])
    return f": {text}{' …' if len(changed) > 3 else ''}"


def _short(text: str, limit: int = _MAX_LINE) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
