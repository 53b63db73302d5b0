"""What every step of a build is to run with, looked at before any is: a cached step would not find out."""

from __future__ import annotations

from skerry.runtime import oci
from skerry.runtime.devices import is_path, parse_all
from skerry.runtime.limits import parse_ulimit
from skerry.runtime.security import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine


def check(
    engine: Engine, *, capabilities: Sequence[str], ulimits: Sequence[str], devices: Sequence[str], runtime: str
) -> None:
    """See `Builds.check`."""
    normalize(capabilities)
    for text in ulimits:
        parse_ulimit(text)
    parse_all([device for device in devices if is_path(device)])
    if runtime:
        oci.find(engine.settings, runtime)
