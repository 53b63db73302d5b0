"""Log files as conmon writes them, whole and broken."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from skerry.runtime.logs import LogFile, parse, time_ns

TIME = b"2026-01-31T10:00:00.123456789+00:00"


def entry(text: bytes, stream: bytes = b"stdout", tag: bytes = b"F") -> bytes:
    return b" ".join((TIME, stream, tag, text)) + b"\n"


def texts(log: LogFile) -> list[bytes]:
    return [item[2] for batch in log.batches() for item in batch]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ctr.log"


def test_a_line_has_four_parts() -> None:
    assert parse(entry(b"a b  c").rstrip(b"\n")) == (TIME, b"stdout", b"a b  c", True)
    assert parse(entry(b"", tag=b"P").rstrip(b"\n")) == (TIME, b"stdout", b"", False)


@pytest.mark.parametrize(
    "line", [b"", b"torn", TIME + b" stdout", TIME + b" stdin F x", TIME + b" stdout X x", b"\0" * 50]
)
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert parse(line) is None


def test_broken_lines_are_skipped(path: Path) -> None:
    path.write_bytes(entry(b"one") + b"\xff\0 garbage\n" + entry(b"two") + TIME + b" stdout F to")
    log = LogFile(str(path))
    assert texts(log) == [b"one", b"two"]
    assert log.rest() == [(TIME, b"stdout", b"to", False)]


def test_what_was_torn_is_whole_later(path: Path) -> None:
    whole = entry(b"hello")
    path.write_bytes(whole[:-4])
    log = LogFile(str(path))
    assert texts(log) == []
    with path.open("ab") as file:
        file.write(whole[-4:])
    assert texts(log) == [b"hello"]


def test_nothing_is_lost_when_the_file_is_replaced(path: Path) -> None:
    path.write_bytes(entry(b"1"))
    log = LogFile(str(path))
    assert texts(log) == [b"1"]
    with path.open("ab") as file:
        file.write(entry(b"2"))
    beside = path.with_suffix(".new")
    beside.write_bytes(entry(b"3"))
    beside.rename(path)
    assert texts(log) == [b"2", b"3"]
    assert texts(log) == []


def test_a_log_may_appear_later_and_shrink(path: Path) -> None:
    log = LogFile(str(path))
    assert texts(log) == []
    path.write_bytes(entry(b"1") + entry(b"2"))
    assert texts(log) == [b"1", b"2"]
    path.write_bytes(entry(b"3"))
    assert texts(log) == [b"3"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 99999, 100001])
def test_the_tail_is_the_last_lines(path: Path, count: int) -> None:
    total = 100000
    path.write_bytes(b"".join(entry(b"%d" % number) for number in range(total)))
    log = LogFile(str(path))
    log.skip_to_tail(count)
    assert texts(log) == [b"%d" % number for number in range(max(0, total - count), total)]


def test_the_tail_keeps_lines_together(path: Path) -> None:
    path.write_bytes(entry(b"1") + entry(b"2a", tag=b"P") + entry(b"2b") + entry(b"3"))
    log = LogFile(str(path))
    log.skip_to_tail(2)
    assert texts(log) == [b"2a", b"2b", b"3"]


def test_the_tail_of_lines_longer_than_a_block(path: Path) -> None:
    path.write_bytes(entry(b"x" * 600_000) + entry(b"y" * 600_000))
    log = LogFile(str(path))
    log.skip_to_tail(1)
    assert [len(text) for text in texts(log)] == [600_000]


@pytest.mark.parametrize(
    "text",
    ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-26T19:01:07.697746996+00:00", "2024-03-01T00:00:00.5+05:30", "2100-12-31T12:00:00-08:00"],
)  # fmt: skip
def test_times_are_what_datetime_says(text: str) -> None:
    head, dot, rest = text.partition(".")
    digits = rest.rstrip("Z")[: rest.rstrip("Z").find("+")] if "+" in rest else rest.rstrip("Z")
    whole = head + (text[-6:] if dot and text[-1] != "Z" else "")
    moment = datetime.datetime.fromisoformat(whole)
    assert time_ns(text.encode()) == int(moment.timestamp()) * 10**9 + (int(digits.ljust(9, "0")) if dot else 0)


def test_no_time_is_zero() -> None:
    assert time_ns(b"yesterday") == 0
