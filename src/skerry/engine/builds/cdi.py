"""Devices of RUN --device: BuildKit's ways to name CDI devices, as the names that `runtime.cdi` knows."""

from __future__ import annotations

from skerry.errors import NotFound
from skerry.runtime import cdi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def device_names(engine: Engine, text: str, *, required: bool) -> list[str]:
    """``KIND=NAME`` is that device, ``KIND=*`` all of the kind, ``KIND`` alone its first one.

    `NotFound` when there is none and it is ``required``; else such a step goes without."""
    folders = engine.settings.cdi_dirs
    kind, equals, name = text.partition("=")
    known = cdi.names_of(kind, folders)
    found = known if name == "*" else known[:1] if not equals else [item for item in known if item == text]
    if not found and required:
        raise NotFound(f"CDI device {text} is not described in {', '.join(folders)}")
    return found
