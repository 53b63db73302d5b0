"""Reading back what conmon sent to journald."""

from __future__ import annotations

import time

from skerry.engine.events import timestamp
from skerry.engine.events.journal import IDENTIFIER
from skerry.engine.journalctl import Journalctl, entries
from skerry.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord
    from skerry.runtime.logs import Entry


_LAG_NS = 2_000_000_000  # by how much journald may be late
_FIELDS = ("--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE,PODMAN_EVENT",)
_STARTS = ("init", "start", "restart")


class JournalReader:
    """The entries of one container, by ``journalctl`` (`Unavailable` without), as `logs` wants them."""

    __slots__ = ("_cursor", "_since", "_tail", "container_id", "folder")

    fd = -1

    def __init__(self, record: ContainerRecord, tail: int, since_ns: int) -> None:
        self.container_id: str = record["id"]
        self.folder: str | None = None
        self._tail = tail
        self._since = [f"--since=@{since_ns // 10**9}"] if since_ns > 0 else []
        self._cursor = ""

    def batches(self) -> Iterator[list[Entry]]:
        """All that is there, or the last lines."""
        last = [] if self._tail < 0 else ["-n", str(self._tail)]
        for item in entries(*_FIELDS, *self._since, *last, f"CONTAINER_ID_FULL={self.container_id}"):
            self._cursor = str(item.get("__CURSOR", ""))
            yield [_entry(item)]

    def rest(self) -> list[Entry]:
        """Nothing is left."""
        return []

    def close(self) -> None:
        """Nothing is held open."""


class JournalFollower(JournalReader):
    """The same, and what comes: ``journalctl --follow`` sleeps until journald has written.

    journald keeps the order in which it is told. So with the events in it too, the container's last line has been read
    when the event of its end is."""

    __slots__ = ("_over", "_program", "fd")

    def __init__(self, record: ContainerRecord, tail: int, since_ns: int, *, events_backend: str, ran: bool) -> None:
        if events_backend != "journald":
            raise Unsupported(
                "using --follow with the journald --log-driver but without the journald --events-backend "
                f"({events_backend}) is not supported"
            )
        super().__init__(record, tail, since_ns)
        self._program: Journalctl | None = None
        self._over = not ran
        self.fd = -1

    def batches(self) -> Iterator[list[Entry]]:
        """What has come since the last call. ``fd`` tells when there is more."""
        if self._program is None:
            if self._tail >= 0:
                yield from super().batches()
            where = [f"--after-cursor={self._cursor}"] if self._cursor else ["--no-tail", *self._since]
            own, events = f"CONTAINER_ID_FULL={self.container_id}", f"PODMAN_ID={self.container_id}"
            matches = (own, "+", f"SYSLOG_IDENTIFIER={IDENTIFIER}", events)
            self._program = Journalctl("--follow", *_FIELDS, *where, *matches)
        while self._program.comes(0):
            yield self._read(self._program)
        self.fd = self._program.fd

    def rest(self) -> list[Entry]:
        """What journald was still busy with when the container had ended."""
        until_ns = time.time_ns() + _LAG_NS
        found: list[Entry] = []
        while self._program is not None and not self._over and self._program.comes(until_ns):
            found += self._read(self._program)
        return found

    def _read(self, program: Journalctl) -> list[Entry]:
        found = []
        for item in program.read():
            event = item.get("PODMAN_EVENT")
            if event is None:
                found.append(_entry(item))
            elif event == "died" or event in _STARTS:
                self._over = event == "died"
        return found

    def close(self) -> None:
        """End the program. Idempotent."""
        if self._program is not None:
            self._program.close()


def _entry(item: dict[str, Any]) -> Entry:
    message = item.get("MESSAGE", "")
    text = bytes(message) if isinstance(message, list) else str(message).encode("utf-8", "surrogateescape")
    text = text.removesuffix(b"\n")  # conmon 2.1 sends it along
    stream = b"stderr" if str(item.get("PRIORITY")) == "3" else b"stdout"
    when = timestamp(int(str(item.get("__REALTIME_TIMESTAMP", "0"))) * 1000).encode()
    return when, stream, text, str(item.get("CONTAINER_PARTIAL_MESSAGE", "")) != "true"
