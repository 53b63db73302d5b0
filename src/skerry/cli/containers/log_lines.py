"""Log entries to standard output and standard error: written together, in order, with what each line is to carry."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.logs import Entry

_COLOURS = (37, 31, 33, 34, 35, 36, 32)
_FDS = {b"stdout": 1, b"stderr": 2}


class Printer:
    """Prints the entries of one container. ``colour`` is the container's number, -1 without colours."""

    __slots__ = ("_begin", "_end", "_in_line", "_prefix", "_times")

    def __init__(self, prefix: bytes, *, times: bool, colour: int) -> None:
        self._prefix = prefix
        self._times = times
        self._begin = b"\x1b[%dm" % _COLOURS[colour % len(_COLOURS)] if colour >= 0 else b""
        self._end = b"\x1b[0m" if colour >= 0 else b""
        self._in_line: set[bytes] = set()  # streams whose last entry was a part of a line

    def print(self, batch: list[Entry]) -> None:
        """Print entries, together where they follow each other on one stream."""
        plain = not (self._prefix or self._times or self._begin)
        parts: list[bytes] = []
        current = b"stdout"
        for entry in batch:
            if entry[1] != current:
                _write(current, parts)
                current = entry[1]
            if plain:
                parts.append(entry[2])
                if entry[3]:
                    parts.append(b"\n")
            else:
                parts.append(self.line(entry))
        _write(current, parts)

    def line(self, entry: Entry) -> bytes:
        """One entry as it is shown."""
        when, stream, text, whole = entry
        if stream not in self._in_line:
            if self._times:
                text = shown_time(when) + b" " + text
            text = self._prefix + text
        if whole:
            self._in_line.discard(stream)
        else:
            self._in_line.add(stream)
        return self._begin + text + self._end + (b"\n" if whole else b"")


def shown_time(when: bytes) -> bytes:
    """Podman's form: RFC 3339 with nine digits, Z for UTC."""
    return when[:-6] + b"Z" if when.endswith(b"+00:00") else when


def _write(stream: bytes, parts: list[bytes]) -> None:
    if not parts:
        return
    data = memoryview(b"".join(parts))
    parts.clear()
    while data:
        data = data[os.write(_FDS[stream], data) :]
