"""Reading back what conmon sent to journald."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.events import timestamp
from skerry.errors import Invalid
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.engine.containers.types import ContainerRecord
    from skerry.runtime.logs import Entry


class JournalReader:
    """The entries of one container, by ``journalctl`` (`Unavailable` without), as `logs` wants them."""

    __slots__ = ("_cursor", "_tail", "container_id", "folder")

    def __init__(self, record: ContainerRecord, tail: int) -> None:
        self.container_id: str = record["id"]
        self.folder: str | None = None
        self._tail = tail
        self._cursor = ""

    def batches(self) -> Iterator[list[Entry]]:
        """What has not been read yet."""
        argv = ["journalctl", "--quiet", "--no-pager", "-o", "json", f"CONTAINER_ID_FULL={self.container_id}"]
        if self._cursor:
            argv.append(f"--after-cursor={self._cursor}")
        elif self._tail >= 0:
            argv += ["-n", str(self._tail)]
        for entry, cursor in _once(argv):
            self._cursor = cursor
            yield [entry]

    def rest(self) -> list[Entry]:
        """Nothing: journald has only whole entries."""
        return []

    def close(self) -> None:
        """Nothing is held open."""


def _once(argv: list[str]) -> Iterator[tuple[Entry, str]]:
    read, write = os.pipe()
    try:
        pid = spawn(argv, stdout=write)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    try:
        with open(read, "rb") as file:
            for line in file:
                try:
                    item = fastjson.loads(line)
                except Invalid:
                    continue
                yield _entry(item), str(item.get("__CURSOR", ""))
    finally:
        try:
            os.kill(pid, 15)
        except ProcessLookupError:
            pass  # it has ended by itself
        os.waitpid(pid, 0)


def _entry(item: dict[str, object]) -> Entry:
    message = item.get("MESSAGE", "")
    text = bytes(message) if isinstance(message, list) else str(message).encode("utf-8", "surrogateescape")
    stream = b"stderr" if str(item.get("PRIORITY")) == "3" else b"stdout"
    when = timestamp(int(str(item.get("__REALTIME_TIMESTAMP", "0"))) * 1000).encode()
    return when, stream, text, str(item.get("CONTAINER_PARTIAL_MESSAGE", "")) != "true"
