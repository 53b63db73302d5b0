"""``skerry system check``: what crashes, full disks and meddling left in the store and on the host.

Other commands may run: each object is looked at under its lock, and one that is locked is in somebody's hands.
"""

from __future__ import annotations

from skerry.engine.system import check_builds, check_containers, check_images, check_secrets, check_volumes
from skerry.engine.system.findings import finding
from skerry.errors import SkerryError
from skerry.records import dataclass
from skerry.store.check import check as check_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.store.types import Finding

DAY_NS = 24 * 3600 * 10**9


@dataclass(frozen=True)
class CheckReport:
    """What was found, each with whether it was repaired."""

    findings: list[Finding]

    @property
    def unrepaired(self) -> list[Finding]:
        """What is still wrong."""
        return [found for found in self.findings if not found["repaired"]]


def check(
    engine: Engine, *, repair: bool, full: bool = True, force: bool = False, max_layer_age_ns: int | None = None
) -> CheckReport:
    """See `System.check`. ``force`` also removes damaged images that containers use, with those containers."""
    damage = database(engine)
    if damage:
        return CheckReport(damage)
    found = check_containers.check(engine, repair=repair)
    found += check_volumes.check(engine, repair=repair)
    found += check_secrets.check(engine, repair=repair)
    age_ns = DAY_NS if max_layer_age_ns is None else max_layer_age_ns
    found += check_images.unreferenced_layers(engine, repair=repair, age_ns=age_ns)
    found += check_images.unreferenced_blobs(engine, repair=repair, age_ns=age_ns)
    store = check_store(engine.store, repair=repair, full=full)
    builds = check_builds.check(engine, store, repair=repair)
    found += [*check_images.check(engine, store, repair=repair, force=force), *builds]
    if repair:
        check_containers.sweep_small_files(engine)
    engine.store.db.keep_reserve()
    return CheckReport(found)


def database(engine: Engine) -> list[Finding]:
    """Whether the state database is whole. It is what everything else is compared with, so nothing repairs it."""
    try:
        answers = [row[0] for row in engine.store.db.query("PRAGMA quick_check(3)")]
    except SkerryError as error:
        answers = [error.message]
    if answers == ["ok"]:
        return []
    words = "; ".join(str(answer) for answer in answers)
    hint = "restore it from a copy, or remove everything with `skerry system reset`"
    return [finding("database", engine.store.path("skerry.db"), f"{words}; {hint}", lost=True)]
