"""What this host can do, what is missing, what stops working without it, and the command that mends it."""

from __future__ import annotations

from skerry.engine.doctor.host import Host
from skerry.engine.doctor.report import FAIL, OK, WARN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from skerry.config.settings import Settings

    Check = Callable[[Host, Settings], Iterable[Finding]]

__all__ = ["FAIL", "OK", "WARN", "Finding", "Host", "examine", "will_work"]


def examine(settings: Settings, host: Host | None = None) -> list[Finding]:
    """Every check, in the order in which a container needs the things. Nothing on the host is changed."""
    from skerry.engine.doctor import cgroups, configuration, kernel, network, programs, storage, users

    checks: tuple[Check, ...] = (
        kernel.check, cgroups.check, programs.check, users.check, network.check, storage.check, configuration.check,
    )  # fmt: skip
    looked_at = host or Host()
    return [finding for check in checks for finding in check(looked_at, settings)]


def will_work(findings: Iterable[Finding]) -> bool:
    """Whether a container with a published port can be run here."""
    return all(finding.status != FAIL for finding in findings)
