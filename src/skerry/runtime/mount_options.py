"""Mount options as Podman completes them, and which of them only we understand."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PROPAGATION = frozenset(("shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable"))
# Acted upon when volumes are prepared; no runtime knows them.
_OURS = frozenset(("z", "Z", "U", "O", "copy", "nocopy", "no-dereference", "nodereference"))
_PAIRS = (("noexec", "exec", os.ST_NOEXEC), ("nosuid", "suid", os.ST_NOSUID), ("nodev", "dev", os.ST_NODEV))


def complete(options: Sequence[str], *, kind: str, source: str = "") -> list[str]:
    """What a runtime gets for ``options`` of a mount of type ``kind`` (bind, tmpfs).

    Binds keep the source's noexec, nosuid and nodev: in a user namespace the kernel insists on them. A new tmpfs
    is nosuid and nodev unless asked otherwise, and starts with the image's files (tmpcopyup)."""
    given = [option for option in options if option not in _OURS and not option.startswith("upperdir=")]
    present = set(given)
    result = list(given)
    if not present & {"rw", "ro"}:
        result.append("rw")
    if not present & _PROPAGATION:
        result.append("rprivate")
    flags = _flags_of(source) if kind == "bind" else os.ST_NOSUID | os.ST_NODEV
    for name, opposite, bit in _PAIRS:
        if flags & bit and not present & {name, opposite}:
            result.append(name)
    if kind == "tmpfs":
        if not present & {"tmpcopyup", "notmpcopyup"}:
            result.append("tmpcopyup")
        return [option for option in result if option != "notmpcopyup"]
    if not present & {"bind", "rbind"}:
        result.append("rbind")
    return result


def _flags_of(path: str) -> int:
    try:
        return os.statvfs(path).f_flag
    except OSError:
        return 0  # the runtime will say what is wrong with it
