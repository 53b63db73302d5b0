"""The shape of a stored secret, and of what a container uses of one. Types only."""

from __future__ import annotations

from typing import TypedDict


class SecretRecord(TypedDict):
    """One secret. What it says is the driver's to keep."""

    id: str  # 25 hex digits
    name: str
    driver: str
    options: dict[str, str]
    labels: dict[str, str]
    created_ns: int  # of the first with this name, when it was replaced
    updated_ns: int


class SecretUse(TypedDict):
    """``--secret`` of a container."""

    id: str
    name: str
    type: str  # mount, env
    target: str  # a path (relative: below /run/secrets), or a variable's name
    uid: int
    gid: int
    mode: int
