"""``--chmod``: octal, or symbolic as chmod(1) has it (``u=rwX,go-w``)."""

from __future__ import annotations

import re

from skerry.errors import Invalid

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)\Z")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


class Mode:
    """A change of mode: `apply` it to each file. `Invalid` when the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._octal: int | None = None
        wrong = f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
        self._clauses: list[tuple[str, list[tuple[str, str]]]] = []
        if text.isascii() and text.isdigit():
            if set(text) - set("01234567") or int(text, 8) > 0o7777:
                raise Invalid(wrong)
            self._octal = int(text, 8)
            return
        for clause in text.split(","):
            match = _CLAUSE.match(clause)
            if match is None:
                raise Invalid(wrong, hint="or symbolic, as u=rwX,go=rX")
            self._clauses.append((match[1] or "a", _ACTION.findall(match[2])))

    def apply(self, mode: int, *, folder: bool) -> int:
        """The new permission bits of a file that has ``mode``."""
        if self._octal is not None:
            return self._octal
        mode &= 0o7777
        for who, actions in self._clauses:
            mask = 0o7777 if "a" in who else 0
            for letter in who:
                mask |= _WHO.get(letter, 0)
            for operator, letters in actions:
                bits = self._bits(letters, mode, folder=folder) & mask
                if operator == "=":
                    mode = (mode & ~(mask & (0o1777 if folder else 0o7777))) | bits
                elif operator == "+":
                    mode |= bits
                else:
                    mode &= ~bits
        return mode

    def _bits(self, letters: str, mode: int, *, folder: bool) -> int:
        found = 0
        for letter in letters:
            if letter in "ugo":
                three = mode >> {"u": 6, "g": 3, "o": 0}[letter] & 7
                found |= three << 6 | three << 3 | three
            elif letter == "X":
                found |= 0o111 if folder or mode & 0o111 else 0
            else:
                found |= _BITS[letter]
        return found
