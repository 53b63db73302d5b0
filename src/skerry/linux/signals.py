"""Signal names and numbers without the ``signal`` module (3 ms, for ``enum``)."""

from __future__ import annotations

import _signal

from skerry.errors import Invalid

NAMES: dict[str, int] = {
    name[3:]: value for name, value in vars(_signal).items()
    if name.startswith("SIG") and not name.startswith("SIG_") and isinstance(value, int)
}  # fmt: skip
RTMIN, RTMAX = 34, 64  # as the C library hands them to programs; the kernel's 32 and 33 are the library's own


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; ``SIGRTMIN+3`` for 37."""
    for name, value in NAMES.items():
        if value == number and name not in ("RTMIN", "RTMAX"):
            return "SIG" + name
    return f"SIGRTMIN+{number - RTMIN}" if number >= RTMIN else str(number)


def parse_signal(text: str) -> int:
    """The number of ``TERM``, ``SIGTERM``, ``sigterm``, ``15``, ``-9``, ``RTMIN+3``. `Invalid` in Podman's words."""
    text = text.removeprefix("-")
    if text.isdigit() and text.isascii():
        number = int(text)
        if number == 0:
            raise Invalid("invalid signal: 0")
        if number <= RTMAX:
            return number
        raise Invalid("valid signals are 1 through 64")
    name = text.upper().removeprefix("SIG")
    if name in NAMES and name not in ("RTMIN", "RTMAX"):
        return NAMES[name]
    for base, start in (("RTMIN", RTMIN), ("RTMAX", RTMAX)):
        if name.startswith(base):
            offset = name[len(base) :]
            if not offset:
                return start
            if offset[1:].isdigit() and offset[0] == ("+" if base == "RTMIN" else "-"):
                number = start + int(offset)
                if RTMIN <= number <= RTMAX:
                    return number
    raise Invalid(f"invalid signal: {text}")
