"""The ``shell`` driver: commands of the user's, which get the id as SECRET_ID and the data on their standard input."""

from __future__ import annotations

import os

from skerry.errors import Invalid, NotFound, Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from skerry.linux.spawn import Completed

_COMMANDS = ("delete", "list", "lookup", "store")


class ShellDriver:
    """``options``: delete, list, lookup and store, each a command for /bin/sh."""

    def __init__(self, options: Mapping[str, str]) -> None:
        for key in options:
            if key not in _COMMANDS:
                raise Invalid(f'invalid shell driver option: "{key}"')
        if not all(options.get(key) for key in _COMMANDS):
            raise Invalid("missing config value", hint="the shell driver needs delete, list, lookup and store")
        self._commands = options

    def store(self, secret_id: str, data: bytes) -> None:
        done = self._run("store", secret_id, data)
        if done.code:
            raise Unavailable(f"exit status {done.code}")

    def lookup(self, secret_id: str) -> bytes:
        done = self._run("lookup", secret_id)
        if done.code:
            raise NotFound(f"{secret_id}: no such secret")
        return done.stdout

    def delete(self, secret_id: str) -> None:
        if self._run("delete", secret_id).code:
            raise NotFound(f"{secret_id}: no such secret")

    def _run(self, action: str, secret_id: str, data: bytes = b"") -> Completed:
        done = run(["/bin/sh", "-c", self._commands[action]], input=data, env={**os.environ, "SECRET_ID": secret_id})
        if done.stderr:
            os.write(2, done.stderr)  # it is the user's own program that speaks
        return done
