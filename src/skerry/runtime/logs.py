"""The log files that conmon writes (k8s-file; Podman's json-file is the same): ``TIME STREAM TAG MESSAGE`` lines.

TAG is F for a whole line, P for a part of one that goes on in the stream's next entry. conmon replaces the file
when it is larger than the limit. A line that was cut off by a crash or a full disk, or is no such line, is skipped.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # (time as written, b"stdout" or b"stderr", text, whether a line ends here)
    Entry = tuple[bytes, bytes, bytes, bool]

_BLOCK = 1 << 18
_STREAMS = (b"stdout", b"stderr")


def parse(line: bytes) -> Entry | None:
    """One line without its newline."""
    parts = line.split(b" ", 3)
    if len(parts) < 4 or parts[1] not in _STREAMS or parts[2][:1] not in (b"F", b"P"):
        return None
    return parts[0], parts[1], parts[3], parts[2][:1] == b"F"


class LogFile:
    """A log that is read to its end, again and again; it notices when it was replaced or truncated."""

    __slots__ = ("_fd", "_offset", "_path", "_rest")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._offset = 0
        self._rest = b""

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False  # not yet, or just being replaced
        self._offset, self._rest = 0, b""
        return True

    def skip_to_tail(self, count: int) -> None:
        """Leave out all but the last ``count`` whole lines. Reads from the end: the size of the log doesn't matter."""
        if self._fd >= 0 or self._open():
            self._offset = _tail_offset(self._fd, count)

    def batches(self) -> Iterator[list[Entry]]:
        """What is there and has not been read yet, also in the file that replaced the one we had open."""
        if self._fd < 0 and not self._open():
            return
        if os.fstat(self._fd).st_size < self._offset:
            self._offset, self._rest = 0, b""  # somebody truncated it
        yield from self._to_end()
        while self._replaced():
            # What was written to the old one after we were at its end comes first.
            yield from self._to_end()
            self.close()
            if not self._open():
                return
            yield from self._to_end()

    def _replaced(self) -> bool:
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        held = os.fstat(self._fd)
        return (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino)

    def _to_end(self) -> Iterator[list[Entry]]:
        while block := os.pread(self._fd, _BLOCK, self._offset):
            self._offset += len(block)
            lines = (self._rest + block).split(b"\n")
            self._rest = lines.pop()
            yield [entry for entry in map(parse, lines) if entry is not None]

    def rest(self) -> list[Entry]:
        """The beginning of an entry that conmon could not finish, once nothing more can come."""
        entry = parse(self._rest)
        self._rest = b""
        return [(*entry[:3], False)] if entry is not None and entry[2] else []

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _tail_offset(fd: int, count: int) -> int:
    """Where the last ``count`` whole lines (with the parts that lead to them) begin."""
    end = os.fstat(fd).st_size
    if count <= 0:
        return end
    position, pending, start, found = end, b"", end, 0
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        lines = (os.pread(fd, size, position) + pending).split(b"\n")
        pending = lines.pop(0) if position else b""
        if not position:
            lines = lines if lines else []
        at = position + len(pending) + 1 if position else 0
        starts = []
        for line in lines:
            starts.append(at)
            at += len(line) + 1
        for index in range(len(lines) - 1, -1, -1):
            entry = parse(lines[index])
            if entry is None:
                continue
            if entry[3]:
                if found == count:
                    return start
                found += 1
            start = starts[index]
    return start


def time_ns(text: bytes) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time; 0 when it is none."""
    try:
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
        seconds = int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
        fraction, offset = text[19:], 0
        if fraction[-1:] != b"Z":
            sign = -1 if fraction[-6:-5] == b"-" else 1
            offset = sign * (int(fraction[-5:-3]) * 3600 + int(fraction[-2:]) * 60)
            fraction = fraction[:-6]
        else:
            fraction = fraction[:-1]
        ns = int(fraction[1:10].ljust(9, b"0")) if fraction else 0
    except ValueError:
        return 0
    # Days from civil (Howard Hinnant's algorithm): `datetime` and `calendar` cost milliseconds to import.
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = year // 400 * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468
    return (days * 86400 + seconds - offset) * 10**9 + ns
