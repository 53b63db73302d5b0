"""Flags as pflag parses them, the library behind Podman's and Docker's command lines.

``-itd`` clusters, ``-eA=b`` and ``-e A=b`` and ``-e=A=b``, ``--flag=value`` and ``--flag value``, a boolean's value only
after ``=``, ``--`` ends flags, and with ``interspersed=False`` the first positional does. The errors are pflag's,
word for word, because scripts and people know them.
"""

from __future__ import annotations

from skerry.cli.flags import Args, HelpRequested, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.cli.flags import Flag

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


# Names that Podman's flags once had and still answer to.
_FORMER = {
    "dns-opt": "dns-option", "healthcheck-command": "health-cmd", "healthcheck-interval": "health-interval",
    "healthcheck-retries": "health-retries", "healthcheck-start-period": "health-start-period",
    "healthcheck-timeout": "health-timeout", "net": "network", "namespace": "ns", "storage": "external",
    "purge": "rm", "raw-iidfile": "iidfile-raw", "notruncate": "no-trunc", "override-arch": "arch", "override-os": "os", "override-variant": "variant",
}  # fmt: skip


class _BadValue(Exception):
    """A value that its flag refuses; the message is what follows the colon in pflag's error."""


def parse(
    flags: Sequence[Flag],
    argv: Sequence[str],
    *,
    interspersed: bool = True,
    inherited: Sequence[Flag] = (),
    inherited_args: Args | None = None,
    deprecated: Callable[[str], None] | None = None,
) -> Args:
    """Parse ``argv`` (without the command's name).

    ``inherited`` are flags of the commands above, valid here too: they land in ``inherited_args``.
    ``deprecated`` is called with a line for each deprecated flag that is used. Raises `UsageError`, `HelpRequested`.
    """
    args = Args(flags)
    parser = _Parser(args, flags, inherited_args, inherited, deprecated)
    position, count = 0, len(argv)
    positional = args.positional
    while position < count:
        text = argv[position]
        position += 1
        if len(text) < 2 or text[0] != "-":  # a lone "-" means stdin
            positional.append(text)
            if not interspersed:
                positional += argv[position:]
                break
        elif text[1] != "-":
            position = parser.cluster(text, argv, position)
        elif text == "--":
            args.dash = len(positional)
            positional += argv[position:]
            break
        else:
            position = parser.long(text, argv, position)
    return args


class _Parser:
    __slots__ = ("_args", "_deprecated", "_inherited", "_longs", "_shorts")

    def __init__(
        self,
        args: Args,
        flags: Sequence[Flag],
        inherited_args: Args | None,
        inherited: Sequence[Flag],
        deprecated: Callable[[str], None] | None,
    ) -> None:
        self._args = args
        self._deprecated = deprecated
        self._longs: dict[str, tuple[Flag, Args]] = {}
        self._shorts: dict[str, tuple[Flag, Args]] = {}
        if inherited_args is not None:
            self._add(inherited, inherited_args)
        self._add(flags, args)

    def _add(self, flags: Sequence[Flag], args: Args) -> None:
        for it in flags:
            self._longs[it.name] = entry = (it, args)
            for name in it.also:
                self._longs[name] = entry
            if it.short:
                self._shorts[it.short] = entry

    def long(self, text: str, argv: Sequence[str], position: int) -> int:
        """One ``--flag``; the position after what it took."""
        name, equals, value = text[2:].partition("=")
        if not name or name[0] == "-":
            raise UsageError(f"bad flag syntax: {text}")
        entry = self._longs.get(name) or self._longs.get(_FORMER.get(name, ""))
        if entry is None:
            if name == "help":
                raise HelpRequested(self._args)
            raise UsageError(f"unknown flag: --{name}")
        if not equals:
            if position < len(argv) and argv[position] in entry[0].words:
                value = argv[position]
                position += 1
            elif entry[0].without_value is not None:
                value = entry[0].without_value
            elif position < len(argv):
                value = argv[position]
                position += 1
            else:
                raise UsageError(f"flag needs an argument: {text}")
        self._set(entry, value)
        return position

    def cluster(self, text: str, argv: Sequence[str], position: int) -> int:
        """One ``-abc``: flags without a value, the last may have one; the position after what it took."""
        letters = text[1:]
        while letters:
            letter = letters[0]
            entry = self._shorts.get(letter)
            if entry is None:
                if letter == "h":
                    raise HelpRequested(self._args)
                raise UsageError(f"unknown shorthand flag: {_quote_letter(letter)} in -{letters}")
            if len(letters) > 2 and letters[1] == "=":
                value, letters = letters[2:], ""
            elif entry[0].without_value is not None:
                value, letters = entry[0].without_value, letters[1:]
            elif len(letters) > 1:
                value, letters = letters[1:], ""
            elif position < len(argv):
                value, letters = argv[position], ""
                position += 1
            else:
                raise UsageError(f"flag needs an argument: {_quote_letter(letter)} in -{letters}")
            self._set(entry, value)
        return position

    def _set(self, entry: tuple[Flag, Args], text: str) -> None:
        it, args = entry
        try:
            value = _convert(it, text, args)
        except _BadValue as error:
            raise UsageError(f'invalid argument {quote(text)} for "{it.shown}" flag: {error}') from None
        args.set(it.key, value)
        if it.deprecated and self._deprecated is not None:
            self._deprecated(f"Flag --{it.name} has been deprecated, {it.deprecated}")


def _convert(it: Flag, text: str, args: Args) -> Any:
    kind = it.kind
    if kind in ("str", "optstr"):
        if it.choices and text not in it.choices:
            raise _BadValue(f'{quote(text)} is not a valid value.  Choose from: "{", ".join(it.choices)}"')
        return text
    if kind == "bool":
        return _parse_bool(text)
    if kind in ("list", "slice"):
        # The first one replaces the default, as in pflag.
        before: list[str] = args[it.key] if args.given(it.key) else []
        return [*before, text] if kind == "list" else [*before, *split_csv(text)]
    if kind == "count":
        return (args[it.key] or 0) + 1 if text == "+1" else parse_int(text)
    if kind == "float":
        return _parse_float(text)
    return parse_int(text, unsigned=kind == "uint")


def _parse_bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _BadValue(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def parse_int(text: str, *, unsigned: bool = False) -> int:
    """Go's ``strconv.ParseInt(text, 0, 64)``: decimal, 0x, 0o, 0b, leading 0 for octal, ``_`` between digits."""
    function = "ParseUint" if unsigned else "ParseInt"
    digits = text[1:] if text[:1] in ("+", "-") and not unsigned else text
    try:
        if not digits.isascii() or not digits[:1].isdigit() or digits != digits.strip():
            raise ValueError
        if digits[0] == "0" and digits[1:2] and (digits[1].isdigit() or digits[1] == "_"):
            value = int("0o" + digits[1:].removeprefix("_"), 0)
        else:
            value = int(digits, 0)
    except ValueError:
        raise _BadValue(f"strconv.{function}: parsing {quote(text)}: invalid syntax") from None
    value = -value if text[0] == "-" else value
    low, high = (0, 2**64) if unsigned else (-(2**63), 2**63)
    if not low <= value < high:
        raise _BadValue(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return value


def _parse_float(text: str) -> float:
    try:
        if text != text.strip() or not text.isascii():
            raise ValueError
        if text.lower().lstrip("+-").startswith("0x"):
            return float.fromhex(text)
        return float(text)
    except (ValueError, OverflowError):
        raise _BadValue(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax") from None


def split_csv(text: str) -> list[str]:
    """The fields of one CSV record, as pflag's StringSlice takes them (Go's encoding/csv)."""
    if '"' not in text and "\n" not in text and "\r" not in text:
        return text.split(",") if text else []
    from skerry.engine.csv import CSVError, read_record

    try:
        return read_record(text)
    except CSVError as error:
        raise _BadValue(str(error)) from None


def quote(text: str) -> str:
    """Go's ``%q``."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from skerry.cli.escape import go_quote

    return go_quote(text)


def _quote_letter(letter: str) -> str:
    return "'\\''" if letter == "'" else "'\\\\'" if letter == "\\" else f"'{letter}'"
