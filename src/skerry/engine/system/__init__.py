"""``engine.system``: the store and the host as a whole."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.system.check import CheckReport
    from skerry.engine.system.df import DiskUsage
    from skerry.engine.system.prune import PruneReport


class System:
    """Each operation is in a module of its own that loads when it is called."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def info(self) -> dict[str, Any]:
        """This host and this store, with the keys of ``podman info``."""
        from skerry.engine.system.info import info

        return info(self._engine)

    def disk_usage(self, *, build_cache: bool = False) -> DiskUsage:
        """What images, containers and volumes take (and what builds keep), and how much of it could be reclaimed."""
        from skerry.engine.system.df import disk_usage

        return disk_usage(self._engine, build_cache=build_cache)

    def prune(self, *, all: bool = False, volumes: bool = False, filters: Sequence[str] = ()) -> PruneReport:
        """Remove stopped containers, unused networks and images (``all``: named ones too), and with ``volumes`` those.

        Anonymous or not, volumes in use stay."""
        from skerry.engine.system.prune import prune

        return prune(self._engine, all=all, volumes=volumes, filters=filters)

    def check(
        self, *, repair: bool = False, full: bool = True, force: bool = False, max_layer_age_ns: int | None = None
    ) -> CheckReport:  # fmt: skip
        """Look for what crashes and meddling left in the store and on the host; ``repair`` mends it.

        ``full`` reads all layers and compares digests; ``force`` also removes containers whose images are damaged;
        layers without an image count from ``max_layer_age_ns`` on (a day). Safe while other commands run."""
        from skerry.engine.system.check import check

        return check(self._engine, repair=repair, full=full, force=force, max_layer_age_ns=max_layer_age_ns)

    def migrate(self, new_runtime: str = "") -> list[str]:
        """Stop all containers (their ids), end the user's namespace, and give them another runtime. `Invalid`."""
        from skerry.engine.system.migrate import migrate

        return migrate(self._engine, new_runtime)

    def reset(self) -> list[str]:
        """Remove everything of this store; works on a damaged one. What could not be removed, a line each."""
        from skerry.engine.system.reset import reset

        return reset(self._engine)
