"""Mount options as a runtime gets them, and which of them only we understand."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")
# Acted upon when mounts are prepared; no runtime knows them.
_OURS = frozenset(("z", "Z", "U", "O", "copy", "nocopy", "no-dereference", "idmap", "upperdir", "workdir"))
_FLAGS = (("noexec", os.ST_NOEXEC), ("nosuid", os.ST_NOSUID), ("nodev", os.ST_NODEV))


def complete(options: Sequence[str], *, kind: str, source: str = "") -> list[str]:
    """What a runtime gets for ``options`` of a mount of type ``kind`` (bind, tmpfs).

    Binds keep the source's noexec, nosuid and nodev: in a user namespace the kernel insists on them. A new tmpfs
    is nosuid and nodev unless asked otherwise, and starts with the image's files (tmpcopyup)."""
    present = set(options)
    result = [option for option in options if option.partition("=")[0] not in _OURS]
    if not present.intersection(PROPAGATION):
        result.append("rprivate")
    for name in source_flags(source) if kind == "bind" else ("nosuid", "nodev"):
        if not present & {name, name.removeprefix("no")}:
            result.append(name)
    if kind == "tmpfs":
        if not present & {"tmpcopyup", "notmpcopyup"}:
            result.append("tmpcopyup")
        return [option for option in result if option != "notmpcopyup"]
    if not present & {"bind", "rbind"}:
        result.append("rbind")
    return result


def source_flags(path: str) -> list[str]:
    """noexec, nosuid and nodev, as far as the mount that ``path`` is on has them."""
    try:
        flags = os.statvfs(path).f_flag
    except OSError:
        return []  # the runtime will say what is wrong with it
    return [name for name, bit in _FLAGS if flags & bit]
