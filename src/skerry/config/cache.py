"""The merged configuration, kept as JSON so that everyday commands need not parse TOML (10 ms).

A kept copy counts only while every file and folder that it came from has the same inode, size and times, and the
same environment asks for it. It lies in the default run folder, whatever ``--runroot`` says: it depends on no store.
"""

from __future__ import annotations

import os
import time
from binascii import crc32

from skerry import fastjson
from skerry.config import files
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.config.identity import Identity

# Raised whenever the defaults or the shape of what is kept change: a new version must not read an old one's copy.
FORMAT = 8
# A file that was written this short a time ago may be written again without its times changing.
_SETTLED_NS = 50_000_000


def load(identity: Identity, folder: str, modules: Sequence[str] = ()) -> dict[str, Any]:
    """The merged configuration: the kept copy in ``folder``, or read anew (and kept)."""
    key = f"{FORMAT}\0{files.key(identity, modules)}"
    path = f"{folder}/config-{crc32(os.fsencode(key)):08x}.json"
    kept = _read(path, key)
    if kept is not None:
        return kept
    from skerry.config import merge

    conf, stamps = merge.load(identity, modules)
    newest = max(max(stamp[3], stamp[4]) for stamp in stamps)  # type: ignore[type-var, operator, call-overload]
    if newest < time.time_ns() - _SETTLED_NS:
        _write(path, {"key": key, "stamps": stamps, "conf": conf})
    return conf


def _read(path: str, key: str) -> dict[str, Any] | None:
    """The kept copy if it still holds; None for a stale, foreign or damaged one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o177022 != 0o100000:
            return None  # not ours alone: whoever wrote it could choose the programs that we run
        text = os.read(fd, 1 << 20)
    except OSError:
        return None
    finally:
        os.close(fd)
    try:
        kept = fastjson.loads(text)
        if kept["key"] != key:
            return None
        stamp = files.stamp
        for known in kept["stamps"]:
            if stamp(known[0]) != known:
                return None
        conf: dict[str, Any] = kept["conf"]
    except (SkerryError, LookupError, TypeError, AttributeError):
        return None  # cut short, or not written by us: as good as none
    return conf


def _write(path: str, content: dict[str, Any]) -> None:
    """Keep it, whole or not at all. That it cannot be kept is no reason to fail."""
    beside = f"{path}.{os.getpid()}"
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return
    try:
        with open(fd, "wb") as file:
            file.write(fastjson.dumps(content).encode())
        os.rename(beside, path)
    except OSError:
        try:
            os.unlink(beside)
        except OSError:
            pass  # the folder went away with it
