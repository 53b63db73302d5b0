"""``SOURCE:TARGET[:OPTIONS]`` of a build's ``--volume``: a colon within a path is written ``\\:``, as for Buildah."""

from __future__ import annotations


def split_volume(text: str) -> list[str]:
    """Its parts, without the backslashes: at most three."""
    parts: list[str] = []
    part, rest = "", text
    while rest:
        if rest.startswith("\\:"):
            part, rest = part + ":", rest[2:]
        elif rest[0] == ":" and len(parts) < 2:
            parts.append(part)
            part, rest = "", rest[1:]
        else:
            part, rest = part + rest[0], rest[1:]
    return [*parts, part]


def join_volume(parts: list[str]) -> str:
    """What `split_volume` takes apart."""
    return ":".join(part.replace(":", "\\:") for part in parts)
