"""Secrets: small pieces of data that containers are given at a start and that no image holds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord


class Secrets:
    """``engine.secrets``. Secrets are named by name, id, or a unique beginning of an id; `NotFound` when there is none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self, name: str, data: bytes, *, driver: str = "", options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None, replace: bool = False, ignore: bool = False,
    ) -> str:  # fmt: skip
        """Keep ``data`` under a name; the id. `Conflict` when the name is taken, unless ``replace`` (a new id) or
        ``ignore`` (the old one's id, which is left alone). ``driver``: file, pass or shell, by default
        containers.conf's."""
        from skerry.engine.secrets.create import create

        return create(
            self._engine, name, data, driver=driver, options=options, labels=labels, replace=replace, ignore=ignore
        )

    def inspect(self, name: str, *, data: bool = False, as_json: bool = True) -> dict[str, Any]:
        """The secret with Podman's keys; ``data``: also what it says, as SecretData.

        Not ``as_json``: times as Go prints them, and bytes of SecretData that are no UTF-8 escaped as by os.fsdecode."""
        from skerry.engine.secrets.view import inspect

        return inspect(self._engine, name, data=data, as_json=as_json)

    def read(self, name: str) -> bytes:
        """What the secret says."""
        from skerry.engine.secrets.find import lookup

        return lookup(self._engine, name)[1]

    def exists(self, name: str) -> bool:
        """Whether there is such a secret."""
        from skerry.engine.secrets.find import find
        from skerry.errors import NotFound

        try:
            find(self._engine, name)
        except NotFound:
            return False
        return True

    def remove(self, name: str) -> str:
        """Remove a secret; its id. Containers that were created with it as a file keep their copy."""
        from skerry.engine.secrets.remove import remove

        return remove(self._engine, name)

    def list(self, *, filters: Sequence[str] = ()) -> list[SecretRecord]:
        """Secrets by name; ``filters`` as ``skerry secret ls --filter``."""
        from skerry.engine.secrets.view import list_secrets

        return list_secrets(self._engine, filters)
