"""The journald backend: journald's own datagram protocol for writing, ``journalctl`` for reading."""

from __future__ import annotations

import _socket
import struct
import time

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "skerry"
# Our key: journald's field, the names that Podman uses too.
_FIELDS = {
    "ID": "PODMAN_ID", "Name": "PODMAN_NAME", "Image": "PODMAN_IMAGE", "Status": "PODMAN_EVENT", "Type": "PODMAN_TYPE",
    "Time": "PODMAN_TIME", "ContainerExitCode": "PODMAN_EXIT_CODE", "PodID": "PODMAN_POD_ID",
    "network": "PODMAN_NETWORK_NAME", "health_status": "PODMAN_HEALTH_STATUS", "error": "ERROR",
    "ContainerInspectData": "PODMAN_CONTAINER_INSPECT_DATA",
}  # fmt: skip


def send(event: dict[str, Any]) -> None:
    """Hand one event to journald. ``OSError`` when it is not there."""
    fields = {"SYSLOG_IDENTIFIER": IDENTIFIER, "PRIORITY": "6", "MESSAGE": _message(event)}
    fields |= {field: str(event[key]) for key, field in _FIELDS.items() if key in event}
    if event["Attributes"]:
        fields["PODMAN_LABELS"] = fastjson.dumps(event["Attributes"])
    packet = b"".join(_field(name, value) for name, value in fields.items())
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        socket.sendto(packet, SOCKET)
    finally:
        socket.close()


def _message(event: dict[str, Any]) -> str:
    return f"{event['Type']} {event['Status']} {event.get('ID', '')} {event.get('Name', '')}".rstrip()


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


def read_lines(uid: int, *, follow: bool, since_ns: int, until_ns: int) -> Iterator[dict[str, Any]]:
    """Events in journald of this user (outside of their namespace), oldest first: at least those since ``since_ns``, then
    (``follow``) those that come until ``until_ns`` (0: for ever)."""
    from skerry.engine.journalctl import entries

    matches = [f"SYSLOG_IDENTIFIER={IDENTIFIER}", f"_UID={uid}"]
    follow = follow and not 0 < until_ns <= time.time_ns()
    how = ["--follow", "--no-tail"] if follow else []
    if since_ns > 0:
        how.append(f"--since=@{since_ns // 10**9}")  # journald's time is when it was told: after the event's own
    for entry in entries(*matches, *how, until_ns=until_ns if follow else 0):
        event = _event(entry)
        if event is not None:
            yield event


def _event(entry: dict[str, Any]) -> dict[str, Any] | None:
    event: dict[str, Any] = {key: _text(entry[field]) for key, field in _FIELDS.items() if field in entry}
    if "Status" not in event or "Type" not in event or "Time" not in event:
        return None
    if "ContainerExitCode" in event:
        event["ContainerExitCode"] = int(event["ContainerExitCode"])
    labels = _text(entry.get("PODMAN_LABELS", "{}"))
    event["Attributes"] = fastjson.loads(labels)
    return event


def _text(value: Any) -> str:
    """journalctl writes fields that are not plain text as lists of bytes."""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, list) else str(value)
