"""Where ``skerry cp`` copies from and to: a path in a container, or here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from skerry.engine.containers import state as states
from skerry.errors import Invalid, NotFound

if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine


class Place:
    """One end: ``path`` in ``container`` (None: on the host)."""

    __slots__ = ("container", "path", "shown")

    def __init__(self, engine: Engine, text: str) -> None:
        name, colon, path = text.partition(":")
        self.container: ContainerRecord | None = None
        self.shown = text
        if colon and not text.startswith(("/", ".")):
            try:
                self.container = states.find(engine, name)[0]
            except NotFound:
                raise NotFound(f'container "{name}" does not exist') from None
            self.path = path
            if not path:
                raise Invalid(f"container path must not be empty: {text}")
            return
        self.path = text

    @property
    def absolute(self) -> str:
        """From the tree's root: a container's working directory, or ours. A slash or ``/.`` at the end stays."""
        base = self.container["config"]["cwd"] if self.container else os.getcwd()
        return self.path if self.path.startswith("/") else f"{base.rstrip('/')}/{self.path}"

    def missing(self, path: str) -> NotFound:
        """What Podman says of a path that is not there."""
        if self.container is None:
            return NotFound(f'"{path}" could not be found on the host: no such file or directory')
        name = self.shown.partition(":")[0]
        return NotFound(f'"{path}" could not be found on container {name}: no such file or directory')
