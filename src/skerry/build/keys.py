"""Keys of steps: one digest of everything that a step's result depends on, and nothing else (no time, no path of ours)."""

from __future__ import annotations

from hashlib import sha256

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VERSION = 1  # of what a key means: another one finds nothing that an older version kept


def step_key(kind: str, parent: str, **parts: Any) -> str:
    """The key of a step of this kind above the layer ``parent`` (a chain id; "" for none)."""
    return digest([_VERSION, kind, parent, parts])


def digest(value: Any) -> str:
    """A digest of a JSON value in which the order of keys does not count."""
    return sha256(fastjson.dumps(_ordered(value)).encode("utf-8", "surrogateescape")).hexdigest()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return [[key, _ordered(value[key])] for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    return value
