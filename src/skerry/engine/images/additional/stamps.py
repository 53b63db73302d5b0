"""Whether an additional store has changed since it was last looked at. Asked by every command that uses one."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.store.database import SCHEMA_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.store.store import Store

_FORMAT = 1  # raised when mirrors are made differently
# Skerry's database with its log; containers/storage's lists.
FILES = ("skerry.db", "skerry.db-wal", "overlay-images/images.json", "overlay-layers/layers.json")
# A file that was written this short a time ago may be written again without its times changing.
_SETTLED_NS = 50_000_000


def stamp_of(store: Store, paths: Sequence[str]) -> str:
    """What would differ if one of the stores had changed, or were another; empty when one has changed just now."""
    found: list[object] = [_FORMAT, SCHEMA_VERSION, store.rootless]
    latest = 0
    for path in paths:
        found.append(path)
        for name in FILES:
            try:
                status = os.stat(f"{path}/{name}")
            except OSError as error:
                found.append(error.errno)
                continue
            found.append([status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns])
            latest = max(latest, status.st_mtime_ns, status.st_ctime_ns)
    return fastjson.dumps(found) if latest < time.time_ns() - _SETTLED_NS else ""
