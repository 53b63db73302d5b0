"""What a terminal shows while layers come."""

from __future__ import annotations

import pytest

from skerry.cli.output import Output
from skerry.cli.transfers import Bars, Lines, Quiet, reporter


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr("os.write", lambda _fd, data: found.append(data.decode()) or len(data))
    monkeypatch.setattr("skerry.cli.transfers._INTERVAL_S", 0.0)
    return found


def test_bars_are_drawn_over_and_finished_ones_stay(written: list[str]) -> None:
    bars = Bars(Output())
    bars.copying("sha256:" + "a" * 64, 1000)
    bars.copying("sha256:" + "b" * 64, 1000)
    bars.advance("sha256:" + "a" * 64, 500)
    bars.advance("sha256:" + "b" * 64, 100)
    assert written[-1].count("\n") == 2
    assert "50% 500B / 1000B" in written[-1]
    bars.done("sha256:" + "a" * 64)
    assert written[-1].startswith("\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[KCopying blob aaaaaaaaaaaa: 1000B")
    bars.done("sha256:" + "b" * 64, "skipped: already exists")
    assert written[-1].endswith("Copying blob bbbbbbbbbbbb skipped: already exists\n")
    bars.line("evil\x1b[31m")
    assert "\x1b[31m" not in written[-1]


def test_the_right_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Output()
    assert type(reporter(out, quiet=True)) is Quiet
    out._err_terminal = True
    assert type(reporter(out, quiet=False)) is Bars
    out._err_terminal = False
    assert type(reporter(out, quiet=False)) is Lines
