"""Who keeps what secrets say: a driver with ``store``, ``lookup`` and ``delete``, by its name in containers.conf."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Driver(Protocol):
        """Data by id. Never told on a command line, nor in an error's text."""

        def store(self, secret_id: str, data: bytes) -> None:
            """Keep it, durably."""

        def lookup(self, secret_id: str) -> bytes:
            """What was kept. `NotFound`."""

        def delete(self, secret_id: str) -> None:
            """Forget it. `NotFound`."""


def open_driver(name: str, options: Mapping[str, str]) -> Driver:
    """The driver of this name. `Invalid` for another name, or options that it cannot work with."""
    if name == "file":
        from skerry.engine.secrets.drivers.file import FileDriver

        return FileDriver(options)
    if name == "pass":
        from skerry.engine.secrets.drivers.password_store import PassDriver

        return PassDriver(options)
    if name == "shell":
        from skerry.engine.secrets.drivers.shell import ShellDriver

        return ShellDriver(options)
    raise Invalid("invalid driver", hint=f'"{name}": file, pass or shell')
