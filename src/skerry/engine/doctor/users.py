"""The ids that an unprivileged user's containers may use."""

from __future__ import annotations

import os

from skerry.config.subid import ranges
from skerry.engine.doctor.report import OK, WARN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "users"
ENOUGH = 65536


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area: none for root."""
    if not settings.rootless:
        return
    user = os.environ.get("USER") or str(settings.uid)
    for path in ("/etc/subuid", "/etc/subgid"):
        count = sum(size for _, size in ranges(host.top + path, settings.uid))
        option = "subuids" if path.endswith("uid") else "subgids"
        if count >= ENOUGH:
            yield Finding(AREA, path, OK, f"{count} ids for {user}")
            continue
        yield Finding(
            AREA, path, WARN, f"{count or 'no'} ids for {user}", "images with files of several users do not unpack or run",
            f"as root: usermod --add-{option} 100000-165535 {user}",
        )  # fmt: skip
