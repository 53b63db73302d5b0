"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_INTERVAL_S = 0.1
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Progress:
    """``with out.progress("Loading", total) as bar: bar.add(n)``. Draws ten times a second, and is wiped at the end.

    ``total`` None: only the amount is shown. ``unit`` "B" is shown in KiB, MiB…; any other word is a plain count.
    """

    __slots__ = ("_active", "_drawn", "_next", "_start", "_unit", "_width", "done", "label", "total")

    def __init__(self, label: str, total: int | None, *, unit: str, active: bool, width: int) -> None:
        from skerry.cli.escape import printable

        self.label = printable(label)
        self.total = total
        self.done = 0
        self._unit = unit
        self._active = active
        self._width = width
        self._drawn = False
        self._start = self._next = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            _write("\r\x1b[K")

    def add(self, amount: int) -> None:
        """So much more is done."""
        self.update(self.done + amount)

    def update(self, done: int) -> None:
        """So much is done in all."""
        self.done = done
        if not self._active:
            return
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL_S
            self._drawn = True
            _write("\r" + self.text(now - self._start)[: self._width - 1] + "\x1b[K")

    def text(self, elapsed_s: float) -> str:
        """The line as it stands."""
        amount = self._amount(self.done)
        rate = f" {self._amount(int(self.done / elapsed_s))}/s" if elapsed_s > 0.5 else ""
        if not self.total:
            return f"{self.label}: {amount}{rate}"
        share = min(self.done / self.total, 1.0)
        filled = int(share * 20)
        bar = "=" * filled + (">" if filled < 20 else "") + " " * (19 - filled)
        return f"{self.label} [{bar}] {share:4.0%} {amount} / {self._amount(self.total)}{rate}"

    def _amount(self, number: int) -> str:
        if self._unit != "B":
            return f"{number} {self._unit}"
        size = float(number)
        for unit in _UNITS[:-1]:
            if size < 1024:
                return f"{size:.0f}{unit}" if unit == "B" else f"{size:.1f}{unit}"
            size /= 1024
        return f"{size:.1f}{_UNITS[-1]}"


def _write(text: str) -> None:
    try:
        os.write(2, text.encode())
    except OSError:
        pass  # no terminal any more: the work goes on
