"""The shape of a stored volume. Types only."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class VolumeRecord(TypedDict):
    """One volume; ``mountpoint`` is its folder."""

    name: str
    created_ns: int
    labels: dict[str, str]
    anonymous: bool
    mountpoint: str
    needs_copy_up: bool  # nothing was put into it yet: an image's folder at its place fills it
    needs_chown: NotRequired[bool]  # it was never used: its first user owns it
    driver: str
    options: dict[str, str]
