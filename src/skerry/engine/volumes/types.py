"""The shape of a stored volume. Types only."""

from __future__ import annotations

from typing import TypedDict


class VolumeRecord(TypedDict):
    """One volume; ``mountpoint`` is its folder."""

    name: str
    created_ns: int
    labels: dict[str, str]
    anonymous: bool
    mountpoint: str
    needs_copy_up: bool  # filled from the image at its first use
    driver: str
    options: dict[str, str]
