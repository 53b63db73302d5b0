"""Reading events back: filters, times, following."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.events.file import ROTATED
from skerry.engine.moments import parse_moment
from skerry.errors import Invalid
from skerry.linux.inotify import Watch
from skerry.runtime.logs import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skerry.engine.engine import Engine

_BLOCK = 1 << 17
_LOOK_AGAIN_S = 2.0
# What Docker calls it: what Podman calls it.
_STATUS = {"die": "died", "delete": "remove", "destroy": "remove"}
_KINDS = ("container", "event", "image", "label", "pod", "type", "volume", "network", "status")


def read(engine: Engine, *, filters: list[str], since: str, until: str, follow: bool) -> Iterator[dict[str, Any]]:
    """See `Events.read`. Without ``since`` a follower starts now, as Podman's does; otherwise all is read."""
    wanted = _parse(filters)
    try:
        since_ns = parse_moment(since, "--since", past=True) if since else (time.time_ns() if follow else 0)
        # A duration means that long ago or ahead, whichever the command waits for.
        until_ns = parse_moment(until, "--until", past=False) if until else 0
    except Invalid as error:
        error.message = f"failed to parse event filters: {error.message}"
        raise
    events = _source(engine, follow=follow, since_ns=since_ns, until_ns=until_ns)
    return (event for event in events if _matches(event, wanted, since_ns, until_ns))


def _source(engine: Engine, *, follow: bool, since_ns: int, until_ns: int) -> Iterator[dict[str, Any]]:
    backend = engine.settings.events_backend
    if backend == "none":
        raise Invalid('cannot read events with the "none" backend')
    if backend == "journald":
        from skerry.engine.events.journal import read_lines

        return read_lines(engine.settings.uid, follow=follow, since_ns=since_ns, until_ns=until_ns)
    return _read_file(engine.settings.events_path, follow=follow, until_ns=until_ns)


def _parse(filters: list[str]) -> dict[str, list[str]]:
    """Filters by kind: values of one kind are alternatives, kinds must all match."""
    wanted: dict[str, list[str]] = {}
    for text in filters:
        kind, equals, value = text.partition("=")
        if not equals:
            raise Invalid(f"{text} is an invalid filter")
        kind = kind.lower()
        if kind not in _KINDS:
            raise Invalid(f"{kind} is an invalid filter")
        if kind in ("event", "status"):
            kind, value = "event", _STATUS.get(value, value)
        wanted.setdefault(kind, []).append(value)
    return wanted


def _matches(event: dict[str, Any], wanted: dict[str, list[str]], since_ns: int, until_ns: int) -> bool:
    if since_ns or until_ns:
        moment = time_ns(str(event["Time"]).encode())
        if moment < since_ns or (until_ns and moment > until_ns):
            return False
    return all(any(_is(event, kind, value) for value in values) for kind, values in wanted.items())


def _is(event: dict[str, Any], kind: str, value: str) -> bool:
    object_type, name, object_id = event["Type"], event.get("Name", ""), event.get("ID", "")
    if kind == "event":
        return bool(event["Status"] == value)
    if kind == "type":
        return bool(object_type == value)
    if kind == "label":
        key, equals, text = value.partition("=")
        attributes = event["Attributes"] or {}
        return key in attributes and (not equals or attributes[key] == text)
    if kind == "pod":
        own = object_type == "pod" and (name == value or object_id.startswith(value))
        return bool(own or (event.get("PodID") and event["PodID"].startswith(value)))
    if kind == "image" and object_type != "image":
        return _same_image(str(event.get("Image", "")), value)
    if object_type != kind:
        return False
    if kind == "image":
        return _same_image(name, value) or (bool(value) and object_id.removeprefix("sha256:").startswith(value))
    return bool(name == value or (object_id and object_id.startswith(value)))


def _same_image(name: str, value: str) -> bool:
    return name == value or name.rpartition(":")[0] == value or name.endswith("/" + value) or f"/{value}:" in name


def _read_file(path: str, *, follow: bool, until_ns: int) -> Iterator[dict[str, Any]]:
    folder = os.path.dirname(path)
    if follow:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise Invalid(f"cannot make {folder}: {error.strerror}") from error
    tail = _Tail(path)
    try:
        with Watch(*([folder] if follow else [])) as watch:
            while True:
                now = time.time_ns()
                yield from tail.events()
                if not follow or (until_ns and now > until_ns):
                    return
                left = (until_ns - now) / 1e9 + 0.001 if until_ns else _LOOK_AGAIN_S
                watch.wait(max(0.0, min(_LOOK_AGAIN_S, left)))
    finally:
        tail.close()


class _Tail:
    """The events file, read to its end again and again, through its replacement by a shorter one."""

    __slots__ = ("_fd", "_offset", "_path", "_rest")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._offset = 0
        self._rest = b""

    def events(self) -> Iterator[dict[str, Any]]:
        if self._fd < 0 and not self._open():
            return
        yield from self._to_end()
        while self._replaced():
            # Nobody writes to a replaced file: now at its end all of it was seen, up to the new one's mark.
            yield from self._to_end()
            self.close()
            if not self._open():
                return
            self._skip_what_was_kept()
            yield from self._to_end()

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False  # nothing has happened yet
        self._offset, self._rest = 0, b""
        return True

    def _replaced(self) -> bool:
        try:
            named, held = os.stat(self._path), os.fstat(self._fd)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino)

    def _skip_what_was_kept(self) -> None:
        text = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        mark = text.rfind(ROTATED)
        if mark >= 0:
            self._offset = text.rfind(b"\n", 0, mark) + 1

    def _to_end(self) -> Iterator[dict[str, Any]]:
        while block := os.pread(self._fd, _BLOCK, self._offset):
            self._offset += len(block)
            lines = (self._rest + block).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                event = _event(line)
                if event is not None:
                    yield event

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _event(line: bytes) -> dict[str, Any] | None:
    """None for a line that a full disk cut off, and for the file's own marks."""
    try:
        event = fastjson.loads(line)
    except Invalid:
        return None
    if not isinstance(event, dict) or not {"Status", "Time", "Type"} <= event.keys() or event["Status"] == "rotate":
        return None
    if not isinstance(event.get("Attributes"), dict):
        event["Attributes"] = None
    return event
