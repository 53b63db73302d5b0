"""Whether journald's entries can be read here, which decides where logs and events go when nobody says."""

from __future__ import annotations

import os

# Kept in memory until the next boot, and kept on disk.
FOLDERS = ("/run/log/journal", "/var/log/journal")


def is_readable() -> bool:
    """Whether one of journald's folders (one per machine id) opens for us: Podman asks the same.

    A user whose entries are kept in memory only cannot read them: journald makes no file per user there."""
    for folder in FOLDERS:
        try:
            with os.scandir(folder) as machines:
                if any(machine.is_dir() and _opens(machine.path) for machine in machines):
                    return True
        except OSError:
            continue  # none there, or not for us
    return False


def _opens(folder: str) -> bool:
    try:
        os.scandir(folder).close()
    except OSError:
        return False
    return True
