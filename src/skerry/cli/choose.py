"""Asking which of several things is meant: a list on the terminal to walk through with the arrow keys."""

from __future__ import annotations

import os
import sys

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UP, _DOWN = (b"\x1b[A", b"\x1bOA", b"k", b"\x10"), (b"\x1b[B", b"\x1bOB", b"j", b"\x0e")
_SHOWN = 5


def image_chooser() -> Callable[[list[str]], str] | None:
    """Asks which image a short name means; None where nobody can be asked."""
    if not (os.isatty(0) and os.isatty(1)):
        return None
    return lambda names: choose("Please select an image", names)


def choose(label: str, items: Sequence[str]) -> str:
    """The one of ``items`` that the user stops at. `Invalid` when it is interrupted."""
    import termios
    import tty

    sys.stdout.flush()
    before = termios.tcgetattr(0)
    position, drawn = 0, 0
    try:
        tty.setcbreak(0, termios.TCSADRAIN)
        mode = termios.tcgetattr(0)
        mode[3] &= ~termios.ISIG  # an interrupt must not leave the terminal as it is now
        termios.tcsetattr(0, termios.TCSADRAIN, mode)
        while True:
            # A line that wraps would be two to wipe.
            width = max((os.get_terminal_size(1).columns or 80) - 1, 10)
            lines = [line[:width] for line in _lines(label, items, position)]
            _write(_wipe(drawn) + "".join(f"{line}\n" for line in lines))
            drawn = len(lines)
            key = os.read(0, 16)
            if key in (b"\r", b"\n"):
                _write(_wipe(drawn) + f"✔ {items[position]}\n")
                return items[position]
            if key in (b"\x03", b"\x04", b""):
                raise Invalid("^C" if key == b"\x03" else "^D")
            if key in _UP + _DOWN:
                position = min(max(position + (1 if key in _DOWN else -1), 0), len(items) - 1)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _lines(label: str, items: Sequence[str], position: int) -> list[str]:
    first = min(max(position - _SHOWN + 1, 0), max(len(items) - _SHOWN, 0))
    rows = range(first, min(first + _SHOWN, len(items)))
    return [f"? {label}: ", *(f"  {'▸' if row == position else ' '} {items[row]}" for row in rows)]


def _wipe(lines: int) -> str:
    return "\r\x1b[K" + "\x1b[A\x1b[K" * lines if lines else ""


def _write(text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(1, data) :]
