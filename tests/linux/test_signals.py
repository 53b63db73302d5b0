"""Names and numbers of signals."""

from __future__ import annotations

import signal

import pytest

from skerry.errors import Invalid
from skerry.linux.signals import parse_signal


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "sigterm", "15", "-15", "-TERM"])
def test_ways_to_say_term(name):
    assert parse_signal(name) == signal.SIGTERM


@pytest.mark.parametrize("text", ["RTMIN", "SIGRTMIN+3", "RTMAX-2"])
def test_real_time_signals(text):
    assert 34 <= parse_signal(text) <= 64


@pytest.mark.parametrize("text", ["", "0", "-0", "TERMINATE", "-", "-SIG", "RTMIN+99", "RTMIN-1", "SIG", "9x"])
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(Invalid, match="invalid signal"):
        parse_signal(text)


@pytest.mark.parametrize("text", ["65", "-65", "999", "99999999"])
def test_numbers_beyond_the_last_are_told_apart(text):
    with pytest.raises(Invalid, match="valid signals are 1 through 64"):
        parse_signal(text)
