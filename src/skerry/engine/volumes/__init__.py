"""Volumes: named folders that outlive containers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

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

    def inspect(self, name: str) -> dict[str, Any]:
        """The volume with this name or unique beginning of a name, with Podman's keys."""
        from skerry.engine.volumes.find import find
        from skerry.engine.volumes.view import shown

        return shown(find(self._engine, name))

    def exists(self, name: str) -> bool:
        """Whether a volume has exactly this name."""
        from skerry.engine.volumes.find import get

        return get(self._engine, name) is not None

    def remove(self, name: str, *, force: bool = False) -> str:
        """Remove a volume with its content; `InUse` while containers have it, unless ``force`` removes those too."""
        from skerry.engine.volumes.remove import remove

        return remove(self._engine, name, force=force)

    def prune(self, *, filters: Sequence[str] = ()) -> list[tuple[str, int]]:
        """Remove the volumes that no container uses: (name, bytes) each."""
        from skerry.engine.volumes.remove import prune

        return prune(self._engine, filters)

    def list(self, *, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Volumes by name, as `inspect` shows them; ``filters`` as ``skerry volume ls --filter``."""
        from skerry.engine.volumes.view import list_volumes

        return list_volumes(self._engine, filters)
