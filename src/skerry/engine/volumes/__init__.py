"""Volumes: named folders that outlive containers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord


class Volumes:
    """``engine.volumes``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str = "", *, labels: dict[str, str] | None = None, ignore: bool = False) -> VolumeRecord:
        """Make a volume (with a random name when ``name`` is empty). `Conflict` when it exists, unless ``ignore``."""
        from skerry.engine.volumes.create import create

        return create(self._engine, name, labels=labels, ignore=ignore)

    def list(self) -> list[VolumeRecord]:
        """All volumes, by name."""
        from skerry.engine.volumes.find import all_volumes

        return all_volumes(self._engine)

    def inspect(self, name: str) -> VolumeRecord:
        """The volume with this name or unique beginning of a name."""
        from skerry.engine.volumes.find import find

        return find(self._engine, name)

    def exists(self, name: str) -> bool:
        """Whether a volume has exactly this name."""
        from skerry.engine.volumes.find import get

        return get(self._engine, name) is not None

    def remove(self, name: str, *, force: bool = False) -> str:
        """Remove a volume with its content; `InUse` while containers have it, unless ``force`` removes those too."""
        from skerry.engine.volumes.remove import remove

        return remove(self._engine, name, force=force)

    def prune(self, *, all: bool = False) -> list[tuple[str, int]]:
        """Remove the anonymous (or ``all``) volumes that no container uses: (name, bytes) each."""
        from skerry.engine.volumes.remove import prune

        return prune(self._engine, all=all)
