"""Expansion of variables in a Containerfile's words, and splitting into words, as BuildKit's lexer does it.

It resembles a POSIX shell without being one: ``$x``, ``${x}``, ``${x:-w}``, ``:+``, ``:?`` (each also
without the colon), ``${x#p}``, ``##``, ``%``, ``%%``, ``${x/p/r}``, ``${x//p/r}``; single quotes keep
everything, double quotes everything but variables; the escape character keeps the next one.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry.build.language.patterns import PatternError, remove_prefix, remove_suffix, replace
from skerry.errors import Invalid
from skerry.records import dataclass

SPACES = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
_SPECIAL_PARAMETERS = frozenset("@*#?-$!0")
_MAX_DEPTH = 100  # of ${a:-${b:-…}}: deeper is an attack on the stack, not a build


class ExpansionError(Invalid):
    """A word cannot be expanded: a quote or brace is open, a modifier unknown, a variable required."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a word became; the variables in it that have a value, and those that have none."""

    text: str
    words: tuple[str, ...]
    matched: frozenset[str]
    unmatched: frozenset[str]


def expand(
    text: str,
    env: Mapping[str, str],
    *,
    escape: str = "\\",
    raw_quotes: bool = False,
    raw_escapes: bool = False,
    skip_quotes: bool = False,
    skip_unset: bool = False,
) -> Expansion:
    """Replace the variables of a text and remove its quotes.

    ``raw_quotes`` and ``raw_escapes`` keep them in the result, ``skip_quotes`` gives quotes no
    meaning (as in a heredoc), ``skip_unset`` leaves variables without a value as they stand.
    """
    lexer = _Lexer(text, env, escape, raw_quotes, raw_escapes, skip_quotes, skip_unset)
    try:
        result, words = lexer.until(None, raw_escapes)
    except ExpansionError as error:
        raise ExpansionError(f"failed to process {quoted(text)}: {error.message}") from None
    return Expansion(result, tuple(words), frozenset(lexer.matched), frozenset(lexer.unmatched))


def process_words(text: str, env: Mapping[str, str], *, escape: str = "\\") -> list[str]:
    """The text's words after expansion: split at blanks that are not quoted."""
    return list(expand(text, env, escape=escape).words)


def quoted(text: str) -> str:
    """The text in double quotes for a message, control characters escaped."""
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(special.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in text) + '"'


class _Words:
    """Collects characters into words; what comes from quotes or escapes never separates."""

    __slots__ = ("inside", "word", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.word: list[str] = []
        self.inside = False

    def add(self, text: str) -> None:
        for character in text:
            if character not in SPACES:
                self.word.append(character)
                self.inside = True
            elif self.inside and self.word:
                self.words.append("".join(self.word))
                self.word = []
                self.inside = False

    def add_raw(self, text: str) -> None:
        if text:
            self.word.append(text)
        self.inside = True

    def finish(self) -> list[str]:
        if self.word:
            self.words.append("".join(self.word))
            self.word = []
        return self.words


class _Lexer:
    def __init__(
        self,
        text: str,
        env: Mapping[str, str],
        escape: str,
        raw_quotes: bool,
        raw_escapes: bool,
        skip_quotes: bool,
        skip_unset: bool,
    ) -> None:
        self.text = text
        self.pos = 0
        self.depth = 0
        self.env = env
        self.escape = escape
        self.raw_quotes = raw_quotes
        self.raw_escapes = raw_escapes
        self.skip_quotes = skip_quotes
        self.skip_unset = skip_unset
        self.matched: set[str] = set()
        self.unmatched: set[str] = set()

    def peek(self) -> str:
        """The next character, or an empty string at the end."""
        return self.text[self.pos : self.pos + 1]

    def next(self) -> str:
        character = self.peek()
        self.pos += 1
        return character

    def at_end(self) -> bool:
        return self.pos >= len(self.text)

    def until(self, stop: str | None, raw_escapes: bool) -> tuple[str, list[str]]:
        """Read up to the stop character (or the end): the expanded text, and its words."""
        if self.depth >= _MAX_DEPTH:
            raise ExpansionError("variables are nested too deeply")
        self.depth += 1
        before, self.raw_escapes = self.raw_escapes, raw_escapes
        try:
            return self._until(stop)
        finally:
            self.raw_escapes = before
            self.depth -= 1

    def _until(self, stop: str | None) -> tuple[str, list[str]]:
        result: list[str] = []
        words = _Words()
        while not self.at_end():
            character = self.peek()
            if character == stop:
                self.next()
                return "".join(result), words.finish()
            if character == "$":
                value = self.dollar()
                result.append(value)
                words.add(value)
            elif character in "'\"" and not self.skip_quotes:
                value = self.single_quote() if character == "'" else self.double_quote()
                result.append(value)
                words.add_raw(value)
            elif character == self.escape:
                self._escaped(result, words)
            else:
                self.next()
                result.append(character)
                words.add(character)
        if stop is not None:
            raise ExpansionError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.finish()

    def _escaped(self, result: list[str], words: _Words) -> None:
        escape, character = self.next(), self.next()
        kept = escape + character if self.raw_escapes else character
        if kept:
            result.append(kept)
            words.add_raw(kept)

    def single_quote(self) -> str:
        start = self.pos
        end = self.text.find("'", start + 1)
        if end < 0:
            self.pos = len(self.text)
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        self.pos = end + 1
        return self.text[start : end + 1] if self.raw_quotes else self.text[start + 1 : end]

    def double_quote(self) -> str:
        self.next()
        result = ['"'] if self.raw_quotes else []
        while True:
            character = self.peek()
            if not character:
                raise ExpansionError("unexpected end of statement while looking for matching double-quote")
            if character == "$":
                result.append(self.dollar())
                continue
            self.next()
            if character == '"':
                return "".join(result) + ('"' if self.raw_quotes else "")
            if character == self.escape:
                if self.raw_escapes:
                    result.append(character)
                following = self.peek()
                if not following:
                    continue
                if following in ('"', "$", self.escape):
                    character = self.next()
            result.append(character)

    def dollar(self) -> str:
        """``$name``, ``${name}`` or ``${name<modifier>…}``."""
        self.next()
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            value = self.lookup(name)
            if value is None:
                return "$" + name if self.skip_unset else ""
            return value
        self.next()
        if self.at_end():
            raise ExpansionError("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise ExpansionError("syntax error: bad substitution")
        name = self.name()
        return self.modified(name)

    def modified(self, name: str) -> str:
        """What stands between ``${name`` and its brace."""
        modifier = self.next()
        if modifier == "}":
            value = self.lookup(name)
            if value is None:
                return f"${{{name}}}" if self.skip_unset else ""
            return value
        if modifier == "/":
            return self.replaced(name)
        if not modifier:
            raise ExpansionError("syntax error: missing '}'")
        shown = modifier
        if modifier == ":":
            modifier = self.next()
            shown += modifier
            if not modifier or modifier not in "+-?#%":
                self._inside("}", raw_escapes=False)
                raise ExpansionError(f"unsupported modifier ({shown}) in substitution")
        elif not modifier or modifier not in "+-?#%":
            raise ExpansionError(f"unsupported modifier ({shown}) in substitution")
        word = self._inside("}", raw_escapes=modifier in "#%")
        value = self.lookup(name)
        if value is None and self.skip_unset:
            return f"${{{name}{shown}{word}}}"
        if modifier in "#%":
            return self.trimmed(modifier, word, value or "")
        return self.conditional(name, modifier, word, value, null_is_unset=len(shown) > 1)

    def conditional(self, name: str, modifier: str, word: str, value: str | None, *, null_is_unset: bool) -> str:
        if modifier == "-":
            return word if value is None or (null_is_unset and not value) else value
        if modifier == "+":
            return "" if value is None or (null_is_unset and not value) else word
        if value is None:
            raise ExpansionError(f"{name}: {word or 'is not allowed to be unset'}")
        if null_is_unset and not value:
            raise ExpansionError(f"{name}: {word or 'is not allowed to be empty'}")
        return value

    def trimmed(self, modifier: str, pattern: str, value: str) -> str:
        greedy = pattern.startswith(modifier)
        if greedy:
            pattern = pattern[1:]
        try:
            if modifier == "%":
                return remove_suffix(value, pattern, greedy=greedy)
            return remove_prefix(value, pattern, greedy=greedy)
        except PatternError as error:
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from None

    def replaced(self, name: str) -> str:
        everywhere = self.peek() == "/"
        if everywhere:
            self.next()
        pattern = self._inside("/", raw_escapes=True, missing="'/' in ${}")
        replacement = self._inside("}", raw_escapes=True)
        value = self.lookup(name)
        if value is None and self.skip_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return replace(value or "", pattern, replacement, everywhere=everywhere)
        except PatternError as error:
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from None

    def _inside(self, stop: str, *, raw_escapes: bool, missing: str = "'}'") -> str:
        try:
            return self.until(stop, raw_escapes)[0]
        except ExpansionError:
            if self.at_end():
                raise ExpansionError(f"syntax error: missing {missing}") from None
            raise

    def name(self) -> str:
        """A variable's name; digits alone and the shell's special parameters are names, too."""
        start = self.pos
        first = self.peek()
        if first.isdecimal():
            while self.peek().isdecimal():
                self.pos += 1
        elif first and first in _SPECIAL_PARAMETERS:
            self.pos += 1
        else:
            while (character := self.peek()) and (character == "_" or character.isalpha() or character.isdecimal()):
                self.pos += 1
        return self.text[start : self.pos]

    def lookup(self, name: str) -> str | None:
        value = self.env.get(name)
        (self.unmatched if value is None else self.matched).add(name)
        return value
