"""Volumes: named folders that outlive containers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.reload import Reloaded
    from skerry.engine.volumes.types import VolumeRecord


class Volumes:
    """``engine.volumes``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self, name: str = "", *, labels: dict[str, str] | None = None, ignore: bool = False, driver: str = "",
        options: Mapping[str, str] | None = None, uid: int | None = None, gid: int | None = None,
    ) -> VolumeRecord:  # fmt: skip
        """Make a volume (with a random name when ``name`` is empty). `Conflict` when it exists, unless ``ignore``.

        ``driver`` and ``options`` as ``skerry volume create --driver --opt``."""
        from skerry.engine.volumes.create import create

        return create(
            self._engine, name, labels=labels, ignore=ignore, driver=driver, options=options, uid=uid, gid=gid
        )

    def inspect(self, name: str) -> dict[str, Any]:
        """The volume with this name or unique beginning of a name, with Podman's keys."""
        from skerry.engine.volumes.view import inspect

        return inspect(self._engine, name)

    def exists(self, name: str) -> bool:
        """Whether a volume has exactly this name."""
        from skerry.engine.volumes.find import get

        return get(self._engine, name) is not None

    def remove(self, name: str, *, force: bool = False, timeout_s: float | None = None) -> str:
        """Remove a volume with its content; `InUse` while containers have it, unless ``force`` removes those too."""
        from skerry.engine.volumes.remove import remove

        return remove(self._engine, name, force=force, timeout_s=timeout_s)

    def unused(self, *, filters: Sequence[str] = (), all: bool = False) -> list[str]:
        """Names of the volumes that `prune` would remove."""
        from skerry.engine.volumes.remove import unused

        return [row["Name"] for row in unused(self._engine, filters, all=all)]

    def prune(self, *, filters: Sequence[str] = (), all: bool = False) -> list[tuple[str, int]]:
        """Remove the volumes that no container uses and nobody named (``all``: those, too), or those of all that no
        container uses that match ``filters``: (name, bytes) each."""
        from skerry.engine.volumes.remove import prune

        return prune(self._engine, filters, all=all)

    def list(self, *, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Volumes by name, as `inspect` shows them; ``filters`` as ``skerry volume ls --filter``."""
        from skerry.engine.volumes.view import list_volumes

        return list_volumes(self._engine, filters)

    def mount(self, name: str) -> str:
        """Where the volume's files are; mounted, if it needs that, until as many `unmount`."""
        from skerry.engine.volumes.mounting import mount

        return mount(self._engine, name)

    def unmount(self, name: str) -> str:
        """Take one `mount` back; the volume's name."""
        from skerry.engine.volumes.mounting import unmount

        return unmount(self._engine, name)

    def export(self, name: str, target: str | int) -> None:
        """Write the volume's files as a tar to a file or an open descriptor."""
        from skerry.engine.volumes.transfer import export

        export(self._engine, name, target)

    def import_tar(self, name: str, source: str | BinaryIO) -> None:
        """Unpack a tar, plain or compressed, into the volume."""
        from skerry.engine.volumes.transfer import import_tar

        import_tar(self._engine, name, source)

    def reload(self) -> Reloaded:
        """Bring what is recorded up to what the volume plugins have."""
        from skerry.engine.volumes.reload import reload

        return reload(self._engine)
