"""What a flag is: the data that parsing, help and completion share."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# The value of a flag that was not given and that declares no default.
ZERO: dict[str, Any] = {
    "bool": False,
    "str": "",
    "optstr": "",
    "int": 0,
    "uint": 0,
    "float": 0.0,
    "count": 0,
    "list": (),
    "slice": (),
}
# What help shows in place of a value when the flag names none (pflag's words for its types).
METAVARS = {
    "str": "string",
    "optstr": "string",
    "int": "int",
    "uint": "uint",
    "float": "float",
    "list": "stringArray",
    "slice": "strings",
}


class Flag:
    """One flag. Make it with `flag`.

    ``name`` is the long name (``no-trunc``), ``also`` more long names, ``key`` the name in `Args`
    (``no_trunc``). ``without_value`` is what ``--flag`` alone means; None where a value is required.
    """

    __slots__ = (
        "also",
        "choices",
        "complete",
        "default",
        "deprecated",
        "help",
        "hidden",
        "key",
        "kind",
        "metavar",
        "name",
        "short",
        "without_value",
        "words",
    )

    def __init__(self, name: str, short: str, also: tuple[str, ...], kind: str) -> None:
        self.name = name
        self.short = short
        self.also = also
        self.kind = kind
        self.key = name.replace("-", "_")
        self.help = self.metavar = self.deprecated = self.complete = ""
        self.choices: Sequence[str] = ()
        self.default: Any = ZERO[kind]
        self.hidden = False
        self.without_value: str | None = None
        self.words: Sequence[str] = ()

    @property
    def shown(self) -> str:
        """The flag as error messages name it: ``-t, --time``."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


_UNSET = object()


def flag(
    *names: str,
    kind: str = "bool",
    help: str = "",
    metavar: str = "",
    default: Any = _UNSET,
    choices: Sequence[str] = (),
    without_value: str | None = None,
    complete: str = "",
    hidden: bool = False,
    deprecated: str = "",
    words: Sequence[str] = (),
) -> Flag:
    """Declare a flag: ``flag("-t", "--time", kind="int", metavar="SECONDS", help="…", default=10)``.

    The first long name is the flag's name, other long names are silent synonyms. Kinds:

    ========  ===========================================================  =====================
    bool      ``--flag`` or ``--flag=false``                               bool
    str       ``--flag value``; with ``choices`` one of them                str
    optstr    ``--flag`` (means ``without_value``) or ``--flag=value``      str
              or ``--flag value`` where that is one of ``words``
    int uint  Go's integers: 10, 0x1f, 0o17, 1_000                          int
    float                                                                   float
    list      repeatable, each value whole                                  list[str]
    slice     repeatable, each value split at commas as CSV                 list[str]
    count     ``-vvv`` or ``--flag=3``                                      int
    ========  ===========================================================  =====================

    ``complete`` names what values complete to (see cli/complete.py): containers, images, networks,
    volumes, files, dirs, none. ``deprecated`` is printed when the flag is used.
    """
    name = short = ""
    also: tuple[str, ...] = ()
    for text in names:
        if text[:2] != "--":
            short = text[1:]
        elif name:
            also = (*also, text[2:])
        else:
            name = text[2:]
    it = Flag(name, short, also, kind)
    it.help, it.metavar, it.choices, it.complete = help, metavar, choices, complete
    it.hidden, it.deprecated, it.words = hidden, deprecated, words
    if default is not _UNSET:
        it.default = default
    if kind == "bool":
        it.without_value = "true"
    elif kind == "count":
        it.without_value = "+1"
    elif kind == "optstr":
        it.without_value = without_value or ""
    else:
        it.without_value = without_value
    return it


class Args:
    """What was typed: flags by name (``args["no_trunc"]``) and the positional arguments.

    ``dash`` is how many positionals stand before a ``--``, -1 without one.
    """

    __slots__ = ("_given", "_values", "dash", "positional")

    def __init__(self, flags: Sequence[Flag]) -> None:
        self.positional: list[str] = []
        self.dash = -1
        self._given: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        for it in flags:
            value = it.default
            self._values[it.key] = list(value) if it.kind in ("list", "slice") and value is not None else value

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a flag, or ``default`` where this command has no such flag."""
        return self._values.get(name, default)

    def given(self, name: str) -> bool:
        """Whether the flag was on the command line."""
        return name in self._given

    def set(self, name: str, value: Any) -> None:
        """Record a flag as given (the parser, and commands that call others)."""
        self._given[name] = self._values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def fall_back(self, name: str, value: Any) -> None:
        """Change what a flag that was not given means."""
        self._values[name] = value

    def take(self, other: Args) -> None:
        """Record all that was given in ``other`` as given here too."""
        self._given.update(other._given)
        self._values.update(other._given)

    def all_given(self) -> dict[str, Any]:
        """The flags that were on the command line, by name."""
        return dict(self._given)


class UsageError(Invalid):
    """The command line itself is wrong. ``trailer`` are the lines below the error: where help is. ``bare``: the message
    stands alone and the exit code is 1, as Podman has it for what it meets before there is a command."""

    def __init__(self, message: str, trailer: str = "", *, bare: bool = False) -> None:
        super().__init__(message, exit_code=1 if bare else None)
        self.trailer = trailer
        self.bare = bare


class HelpRequested(Exception):
    """``--help`` (or ``-h``, where it means nothing else) was typed; ``before``: the flags before it."""

    def __init__(self, before: Args) -> None:
        super().__init__()
        self.before = before
