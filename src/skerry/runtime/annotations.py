"""The annotations that a container's runtime is given, beside those that concern its seccomp filter."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.types import ContainerConfig


def shown_annotations(config: ContainerConfig) -> dict[str, str]:
    """The user's, and those that every container of libpod has: other programs know by them whose it is.

    Those of systemd become its scope's: a machine that shuts down ends the program as ``skerry stop`` would."""
    signal, timeout_s = str(config.get("stop_signal", 15)), config.get("stop_timeout_s", 10)
    return {
        "io.container.manager": "libpod",
        "org.opencontainers.image.stopSignal": signal,
        "org.systemd.property.KillSignal": signal,
        **({"org.systemd.property.TimeoutStopUSec": f"uint64 {timeout_s * 1_000_000}"} if timeout_s else {}),
        **config.get("annotations", {}),
    }
