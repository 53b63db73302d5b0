"""CDI's containerEdits: what a device changes in a container, checked when it is read and put into config.json."""

from __future__ import annotations

import os
import stat

from skerry.errors import Invalid, NotFound, Unsupported
from skerry.runtime import devices
from skerry.runtime.spec_mounts import depth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.runtime.types import RuntimeSpec

_KEYS = ("env", "deviceNodes", "netDevices", "mounts", "hooks", "additionalGids", "intelRdt")
_NODE = ("path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid")
_MOUNT = ("hostPath", "containerPath", "options", "type")
_HOOK = ("hookName", "path", "args", "env", "timeout")
_RDT = (
    "closID", "l3CacheSchema", "memBwSchema", "schemata", "enableMonitoring", "enableCMT", "enableMBM",
)  # fmt: skip
_STAGES = frozenset(("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"))


class Edits:
    """One containerEdits, as its file has it: every key there, nothing wrong with any."""

    __slots__ = ("env", "gids", "hooks", "mounts", "net_devices", "nodes", "rdt")

    def __init__(self, given: dict[str, Any]) -> None:
        self.env: list[str] = _list(given, "env")
        self.nodes: list[dict[str, Any]] = _list(given, "deviceNodes")
        self.net_devices: list[Any] = _list(given, "netDevices")
        self.mounts: list[dict[str, Any]] = _list(given, "mounts")
        self.hooks: list[dict[str, Any]] = _list(given, "hooks")
        self.gids: list[int] = _list(given, "additionalGids")
        self.rdt: dict[str, Any] = given.get("intelRdt") or {}

    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not any(getattr(self, name) for name in self.__slots__)


def check_keys(value: Any, keys: Sequence[str], what: str) -> None:
    """`Invalid` unless ``value`` is an object that has none but these keys: what is unknown would be left undone."""
    if not isinstance(value, dict):
        raise Invalid(f"{what} must be an object")
    for key in value:
        if key not in keys:
            raise Invalid(f'unknown field "{key}" in {what}')


def _list(given: dict[str, Any], key: str) -> list[Any]:
    found = given.get(key) or []
    if not isinstance(found, list):
        raise Invalid(f"{key} must be a list")
    return found


def parse(given: Any) -> Edits:
    """Check a containerEdits object. `Invalid` says what is wrong with it."""
    check_keys(given, _KEYS, "containerEdits")
    edits = Edits(given)
    for item in edits.env:
        if not isinstance(item, str) or "=" not in item[1:]:
            raise Invalid(f'invalid environment variable "{item}"')
    for node in edits.nodes:
        _check_node(node)
    for mount in edits.mounts:
        check_keys(mount, _MOUNT, "a mount")
        for key, what in (("hostPath", "host"), ("containerPath", "container")):
            if not isinstance(mount.get(key), str) or not mount[key].startswith("/"):
                raise Invalid(f"invalid mount, {what} path {mount.get(key, '')!r}")
        if not _strings(mount.get("options")):
            raise Invalid(f"mount of {mount['hostPath']}: options must be a list of strings")
    for hook in edits.hooks:
        _check_hook(hook)
    for gid in edits.gids:
        if not isinstance(gid, int) or isinstance(gid, bool) or not 0 < gid < 2**32:
            raise Invalid(f"invalid additional gid {gid!r}")
    check_keys(edits.rdt, _RDT, "intelRdt")
    return edits


def _strings(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _check_node(node: Any) -> None:
    check_keys(node, _NODE, "a device node")
    path = node.get("path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Invalid(f"invalid device path {path!r}")
    if node.get("type", "") not in ("", "b", "c", "u", "p"):
        raise Invalid(f'device "{path}": invalid type "{node["type"]}"')
    permissions = node.get("permissions", "")
    if not isinstance(permissions, str) or set(permissions) - set("rwm"):
        raise Invalid(f'device "{path}": invalid permissions "{permissions}"')
    for key in ("major", "minor", "fileMode", "uid", "gid"):
        value = node.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Invalid(f'device "{path}": {key} must be a number')


def _check_hook(hook: Any) -> None:
    check_keys(hook, _HOOK, "a hook")
    if hook.get("hookName") not in _STAGES:
        raise Invalid(f'invalid hook name "{hook.get("hookName", "")}"')
    if not isinstance(hook.get("path"), str) or not hook["path"].startswith("/"):
        raise Invalid(f'invalid hook "{hook["hookName"]}" with path {hook.get("path", "")!r}')
    if not _strings(hook.get("args")) or not _strings(hook.get("env")):
        raise Invalid(f'hook "{hook["hookName"]}": args and env must be lists of strings')


def apply(document: RuntimeSpec, edits: Sequence[Edits], *, bind_nodes: bool) -> None:
    """Put ``edits`` into config.json. ``bind_nodes``: nodes cannot be made here, those of the host are bound.

    `NotFound`, `Invalid` for a node that the host has not, or has of another type."""
    for each in edits:
        if each.net_devices:
            raise Unsupported(
                "CDI netDevices need a runtime that moves network interfaces: none that is supported does"
            )
        if each.env:
            _add_env(document, each.env)
        for node in each.nodes:
            _add_node(document, node, bind=bind_nodes)
        for mount in each.mounts:
            _add_mount(document, _mount(mount))
        for hook in each.hooks:
            entry = {key: hook[key] for key in ("path", "args", "env", "timeout") if hook.get(key)}
            document.setdefault("hooks", {}).setdefault(hook["hookName"], []).append(entry)
        if each.gids:
            user = document["process"]["user"]
            user["additionalGids"] = list(dict.fromkeys([*user.get("additionalGids", ()), *each.gids]))
        if each.rdt:
            document["linux"]["intelRdt"] = {**document["linux"].get("intelRdt", {}), **each.rdt}
    document["mounts"].sort(key=depth)


def _add_env(document: RuntimeSpec, added: Sequence[str]) -> None:
    found = {item.partition("=")[0]: item for item in (*document["process"]["env"], *added)}
    document["process"]["env"] = list(found.values())


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    options = list(mount.get("options") or ())
    kind = mount.get("type") or "bind"
    if kind == "bind" and not {"bind", "rbind"} & set(options):
        options.append("rbind")
    return {"destination": mount["containerPath"], "type": kind, "source": mount["hostPath"], "options": options}


def _add_mount(document: RuntimeSpec, mount: dict[str, Any]) -> None:
    document["mounts"] = [it for it in document["mounts"] if it["destination"] != mount["destination"]] + [mount]


def _add_node(document: RuntimeSpec, given: dict[str, Any], *, bind: bool) -> None:
    path, host = given["path"], given.get("hostPath") or given["path"]
    permissions = given.get("permissions") or "rwm"
    if bind:
        _add_mount(document, devices.bind(devices.Device(_on_host(host)[0], path, permissions)))
        return
    kind, major, minor = given.get("type", ""), given.get("major", 0), given.get("minor", 0)
    if not kind or (not major and kind != "p"):
        _, kind, major, minor = _like_host(given, host)
    user = document["process"]["user"]
    node: dict[str, Any] = {"path": path, "type": kind, "major": major, "minor": minor}
    if "fileMode" in given:
        node["fileMode"] = given["fileMode"] & 0o7777
    for key in ("uid", "gid"):
        if key in given or user[key]:
            node[key] = given.get(key, user[key])
    linux = document["linux"]
    linux["devices"] = [it for it in linux.get("devices", ()) if it["path"] != path] + [node]
    if kind in ("b", "c") and "devices" in linux.get("resources", {}):
        linux["resources"]["devices"].append(
            {"allow": True, "type": kind, "major": major, "minor": minor, "access": permissions}
        )


def _on_host(path: str) -> tuple[str, os.stat_result]:
    try:
        return path, os.stat(path)
    except OSError as error:
        raise NotFound(f'failed to stat CDI host device "{path}": {os.strerror(error.errno or 0).lower()}') from None


def _like_host(given: dict[str, Any], host: str) -> tuple[str, str, int, int]:
    path, info = _on_host(host)
    kinds = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}
    kind = kinds.get(stat.S_IFMT(info.st_mode), "")
    if not kind:
        raise Invalid(f"CDI device {path} is not a device node")
    wanted = "c" if given.get("type") == "u" else given.get("type")  # u: a character device without a buffer
    if wanted and wanted != kind:
        raise Invalid(f'CDI device ("{given["path"]}", "{host}"), host type mismatch ({wanted}, {kind})')
    return path, kind, os.major(info.st_rdev), os.minor(info.st_rdev)
