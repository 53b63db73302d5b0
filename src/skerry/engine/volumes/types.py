"""The shape of a stored volume. Types only."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Limits(TypedDict):
    """Of a volume's files together: bytes and how many, 0 for none."""

    size: int
    inodes: int


class VolumeRecord(TypedDict):
    """One volume; ``mountpoint`` is its folder."""

    name: str
    created_ns: int
    labels: dict[str, str]
    anonymous: bool
    mountpoint: str  # empty for a plugin's, which says where it is when it mounts it
    needs_copy_up: bool  # nothing was put into it yet: an image's folder at its place fills it
    needs_chown: NotRequired[bool]  # it was never used: its first user owns it
    imported: NotRequired[bool]  # it was filled before its first use: that use still gives its folder owner and mode
    driver: str  # local, image or a plugin's name
    options: dict[str, str]
    uid: NotRequired[int]
    gid: NotRequired[int]
    limits: NotRequired[Limits]
    timeout_s: NotRequired[int]  # of requests to its plugin
    storage_id: NotRequired[str]  # driver image: what Podman calls its own layer
    image_id: NotRequired[str]
    layers: NotRequired[list[str]]  # driver image: what it stands on
