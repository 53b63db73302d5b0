"""Go's fmt.Sprintf and Sprint, for the values that a template can hold."""

from __future__ import annotations

from skerry.cli.escape import go_quote
from skerry.cli.template.values import NO_VALUE, force, go_float, go_string, is_struct, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FLAGS = "+-# 0"
_BASES = {"d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_MAX_WIDTH = 1_000_000  # Go's own bound


def sprint(values: list[Any]) -> str:
    """Spaces only between operands of which neither is a string."""
    parts: list[str] = []
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            parts.append(" ")
        parts.append(go_string(value))
    return "".join(parts)


def sprintln(values: list[Any]) -> str:
    """Spaces between all, and a newline."""
    return " ".join([go_string(value) for value in values]) + "\n"


class _Spec:
    """One ``%-10.2f``: its flags, width and precision (None: not given)."""

    __slots__ = ("flags", "precision", "width")

    def __init__(self) -> None:
        self.flags = ""
        self.width: int | None = None
        self.precision: int | None = None

    def pad(self, text: str, *, zeros: bool = False) -> str:
        width = self.width or 0
        if len(text) >= width:
            return text
        if "-" in self.flags:
            return text + " " * (width - len(text))
        if zeros and "0" in self.flags:
            sign = text[:1] if text[:1] in ("+", "-") else ""
            return sign + text[len(sign) :].rjust(width - len(sign), "0")
        return " " * (width - len(text)) + text


def sprintf(format: str, values: list[Any]) -> str:
    """fmt.Sprintf, with its own way of showing mistakes inside the text: ``%!d(string=hi)``."""
    parts: list[str] = []
    used = position = 0
    reordered = False
    while True:
        percent = format.find("%", position)
        if percent < 0:
            parts.append(format[position:])
            break
        parts.append(format[position:percent])
        spec, position, used, problem = _read_spec(format, percent + 1, values, used)
        parts += problem
        if position >= len(format):
            parts.append("%!(NOVERB)")
            break
        if format[position] == "[":  # %[2]d
            number, _, _ = format[position + 1 :].partition("]")
            if number.isdigit() and 0 < int(number) <= len(values):
                used, reordered = int(number) - 1, True
                position += len(number) + 2
        verb = format[position : position + 1] or "!"
        position += 1
        if verb == "%":
            parts.append("%")
        elif used >= len(values):
            parts.append(f"%!{verb}(MISSING)")
        else:
            parts.append(_format(verb, spec, force(values[used])))
            used += 1
    if used < len(values) and not reordered:
        extra = ", ".join([f"{type_name(v)}={go_string(v)}" if v is not None else "<nil>" for v in values[used:]])
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _read_spec(format: str, position: int, values: list[Any], used: int) -> tuple[_Spec, int, int, list[str]]:
    spec = _Spec()
    problems: list[str] = []
    while format[position : position + 1] in tuple(_FLAGS):
        spec.flags += format[position]
        position += 1
    number, position, used, ok = _read_number(format, position, values, used)
    if not ok:
        problems.append("%!(BADWIDTH)")
    if number is not None and number < 0:
        spec.flags += "-"
        number = -number
    spec.width = number
    if format[position : position + 1] == ".":
        number, position, used, ok = _read_number(format, position + 1, values, used)
        if not ok:
            problems.append("%!(BADPREC)")
        spec.precision = None if number is not None and number < 0 else number or 0
    return spec, position, used, problems


def _read_number(format: str, position: int, values: list[Any], used: int) -> tuple[int | None, int, int, bool]:
    """Digits, or ``*`` for the next argument: the number, the new position, arguments used, whether it was good."""
    if format[position : position + 1] == "*":
        value = values[used] if used < len(values) else None
        good = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_WIDTH
        return value if good else None, position + 1, used + 1, good
    end = position
    while "0" <= format[end : end + 1] <= "9":
        end += 1
    if end == position:
        return None, position, used, True
    number = int(format[position:end][:9])
    return (number, end, used, True) if number <= _MAX_WIDTH else (None, end, used, False)


def _format(verb: str, spec: _Spec, value: Any) -> str:
    if verb == "T":
        return spec.pad(type_name(value))
    if verb == "v":
        return _plain(spec, value)
    if value is None or value is NO_VALUE:
        return f"%!{verb}(<nil>)"
    if isinstance(value, bool):
        return spec.pad("true" if value else "false") if verb == "t" else _wrong(verb, value)
    if isinstance(value, int):
        return _integer(verb, spec, value)
    if isinstance(value, float):
        return _float(verb, spec, value)
    if isinstance(value, str):
        return _text(verb, spec, value)
    if isinstance(value, (list, tuple)):
        return "[" + " ".join([_format(verb, spec, force(item)) for item in value]) + "]"
    if isinstance(value, dict):
        if is_struct(value):
            return "{" + " ".join([_format(verb, spec, force(item)) for item in value.values()]) + "}"
        pairs = [f"{_format(verb, spec, key)}:{_format(verb, spec, force(value[key]))}" for key in sorted(value)]
        return "map[" + " ".join(pairs) + "]"
    return _wrong(verb, value)


def _wrong(verb: str, value: Any) -> str:
    return f"%!{verb}({type_name(value)}={go_string(value)})"


def _plain(spec: _Spec, value: Any) -> str:
    if "#" in spec.flags:
        return spec.pad(_go_syntax(value))
    if isinstance(value, float) and spec.precision is not None:
        return _float("g", spec, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _integer("d", spec, value)
    text = go_string(value)
    return spec.pad(text[: spec.precision] if isinstance(value, str) and spec.precision is not None else text)


def _go_syntax(value: Any) -> str:
    value = force(value)
    if isinstance(value, str):
        return go_quote(value)
    if isinstance(value, (list, tuple)):
        return type_name(value) + "{" + ", ".join([_go_syntax(item) for item in value]) + "}"
    if isinstance(value, dict):
        pairs = [f"{go_quote(str(key))}:{_go_syntax(value[key])}" for key in sorted(value)]
        return type_name(value) + "{" + ", ".join(pairs) + "}"
    return go_string(value)


def _integer(verb: str, spec: _Spec, value: int) -> str:
    if verb in ("e", "E", "f", "F", "g", "G", "s", "t"):
        return _wrong(verb, value)
    if verb in ("c", "q", "U"):
        letter = chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"
        if verb == "U":
            return spec.pad(f"U+{value:04X}" + (f" '{letter}'" if "#" in spec.flags else ""))
        if verb == "c":
            return spec.pad(letter)
        return spec.pad("'" + ("\\'" if letter == "'" else '"' if letter == '"' else go_quote(letter)[1:-1]) + "'")
    if verb not in _BASES:
        return _wrong(verb, value)
    digits = format(abs(value), _BASES[verb])
    if spec.precision is not None:
        digits = digits.rjust(spec.precision, "0")
    if verb == "O":
        digits = "0o" + digits
    elif "#" in spec.flags:
        digits = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(verb, "") + digits
    sign = "-" if value < 0 else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    return spec.pad(sign + digits, zeros=spec.precision is None)


def _float(verb: str, spec: _Spec, value: float) -> str:
    if verb not in ("e", "E", "f", "F", "g", "G"):
        return _wrong(verb, value)
    finite = value - value == 0
    if not finite or (verb in ("g", "G") and spec.precision is None):
        text = go_float(value).upper() if verb == "G" and finite else go_float(value)
    else:
        text = format(value, f".{6 if spec.precision is None else spec.precision}{verb}")
    if "+" in spec.flags and text[0] not in "+-":
        text = "+" + text
    elif " " in spec.flags and text[0] not in "+-":
        text = " " + text
    return spec.pad(text, zeros=finite)


def _text(verb: str, spec: _Spec, value: str) -> str:
    if verb in ("s", "q"):
        if spec.precision is not None:
            value = value[: spec.precision]
        if verb == "s":
            return spec.pad(value, zeros=True)
        raw = "#" in spec.flags and "`" not in value and value.isprintable()
        return spec.pad(f"`{value}`" if raw else go_quote(value))
    if verb in ("x", "X"):
        text = value.encode("utf-8", "surrogateescape").hex()
        if " " in spec.flags:
            text = " ".join([text[i : i + 2] for i in range(0, len(text), 2)])
        return spec.pad(text.upper() if verb == "X" else text)
    return _wrong(verb, value)
