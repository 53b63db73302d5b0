"""Which namespaces a container has of its own, shares with the host, or with another container."""

from __future__ import annotations

import os

from skerry.errors import Conflict, Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import Namespaces

_WORDS = {
    "pid": ("private", "host"),
    "ipc": ("private", "host", "shareable", "none"),
    "uts": ("private", "host"),
    "cgroupns": ("private", "host"),
    "userns": ("host", "private", ""),
}
_CALLED = {"pid": "PID", "ipc": "IPC", "uts": "UTS", "cgroupns": "cgroup", "userns": "user"}

MAPPED = ("auto", "keep-id", "nomap")


def namespaces(engine: Engine, options: CreateOptions, default_cgroup: str) -> Namespaces:
    """All but the network's."""
    result: Namespaces = {
        "pid": _mode(engine, "pid", options.get("pid", "")) or "private",
        "ipc": _mode(engine, "ipc", options.get("ipc", "")) or "shareable",
        "uts": _mode(engine, "uts", options.get("uts", "")) or "private",
        "cgroup": _mode(engine, "cgroupns", options.get("cgroupns", "")) or default_cgroup,
    }
    userns = options.get("userns", "")
    mapped = userns.partition(":")[0] in MAPPED  # `userns.apply` does those
    result["user"] = "host" if mapped else _mode(engine, "userns", userns) or "host"
    return result


def _mode(engine: Engine, flag: str, value: str) -> str:
    if not value or value in _WORDS[flag]:
        return value
    kind, colon, rest = value.partition(":")
    if colon and kind in ("container", "ns"):
        check_value(kind, rest)
    if colon and kind == "container":
        record = sharer(engine, flag.removesuffix("ns"), rest)
        if flag == "ipc" and record["config"]["namespaces"]["ipc"] in ("private", "none"):
            raise Conflict(
                f"joining IPC of container {record['id']} is not allowed: non-shareable IPC",
                hint="hint: use IpcMode:shareable for the donor container",
            )
        return f"container:{record['id']}"
    if colon and kind == "ns":
        check_path(_CALLED[flag], rest)
        return value
    raise Invalid(f"unrecognized namespace mode {value} passed", hint=", ".join(filter(None, _WORDS[flag])))


def check_value(kind: str, value: str) -> None:
    """`Invalid` for ``container:`` and ``ns:`` with nothing behind."""
    if not value:
        what = "path" if kind == "ns" else kind
        raise Invalid(f"invalid config provided: namespace mode {what} requires a value")


def check_path(kind: str, path: str) -> None:
    """`Invalid` when a namespace's file is not there: what the runtime would say of it explains less."""
    try:
        os.stat(path)
    except OSError as error:
        said = os.strerror(error.errno or 0).lower()
        raise Invalid(f"cannot find specified {kind} namespace path: faccessat {path}: {said}") from None


def sharer(engine: Engine, kind: str, name: str) -> ContainerRecord:
    """The container whose namespace is to be shared."""
    from skerry.engine.containers.state import find

    try:
        return find(engine, name)[0]
    except NotFound as error:
        raise NotFound(f"looking up container to share {kind} namespace with: {error.message}") from None
