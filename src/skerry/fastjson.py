"""JSON without the cost of importing ``json`` (5 ms, mostly ``re`` and ``enum``).

The standard library's C scanner and encoder behind the two calls that Skerry needs. Strict RFC 8259 except
that, as in ``json``, NaN and Infinity are refused here instead of accepted.
"""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WHITESPACE = " \t\n\r"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


class _Context:
    """What ``make_scanner`` reads its settings from."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}


_scan = make_scanner(_Context())  # type: ignore[arg-type]


def loads(text: str | bytes) -> Any:
    """Parse one JSON document. ``Invalid`` when it is not one (message says where)."""
    if isinstance(text, (bytes, bytearray)):
        try:
            text = str(text, "utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(f"not JSON: byte {error.start} is not UTF-8") from None
    start, end = 0, len(text)
    while start < end and text[start] in _WHITESPACE:
        start += 1
    try:
        value, stop = _scan(text, start)
    except StopIteration as error:
        raise Invalid(f"not JSON: unexpected text at character {error.value}") from None
    except SystemError:
        # CPython 3.11's scanner cannot raise JSONDecodeError before json.decoder is imported.
        raise Invalid(f"not JSON: {_explain(text)}") from None
    except RecursionError:
        raise Invalid("not JSON: nested too deeply") from None
    except ValueError as error:
        raise Invalid(f"not JSON: {error}") from None
    while stop < end and text[stop] in _WHITESPACE:
        stop += 1
    if stop != end:
        raise Invalid(f"not JSON: unexpected text at character {stop}")
    return value


def _explain(text: str) -> str:
    import json

    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return "malformed"


def _not_json(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not JSON")


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("NaN and Infinity are not JSON")
    return float.__repr__(value)


def _iterencode(value: Any, *, sort_keys: bool, ascii_only: bool, separators: tuple[str, str]) -> str:
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    encode = make_encoder({}, _not_json, quote, None, separators[1], separators[0], sort_keys, False, False)
    return "".join(encode(value, 0))


def dumps(value: Any, *, sort_keys: bool = False, ascii_only: bool = False, indent: int | str | None = None) -> str:
    """Serialise to JSON text: compact, or with ``indent`` spaces (or the string itself) as ``json.dumps`` would lay it out."""
    if indent is None:
        return _iterencode(value, sort_keys=sort_keys, ascii_only=ascii_only, separators=(",", ":"))
    step = " " * indent if isinstance(indent, int) else indent
    parts: list[str] = []
    _pretty(value, "\n", step, sort_keys, ascii_only, parts)
    return "".join(parts)


def encode(value: Any) -> bytes:
    """Serialise for other programs, which take UTF-8 only: each byte that users gave and that is none becomes U+FFFD, as
    in Go's JSON."""
    text = dumps(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return as_text(text).encode()


def as_text(text: str) -> str:
    """``text`` with U+FFFD for what is no character (bytes of arguments and file names that are no UTF-8)."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)


def _pretty(value: Any, newline: str, step: str, sort_keys: bool, ascii_only: bool, out: list[str]) -> None:
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    kind = type(value)
    if kind is str:  # nearly everything is: without the detour over an encoder, a document takes half the time
        out.append(quote(value))
    elif isinstance(value, dict) and value:
        inner, separator = newline + step, "{"
        for key in sorted(value) if sort_keys else value:
            out += (separator, inner, quote(str(key)), ": ")
            _pretty(value[key], inner, step, sort_keys, ascii_only, out)
            separator = ","
        out += (newline, "}")
    elif isinstance(value, (list, tuple)) and value:
        inner, separator = newline + step, "["
        for item in value:
            out += (separator, inner)
            _pretty(item, inner, step, sort_keys, ascii_only, out)
            separator = ","
        out += (newline, "]")
    elif value is None or kind is bool:
        out.append("null" if value is None else "true" if value else "false")
    elif kind is int:
        out.append(int.__repr__(value))
    else:
        out.append(_iterencode(value, sort_keys=sort_keys, ascii_only=ascii_only, separators=(",", ":")))
