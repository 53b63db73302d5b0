"""What a template can call: Go's built-in functions and Podman's.

A function takes forced values and returns one; what it cannot take it refuses with `ValueProblem`, in Go's words.
``FUNCTIONS`` has for each: the function, and how many arguments it takes (at least, at most).
"""

from __future__ import annotations

from skerry import fastjson
from skerry.cli.template.errors import ValueProblem, WrongType
from skerry.cli.template.printf import sprint, sprintf, sprintln
from skerry.cli.template.values import NO_VALUE, force, truth, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _calling(name: str, problem: str) -> ValueProblem:
    return ValueProblem(f"error calling {name}: {problem}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        if value is None or value is NO_VALUE:
            raise ValueProblem("invalid value; expected string")
        raise WrongType("string", value)
    return value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongType("int", value)
    return value


# Go's


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, (list, tuple, dict)):
        return len(value)
    if value is None or value is NO_VALUE:
        raise _calling("len", "len of nil pointer")
    raise _calling("len", f"len of type {type_name(value)}")


def index(value: Any, *keys: Any) -> Any:
    """``index .X 1 "a"``: what ``X[1]["a"]`` is in Go; a map without the key gives its zero value."""
    if value is None or value is NO_VALUE:
        raise _calling("index", "index of untyped nil")
    for key in keys:
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise _calling("index", f"value has type {type_name(key)}; should be string")
            if key not in value:
                value = "" if all(isinstance(other, str) for other in value.values()) else NO_VALUE
                continue
            value = force(value[key])
        elif isinstance(value, (list, tuple, str)):
            if isinstance(key, bool) or not isinstance(key, int):
                shown = "nil" if key is None else type_name(key)
                raise _calling("index", f"cannot index slice/array with {'nil' if key is None else 'type ' + shown}")
            sequence = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            if not 0 <= key < len(sequence):
                raise _calling("index", f"index out of range: {key}")
            value = force(sequence[key])
        elif value is None or value is NO_VALUE:
            raise _calling("index", "index of nil pointer")
        else:
            raise _calling("index", f"can't index item of type {type_name(value)}")
    return value


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise _calling("slice", f"can't slice item of type {type_name(value)}")
    if len(bounds) == 3 and isinstance(value, str):
        raise _calling("slice", "cannot 3-index slice a string")
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    low, high = 0, len(data)
    for position, bound in enumerate(bounds):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise _calling("slice", f"cannot index slice/array with type {type_name(bound)}")
        if not 0 <= bound <= len(data):
            raise _calling("slice", f"index out of range: {bound}")
        if position == 0:
            low = bound
        elif position == 1:
            high = bound
    if low > high:
        raise _calling("slice", f"invalid slice index: {low} > {high}")
    part = data[low:high]
    return part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else part


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else ""


def equal(first: Any, *others: Any) -> bool:
    """``eq``: whether the first equals any of the others."""
    for other in others:
        if first is None or other is None:
            if first is other:
                return True
            continue
        if first is NO_VALUE or other is NO_VALUE:
            continue
        kinds = _kind(first), _kind(other)
        if not kinds[0] or not kinds[1]:
            raise _calling("eq", f"non-comparable type {type_name(first if not kinds[0] else other)}")
        if kinds[0] != kinds[1]:
            raise _calling("eq", "incompatible types for comparison")
        if first == other:
            return True
    return False


def _less(name: str, first: Any, second: Any) -> bool:
    kinds = _kind(first), _kind(second)
    if not kinds[0] or not kinds[1] or "bool" in kinds:
        raise _calling(name, "invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise _calling(name, "incompatible types for comparison")
    return bool(first < second)


def _eq(*values: Any) -> bool:
    if len(values) < 2:
        raise _calling("eq", "missing argument for comparison")
    return equal(*values)


def _call(function: Any, *_: Any) -> Any:
    raise _calling("call", f"non-function of type {type_name(function)}")


def _html(*values: Any) -> str:
    text = values[0] if len(values) == 1 and isinstance(values[0], str) else sprint(list(values))
    for plain, safe in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;"), ("\0", "\ufffd")):
        text = text.replace(plain, safe)
    return text


_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _js(*values: Any) -> str:
    text = sprint(list(values))
    return "".join([_JS.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}") for c in text])


def _urlquery(*values: Any) -> str:
    safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
    parts = []
    for byte in sprint(list(values)).encode("utf-8", "surrogateescape"):
        letter = chr(byte)
        parts.append(letter if letter in safe else "+" if letter == " " else f"%{byte:02X}")
    return "".join(parts)


# Podman's


def to_json(value: Any) -> str:
    """One value as JSON."""
    from skerry.cli.listing import plain

    return fastjson.dumps(plain(None if value is NO_VALUE else value))


def _join(values: Any, separator: Any) -> str:
    if not isinstance(values, (list, tuple)):
        if values is None:  # a nil slice
            return ""
        raise WrongType("[]string", values)
    return _string(separator).join([_string(force(value)) for value in values])


def _split(text: Any, separator: Any) -> list[str]:
    text, separator = _string(text), _string(separator)
    return text.split(separator) if separator else list(text)


def _title(text: Any) -> str:
    letters = []
    before = " "
    for letter in _string(text):
        letters.append(
            letter.upper()
            if before.isspace() or (before.isascii() and not before.isalnum() and before != "_")
            else letter
        )
        before = letter
    return "".join(letters)


def _pad(text: Any, before: Any, after: Any) -> str:
    text = _string(text)
    return " " * _int(before) + text + " " * _int(after) if text else ""


def _truncate(value: Any, length: Any) -> str:
    text, size = _string(value), _int(length)
    return text if len(text) < size else text[: max(size, 0)]


_ANY = 1_000_000
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "call": (_call, 1, _ANY),
    "eq": (_eq, 1, _ANY),
    "ge": (lambda a, b: not _less("ge", a, b), 2, 2),
    "gt": (lambda a, b: _less("gt", b, a), 2, 2),
    "html": (_html, 0, _ANY),
    "index": (index, 1, _ANY),
    "join": (_join, 2, 2),
    "js": (_js, 0, _ANY),
    "json": (to_json, 1, 1),
    "le": (lambda a, b: not _less("le", b, a), 2, 2),
    "len": (_len, 1, 1),
    "lower": (lambda text: _string(text).lower(), 1, 1),
    "lt": (lambda a, b: _less("lt", a, b), 2, 2),
    "ne": (lambda a, b: not equal(a, b), 2, 2),
    "not": (lambda value: not truth(value), 1, 1),
    "pad": (_pad, 3, 3),
    "print": (lambda *values: sprint(list(values)), 0, _ANY),
    "printf": (lambda format, *values: sprintf(_string(format), list(values)), 1, _ANY),
    "println": (lambda *values: sprintln(list(values)), 0, _ANY),
    "slice": (_slice, 1, 4),
    "split": (_split, 2, 2),
    "title": (_title, 1, 1),
    "truncate": (_truncate, 2, 2),
    "upper": (lambda text: _string(text).upper(), 1, 1),
    "urlquery": (_urlquery, 0, _ANY),
}
# The engine runs these itself, because they do not evaluate all their arguments.
NAMES = (*FUNCTIONS, "and", "or")
