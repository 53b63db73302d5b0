"""Shapes of lists of manifests. Imported for types only."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Subject(TypedDict):
    """What a list as a whole refers to."""

    media_type: str
    digest: str
    size: int
    artifact_type: NotRequired[str]


class Entry(TypedDict):
    """One instance of a list. Where it is: the image ``image_id`` of this store, the registry's ``source``
    (``docker://REPOSITORY``), or (an artifact) the store's blobs ``blobs``."""

    media_type: str
    digest: str
    size: int
    os: str
    architecture: str
    variant: str
    os_version: str
    os_features: list[str]
    features: list[str]
    annotations: dict[str, str]
    artifact_type: str
    urls: list[str]
    image_id: NotRequired[str]
    source: NotRequired[str]
    blobs: NotRequired[list[str]]
    files: NotRequired[list[str]]  # names of what an artifact was made of


class IndexRecord(TypedDict):
    """A list of manifests. ``digest``, ``media_type`` and ``size`` are those of what `document.serialise` makes of it;
    ``names`` comes from the table of names, the one that was asked for first."""

    id: str
    digest: str
    media_type: str
    size: int
    created_ns: int
    entries: list[Entry]
    annotations: dict[str, str]
    artifact_type: str
    subject: Subject | None
    names: list[str]
