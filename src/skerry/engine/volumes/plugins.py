"""Volume plugins: Docker's protocol (JSON over HTTP on a unix socket), as containers.conf [engine.volume_plugins] names
them. Podman gives all of them the same id at Mount and Unmount, and counts its containers itself; so do we."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
from typing import TYPE_CHECKING

from skerry.errors import Invalid, NotFound, SkerryError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord

_HOLDER = "2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2"  # Podman's, for every container
_CONTENT_TYPE = "application/vnd.docker.plugins.v1.1+json"
_MAX_REPLY = 16 << 20


class Missing(NotFound):
    """No such plugin is configured, or it does not run."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("plugin", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def names(engine: Engine) -> list[str]:
    """The plugins that are configured."""
    return sorted(engine.settings.conf["engine"]["volume_plugins"])


def plugin_of(engine: Engine, record: VolumeRecord) -> Plugin:
    """The plugin of a volume. `Missing`."""
    driver = record["driver"]
    try:
        return plugin(engine, driver, timeout_s=record.get("timeout_s"))
    except Missing as error:
        raise Missing(
            f"volume {record['name']} uses volume plugin {driver} but it could not be retrieved: {error.message}"
        ) from None


def plugin(engine: Engine, name: str, *, timeout_s: int | None = None) -> Plugin:
    """The plugin with this name. `Missing` when none is configured, or its socket is not there."""
    path = engine.settings.conf["engine"]["volume_plugins"].get(name)
    if not path:
        raise Missing(f"no volume plugin with name {name} available: required plugin missing")
    path = os.path.normpath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        why = f"stat {path}: {(error.strerror or '').lower()}"
        raise Missing(f'cannot access plugin {name} socket "{path}": {why}') from None
    if not stat.S_ISSOCK(mode):
        raise Missing(f'volume {name} path "{path}" is not a unix socket: target does not appear to be a valid plugin')
    default = engine.settings.conf["engine"]["volume_plugin_timeout"]
    return Plugin(name, path, float(timeout_s or default))


class Plugin:
    """One plugin. Every call is a request of its own; `Unavailable` when it fails or takes too long."""

    def __init__(self, name: str, path: str, timeout_s: float) -> None:
        self.name = name
        self._path = path
        self._timeout_s = timeout_s

    def activate(self) -> None:
        """Check that it is a volume plugin."""
        reply = self._ask("/Plugin.Activate")
        kinds = reply.get("Implements") or []
        if "VolumeDriver" not in kinds:
            raise Invalid(
                f"plugin {self.name} does not implement volume plugin, instead provides {', '.join(map(str, kinds))}: "
                "plugin is not a volume plugin"
            )

    def create(self, name: str, options: Mapping[str, str]) -> None:
        """Make a volume; one that it has is taken as it is."""
        try:
            if self.get(name) is not None:
                return
        except SkerryError:
            pass  # it has none
        self._ask("/VolumeDriver.Create", name, Opts=dict(options))

    def get(self, name: str) -> Any:
        """What it knows of a volume. `Unavailable` when it has none by that name."""
        return self._ask("/VolumeDriver.Get", name).get("Volume")

    def remove(self, name: str) -> None:
        """Remove a volume."""
        self._ask("/VolumeDriver.Remove", name)

    def list(self) -> list[str]:
        """Names of its volumes."""
        found = self._ask("/VolumeDriver.List").get("Volumes") or []
        return [str(item["Name"]) for item in found if isinstance(item, dict) and item.get("Name")]

    def path(self, name: str) -> str:
        """Where a mounted volume is."""
        return str(self._ask("/VolumeDriver.Path", name).get("Mountpoint") or "")

    def status(self, name: str) -> Any:
        """What the plugin tells of a volume."""
        return (self.get(name) or {}).get("Status")

    def mount(self, name: str) -> str:
        """Mount a volume; where it is."""
        path = str(self._ask("/VolumeDriver.Mount", name, ID=_HOLDER).get("Mountpoint") or "")
        if not path.startswith("/"):
            raise Unavailable(f'volume plugin {self.name} mounted volume {name} at "{path}", which is no absolute path')
        return path

    def unmount(self, name: str) -> None:
        """Undo `mount`."""
        self._ask("/VolumeDriver.Unmount", name, ID=_HOLDER)

    def _ask(self, endpoint: str, name: str = "", **fields: object) -> dict[str, Any]:
        body = json.dumps({"Name": name, **fields}) if name else ""
        about = f"on {endpoint} on volume {name} in" if name else f"on {endpoint} in"
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("POST", endpoint, body, {"Content-Type": _CONTENT_TYPE, "Accept": _CONTENT_TYPE})
            response = connection.getresponse()
            data = response.read(_MAX_REPLY)
        except (OSError, http.client.HTTPException) as error:
            why = "it does not answer in time" if isinstance(error, TimeoutError) else str(error)
            raise Unavailable(f"{about} volume plugin {self.name}: {why}") from None
        finally:
            connection.close()
        reply = _document(data)
        if response.status != 200 or reply.get("Err"):
            said = str(reply.get("Err") or "") or f"empty error from plugin (status {response.status})"
            raise Unavailable(f"{about} volume plugin {self.name}: {said}")
        return reply


def _document(data: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(data or b"{}")
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}
