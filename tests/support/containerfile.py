"""A Containerfile in a folder."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, text: str, name: str = "Containerfile") -> Path:
    """Its path."""
    (folder / name).write_text(text)
    return folder / name
