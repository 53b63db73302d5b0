"""Health checks of containers: what they are (`config`), one run of one (`check`), and what follows (`results`, `act`).

`run` is ``skerry healthcheck run``; on time they are run by the supervisor (`skerry.engine.supervisor`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.types import ContainerConfig


def has_check(config: ContainerConfig) -> bool:
    """Whether the container has a health check (``NONE`` switches the image's off)."""
    test = (config.get("healthcheck") or {}).get("test") or [""]
    return test[0].upper() not in ("", "NONE")


def is_timed(config: ContainerConfig) -> bool:
    """Whether its checks run by themselves: with an interval of 0 (``disable``) only ``healthcheck run`` does it."""
    startup = config.get("startup_healthcheck") or {}
    return has_check(config) and bool(config["healthcheck"].get("interval_ns") or startup.get("interval_ns"))
