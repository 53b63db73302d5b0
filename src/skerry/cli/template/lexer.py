"""A template's text as tokens.

A token is ``(kind, text, position)``. Kinds: text, open, close, space, field (``.Name``), dot, variable (``$x``), name,
keyword, bool, nil, number, char, string, ``|``, ``(``, ``)``, ``:=``, ``=``, ``,``, end. Comments and trim markers are
resolved here.
"""

from __future__ import annotations

from skerry.cli.template.errors import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Token = tuple[str, str, int]

KEYWORDS = ("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue")
_SPACE = " \t\r\n"
_PUNCTUATION = "|(),"


def tokens(name: str, text: str) -> list[Token]:
    """All tokens of ``text``; the last is ``end``. ``name`` is the template's, for errors."""
    return _Lexer(name, text).run()


def is_word(character: str) -> bool:
    """Whether an identifier may hold the character."""
    return character == "_" or character.isalnum()


class _Lexer:
    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.position = 0
        self.out: list[Token] = []

    def fail(self, message: str, position: int | None = None) -> TemplateError:
        place = self.position if position is None else position
        line = self.text.count("\n", 0, place) + 1
        return TemplateError(f"template: {self.name}:{line}: {message}")

    def run(self) -> list[Token]:
        text = self.text
        trim_next = False
        while True:
            start = self.position
            opening = text.find("{{", start)
            literal = text[start:] if opening < 0 else text[start:opening]
            trim_before = (
                opening >= 0 and text[opening + 2 : opening + 3] == "-" and text[opening + 3 : opening + 4] in _SPACE
            )
            trim_before = trim_before and opening + 3 < len(text)
            if trim_next:
                literal = literal.lstrip(_SPACE)
            if trim_before:
                literal = literal.rstrip(_SPACE)
            if literal:
                self.out.append(("text", literal, start))
            if opening < 0:
                self.out.append(("end", "", len(text)))
                return self.out
            self.position = opening + (4 if trim_before else 2)
            trim_next = self._comment() if text.startswith("/*", self.position) else self._action(opening)

    def _comment(self) -> bool:
        """Skip a comment; whether it trims what follows."""
        end = self.text.find("*/", self.position)
        if end < 0:
            raise self.fail("unclosed comment")
        self.position = end + 2
        closing = self._closing()
        if not closing:
            raise self.fail("comment ends before closing delimiter")
        self.position += closing
        return closing > 2

    def _closing(self) -> int:
        """How long the closing delimiter here is, 0 without one."""
        text, position = self.text, self.position
        if text.startswith("}}", position):
            return 2
        if text[position : position + 1] and text[position] in _SPACE and text.startswith("-}}", position + 1):
            return 4
        return 0

    def _action(self, opening: int) -> bool:
        """The tokens up to the closing delimiter; whether it trims what follows."""
        self.out.append(("open", "{{", opening))
        depth = 0
        text, size = self.text, len(self.text)
        while True:
            closing = self._closing()
            if closing:
                if depth:
                    raise self.fail("unclosed left paren")
                self.out.append(("close", "}}", self.position))
                self.position += closing
                return closing > 2
            if self.position >= size:
                raise self.fail("unclosed action")
            character = text[self.position]
            if character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if depth < 0:
                    raise self.fail("unexpected right paren")
            self._token(character)

    def _emit(self, kind: str, end: int) -> None:
        self.out.append((kind, self.text[self.position : end], self.position))
        self.position = end

    def _token(self, character: str) -> None:
        text, position = self.text, self.position
        following = text[position + 1 : position + 2]
        if character in _SPACE:
            end = position
            while end < len(text) and text[end] in _SPACE and not text.startswith("-}}", end + 1):
                end += 1
            self._emit("space", max(end, position + 1))
        elif character in _PUNCTUATION:
            self._emit(character, position + 1)
        elif character == ":":
            if following != "=":
                raise self.fail("expected :=")
            self._emit(":=", position + 2)
        elif character == "=":
            self._emit("=", position + 1)
        elif character == '"':
            self._emit("string", self._quoted('"', "unterminated quoted string"))
        elif character == "'":
            self._emit("char", self._quoted("'", "unterminated character constant"))
        elif character == "`":
            end = text.find("`", position + 1)
            if end < 0:
                raise self.fail("unterminated raw quoted string")
            self._emit("string", end + 1)
        elif character == "$":
            self._emit("variable", self._word_end(position + 1))
        elif character == "." and not ("0" <= following <= "9"):
            self._field(following)
        elif character in "+-." or "0" <= character <= "9":
            self._number()
        elif is_word(character):
            self._word()
        else:
            raise self.fail(f"unexpected bad character {_unicode(character)} in action")

    def _word_end(self, position: int) -> int:
        text = self.text
        while position < len(text) and is_word(text[position]):
            position += 1
        return position

    def _terminated(self, end: int) -> bool:
        after = self.text[end : end + 1]
        return not after or after in _SPACE or after in ".,|:()=" or self.text.startswith("}}", end)

    def _field(self, following: str) -> None:
        if not following or not is_word(following):
            self._emit("dot", self.position + 1)
            return
        end = self._word_end(self.position + 1)
        if not self._terminated(end):
            raise self.fail(f"bad character {_unicode(self.text[end])}")
        self._emit("field", end)

    def _word(self) -> None:
        end = self._word_end(self.position)
        if not self._terminated(end):
            raise self.fail(f"bad character {_unicode(self.text[end])}")
        word = self.text[self.position : end]
        if word in KEYWORDS:
            kind = "keyword"
        elif word in ("true", "false"):
            kind = "bool"
        else:
            kind = "nil" if word == "nil" else "name"
        self._emit(kind, end)

    def _quoted(self, mark: str, problem: str) -> int:
        text, position = self.text, self.position + 1
        while position < len(text):
            character = text[position]
            if character == "\\" and text[position + 1 : position + 2] not in ("", "\n"):
                position += 2
                continue
            if character == "\n":
                break
            position += 1
            if character == mark:
                return position
        raise self.fail(problem)

    def _number(self) -> None:
        text, end = self.text, self.position + (self.text[self.position] in "+-")
        while end < len(text) and (
            is_word(text[end]) or text[end] == "." or (text[end] in "+-" and text[end - 1] in "eEpP")
        ):
            end += 1
        if end == self.position or parse_number(text[self.position : end]) is None:
            raise self.fail(f'bad number syntax: "{text[self.position : end]}"')
        self._emit("number", end)


def _unicode(character: str) -> str:
    shown = f"U+{ord(character):04X}"
    return f"{shown} '{character}'" if character.isprintable() else shown


def parse_number(text: str) -> int | float | None:
    """A Go number (10, 0x1f, 017, 1_000, 1e3, .5), or None."""
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if not digits or not digits.isascii():
        return None
    try:
        if digits[0] == "0" and digits[1:].replace("_", "").isdigit():
            return sign * int("0o" + digits[1:].removeprefix("_"), 0)
        return sign * int(digits, 0)
    except ValueError:
        pass
    try:
        return sign * (float.fromhex(digits) if digits[:2] in ("0x", "0X") else float(digits))
    except (ValueError, OverflowError):
        return None
