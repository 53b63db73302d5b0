"""SELinux labels for a container, where the kernel enforces them. Not on the everyday path of other hosts."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTEXTS = ("/etc/selinux/targeted/contexts/lxc_contexts", "/usr/share/containers/selinux/contexts")
_PROCESS, _FILE = "system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0"


def labels(container_id: str, options: Sequence[str]) -> tuple[str, str]:
    """(process label, mount label). Two categories derived from the id keep containers apart, the same at each start.

    ``options`` are ``--security-opt label=`` values: user:, role:, type:, level:, filetype:."""
    process, file = _defaults()
    first, second = sorted(divmod(int(container_id[:8], 16) % (1024 * 1024), 1024))
    level = f"s0:c{first},c{second}" if first != second else f"s0:c{first}"
    chosen = dict(option.partition(":")[::2] for option in options)
    user, role, kind, _ = process.split(":", 3)
    level = chosen.get("level", level)
    process = ":".join((chosen.get("user", user), chosen.get("role", role), chosen.get("type", kind), level))
    user, role, kind, _ = file.split(":", 3)
    return process, ":".join((chosen.get("user", user), role, chosen.get("filetype", kind), level))


def _defaults() -> tuple[str, str]:
    process, file = _PROCESS, _FILE
    for path in _CONTEXTS:
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                name, _, value = (part.strip() for part in line.partition("="))
                if name == "process":
                    process = value.strip('"')
                elif name == "file":
                    file = value.strip('"')
        break
    return process, file
