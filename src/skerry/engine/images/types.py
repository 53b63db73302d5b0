"""Shapes of image records. Imported for types only."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class ImageRecord(TypedDict):
    """One image. ``names`` comes from the table of names, the name that was asked for first."""

    id: str  # hex of the config's digest
    digest: str  # of the manifest
    media_type: str  # of the manifest
    created_ns: int
    loaded_ns: int
    size: int  # uncompressed layers, config and manifest
    layers: list[str]  # chain ids, base first
    diff_ids: list[str]
    config: dict[str, Any]
    architecture: str
    os: str
    variant: str
    author: str
    comment: str
    history: list[dict[str, Any]]
    annotations: dict[str, str]
    names: list[str]
    index_digests: NotRequired[list[str]]  # of the indexes that it was pulled through, the newest last
    store: NotRequired[str]  # the additional store that it is in: read-only
    pulled: NotRequired[bool]  # the manifest is a registry's: pushed as it is
