"""Shapes of the store's records, and names for what must not be confused. Imported for types only."""

from __future__ import annotations

from typing import NewType, TypedDict

Digest = NewType("Digest", str)  # of the bytes as they came: "sha256:HEX"
DiffID = NewType("DiffID", str)  # of the uncompressed tar
ChainID = NewType("ChainID", str)  # of a layer and all below it


class LayerRecord(TypedDict):
    """One unpacked layer. ``size`` counts the uncompressed tar, ``blob_size`` the blob."""

    chain_id: str
    parent: str | None
    diff_id: str
    size: int
    blob: str | None  # the compressed bytes as they came, or None: the tar is rebuilt from its recipe
    blob_size: int | None
    blob_media_type: str | None
    created_ns: int


class Finding(TypedDict):
    """Something that `check` found. ``lost`` says that data is gone, not only room wasted."""

    kind: str
    name: str
    message: str
    lost: bool
    repaired: bool
