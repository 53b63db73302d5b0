"""Reading back what conmon sent to journald."""

from __future__ import annotations

import time

from skerry.engine.events import timestamp
from skerry.engine.journalctl import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord
    from skerry.runtime.logs import Entry


_LAG_S = 0.2


class JournalReader:
    """The entries of one container, by ``journalctl`` (`Unavailable` without), as `logs` wants them."""

    __slots__ = ("_cursor", "_looks", "_tail", "container_id", "folder")

    def __init__(self, record: ContainerRecord, tail: int) -> None:
        self.container_id: str = record["id"]
        self.folder: str | None = None
        self._tail = tail
        self._cursor = ""
        self._looks = 0

    def batches(self) -> Iterator[list[Entry]]:
        """What has not been read yet."""
        self._looks += 1
        where = [f"--after-cursor={self._cursor}"] if self._cursor else []
        if not where and self._tail >= 0:
            where = ["-n", str(self._tail)]
        for item in entries(f"CONTAINER_ID_FULL={self.container_id}", *where):
            self._cursor = str(item.get("__CURSOR", ""))
            yield [_entry(item)]

    def rest(self) -> list[Entry]:
        """What journald was still busy with when a container that was followed had ended."""
        if self._looks < 2:
            return []
        time.sleep(_LAG_S)
        return [entry for batch in self.batches() for entry in batch]

    def close(self) -> None:
        """Nothing is held open."""


def _entry(item: dict[str, Any]) -> Entry:
    message = item.get("MESSAGE", "")
    text = bytes(message) if isinstance(message, list) else str(message).encode("utf-8", "surrogateescape")
    text = text.removesuffix(b"\n")  # conmon 2.1 sends it along
    stream = b"stderr" if str(item.get("PRIORITY")) == "3" else b"stdout"
    when = timestamp(int(str(item.get("__REALTIME_TIMESTAMP", "0"))) * 1000).encode()
    return when, stream, text, str(item.get("CONTAINER_PARTIAL_MESSAGE", "")) != "true"
