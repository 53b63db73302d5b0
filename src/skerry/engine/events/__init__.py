"""``engine.events``: what happened, appended to a file (or journald) as it happens, and read back.

An event never makes the operation that it is about fail: where it cannot be written it is lost.
"""

from __future__ import annotations

import time

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine

# The argument of `emit`: Podman's key in the file. Keys without a value are left out, as Podman leaves them out.
_KEYS = {
    "exit_code": "ContainerExitCode", "id": "ID", "image": "Image", "name": "Name", "network": "network",
    "status": "Status", "time": "Time", "type": "Type", "health_status": "health_status", "error": "error",
    "oom_killed": "OOMKilled", "pod": "PodID", "health_log": "health_log",
    "health_failing_streak": "health_failing_streak", "inspect_data": "ContainerInspectData",
}  # fmt: skip


def timestamp(time_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds."""
    seconds, ns = divmod(time_ns, 10**9)
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{ns:09d}Z"


class Events:
    """Writes events and reads them back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def emit(
        self, *, type: str, status: str, id: str = "", name: str = "", image: str = "",
        attributes: Mapping[str, str] | None = None, **extra: object,
    ) -> None:  # fmt: skip
        """Note that ``status`` happened to the object ``id``.

        ``type`` is Podman's (container, image, volume, network, pod, secret, system); ``extra``: exit_code,
        network, health_status, error, oom_killed, pod."""
        backend = self._engine.settings.events_backend
        if backend == "none":
            return
        values = {
            "type": type, "status": status, "id": id, "name": name, "image": image,
            "time": timestamp(time.time_ns()), **extra,
        }  # fmt: skip
        event = {key: values[given] for given, key in _KEYS.items() if values.get(given) not in (None, "")}
        event["Attributes"] = dict(attributes) if attributes is not None else None
        try:
            if backend == "journald":
                from skerry.engine.events.journal import send

                send(event)
            else:
                from skerry.engine.events.file import append

                append(self._engine.settings, event)
        except OSError:
            pass  # a full disk must not keep a container from stopping

    def emit_container(self, status: str, record: ContainerRecord, **extra: object) -> None:
        """`emit` for a container: its names, pod and labels are filled in; ``signal`` becomes an attribute."""
        attributes = dict(record["config"].get("labels") or {})
        if status == "create" and self._engine.settings.conf["engine"]["events_container_create_inspect_data"]:
            extra["inspect_data"] = fastjson.dumps(self._engine.containers.inspect(record["id"], size=True))
        signal = extra.pop("signal", None)
        if signal is not None:
            attributes["signal"] = str(signal)
        self.emit(
            type="container", status=status, id=record["id"], name=record["name"], image=record.get("image", ""),
            attributes=attributes, pod=record.get("pod", ""), **extra,
        )  # fmt: skip

    def read(
        self, *, filters: list[str] | None = None, since: str = "", until: str = "", follow: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Events as they are stored (Podman's keys), oldest first; ``follow``: wait for more, until ``until``.

        `Invalid` for filters and times that are none, in Podman's words."""
        from skerry.engine.events.reading import read

        return read(self._engine, filters=filters or [], since=since, until=until, follow=follow)
