"""Detach keys: how they are written ("ctrl-p,ctrl-q") and how they are found in what is typed."""

from __future__ import annotations

from skerry.errors import Invalid

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = {f"ctrl-{letter}": code for code, letter in enumerate("@abcdefghijklmnopqrstuvwxyz[\\]^_")}


def parse_keys(text: str) -> bytes:
    """The bytes of a comma-separated list of keys: single characters, ``ctrl-x``, ``DEL``. Empty: no detaching.

    `Invalid`, in Podman's words, for others."""
    keys = bytearray()
    for key in text.split(",") if text else ():
        if len(key.encode(errors="surrogateescape")) == 1:
            keys += key.encode()
        elif key in _CONTROL:
            keys.append(_CONTROL[key])
        elif key == "DEL":
            keys.append(127)
        else:
            raise Invalid(f"invalid detach keys: Unknown character: '{key}'")
    return bytes(keys)


class Scanner:
    """Finds the keys in a stream, also when they come in pieces. The beginning of a match is held back."""

    __slots__ = ("_held", "_keys")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to pass on of ``data``, and whether the keys were complete (what follows them is dropped)."""
        data = self._held + data
        at = data.find(self._keys)
        if at >= 0:
            self._held = b""
            return data[:at], True
        for size in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:size]):
                self._held = data[-size:]
                return data[:-size], False
        self._held = b""
        return data, False

    def rest(self) -> bytes:
        """What is still held back when the input ends."""
        held, self._held = self._held, b""
        return held
