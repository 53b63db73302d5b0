"""Python values as Go has them: their types' names, their truth, their text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NoValue:
    """What a map gives for a key that it does not have."""

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE = NoValue()
_SMALL_FIELDS = frozenset(("sdNotifyMode",))  # of structs, though their JSON begins with a small letter


class Map(dict[str, "Any"]):
    """A Go map: it has no fields, whatever its keys look like."""


class NilMap(Map):
    """A map that is null in JSON: Go finds nothing in it, and prints it as an empty one."""


class NilSlice(list["Any"]):
    """A list that is null in JSON: Go prints it as an empty one."""


def is_method(value: Any) -> bool:
    """Whether it is a function with parameters, as ``{{.Label "name"}}`` calls one; those without are lazy values."""
    return callable(value) and getattr(getattr(value, "__code__", None), "co_argcount", 0) > 0


def force(value: Any) -> Any:
    """A lazy value, computed."""
    while callable(value) and not is_method(value):
        value = value()
    return value


def is_struct(value: dict[str, Any]) -> bool:
    """Whether a dict stands for a Go struct: its keys are exported names. Labels and the like are maps."""
    if isinstance(value, Map):
        return False
    return bool(value) and all(
        isinstance(k, str) and (k[:1].isupper() or k in _SMALL_FIELDS) and k.isidentifier() for k in value
    )


def truth(value: Any) -> bool:
    """What ``if`` thinks of it: the zero value of every type is false."""
    return not (value is NO_VALUE or value is None or value is False) and (bool(value) or isinstance(value, NoValue))


def type_name(value: Any) -> str:
    """``%T``."""
    if value is None or value is NO_VALUE:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "[]" + _common_type(value)
    if isinstance(value, dict):
        return "struct" if is_struct(value) else "map[string]" + _common_type(value.values())
    return type(value).__name__


def _common_type(values: Any) -> str:
    names = {type_name(force(value)) for value in values}
    return names.pop() if len(names) == 1 and names != {"<nil>"} else "interface {}"


def go_string(value: Any) -> str:
    """``%v``: true, 1.5, [a b], map[a:1 b:2], {running 17}, <nil>, <no value>."""
    value = force(value)
    if hasattr(value, "shown"):  # times and durations
        return str(value.shown())
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, (list, tuple)):
        return "[" + " ".join([go_string(item) for item in value]) + "]"
    if isinstance(value, dict):
        if is_struct(value):
            return "{" + " ".join([go_string(item) for item in value.values()]) + "}"
        # What is empty in a map is the value of a set: exposed ports, volumes.
        return (
            "map["
            + " ".join([f"{key}:{go_string(value[key]) if value[key] != {} else '{}'}" for key in sorted(value)])
            + "]"
        )
    if isinstance(value, bytes):
        return "[" + " ".join([str(byte) for byte in value]) + "]"
    return str(value)


def go_float(value: float) -> str:
    """Go's ``%v`` of a float64: the shortest that reads back, with an exponent below 1e-4 and from 1e+06 on."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return repr(value).removesuffix(".0")
    # repr has the shortest digits; only where they stand differs.
    mantissa, _, shift = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = int(shift or 0) + (len(whole) - 1 if whole != "0" else len(digits) - len(fraction) - 1)
    digits = digits.rstrip("0") or "0"
    sign = "-" if value < 0 else ""
    if exponent < -4 or exponent >= 6:
        point = "." if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}{digits[1:]}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return sign + "0." + "0" * (-exponent - 1) + digits
    digits = digits.ljust(exponent + 1, "0")
    point = "." if len(digits) > exponent + 1 else ""
    return sign + digits[: exponent + 1] + point + digits[exponent + 1 :]
