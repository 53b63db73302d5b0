"""Sizes and durations as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.engine.units import human_size, parse_duration, parse_size
from skerry.errors import Invalid


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("512", 512), ("512b", 512), ("1k", 1024), ("1K", 1024), ("2kb", 2048), ("64KiB", 65536),
        ("512m", 512 << 20), ("1.5g", 3 << 29), ("1G", 1 << 30), ("1GiB", 1 << 30), (" 5m ", 5 << 20), ("1t", 1 << 40),
    ],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text, "memory") == size


@pytest.mark.parametrize("text", ["", "m", "-1m", "1x", "1mm", "nan", "inf", "1e400", "0x10", "1,5g", "ib"])
def test_what_is_no_size_is_refused_by_the_flags_name(text):
    with pytest.raises(Invalid, match=r"invalid value for memory: invalid size"):
        parse_size(text, "memory")


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text):
    try:
        assert parse_size(text, "memory") >= 0
    except Invalid:
        pass


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("1s", 10**9),
        ("1h30m", 5400 * 10**9),
        ("2.5s", 2500 * 10**6),
        ("300ms", 300 * 10**6),
        ("-1s", -(10**9)),
    ],
)
def test_durations(text, ns):
    assert parse_duration(text, "--interval") == ns


@pytest.mark.parametrize("text", ["", "1", "s", "1x", "1s2", "..s", "-", "1h 2m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(Invalid):
        parse_duration(text, "--interval")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (999, "999B"), (1000, "1kB"), (4_570_000, "4.57MB"), (123_456_789, "123MB")]
)
def test_human_sizes(size, text):
    assert human_size(size) == text
