"""What the host puts into every container (containers-mounts.conf(5)): copies of files such as a subscription's.

The first of the user's, the administrator's and the distribution's file counts. Each line is ``HOST:CONTAINER``, or one
path for both. The copies are in the run folder: made anew at each start, gone with it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig


def default_mounts(
    engine: Engine, file: str, folder: str, taken: Collection[str], owner: tuple[int, int] | None = None
) -> list[MountConfig]:
    """The mounts of ``file``, their copies made in ``folder`` of the run folder; none at a place in ``taken``. ``owner``,
    by the host's ids, is given the copies. What is not there is left out, as most hosts' own file names such things."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as lines:
            pairs = _pairs(lines.read())
    except FileNotFoundError:
        return []
    except OSError as error:
        engine.warn(f"cannot read {file}: {error.strerror}")
        return []
    found: dict[str, MountConfig] = {}
    for source, target in pairs:
        if target in found or target in taken:
            continue
        if not target.startswith("/") or not os.path.exists(source):
            continue
        copy = f"{folder}/default-mounts/{len(found)}"
        if _copied(engine, source, copy, owner):
            found[target] = {"type": "bind", "source": copy, "destination": target, "options": ["bind", "rprivate"]}
    return list(found.values())


def _pairs(text: str) -> list[tuple[str, str]]:
    """Lines are split at the first colon; comments and blank lines say nothing."""
    found = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            source, _, target = line.partition(":")
            found.append((source.strip(), os.path.normpath(target.strip() or source.strip())))
    return found


def _copied(engine: Engine, source: str, copy: str, owner: tuple[int, int] | None) -> bool:
    """Files and folders with their modes, links followed: what they lead to is not in the container."""
    from skerry.linux.spawn import run

    try:
        os.makedirs(os.path.dirname(copy), mode=0o711, exist_ok=True)
        done = run(["cp", "-rL", "--preserve=mode", "--", source, copy])
    except OSError as error:
        engine.warn(f"cannot copy {source}: {error.strerror}")
        return False
    if owner is not None and not done.code:
        done = run(["chown", "-Rh", f"{owner[0]}:{owner[1]}", "--", copy])
    if done.code:
        engine.warn(f"cannot copy all of {source}: {done.stderr.decode(errors='replace').strip()}")
    return os.path.exists(copy)
