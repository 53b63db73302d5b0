"""YAML as Podman prints it: just what ``info`` needs to write, and nothing that reads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RESERVED = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<"}
_FIRST = set("-?:,[]{}#&*!|>'\"%@`")


def dump(value: Any, indent: int = 0) -> str:
    """A mapping or list in block style, keys sorted."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{scalar(key)}:{_after(item, indent)}" for key, item in sorted(value.items()))
    return "".join(f"{pad}-{_item(item, indent)}" for item in value)


def _after(value: Any, indent: int) -> str:
    """What follows ``key:``."""
    if isinstance(value, dict):
        return "\n" + dump(value, indent + 1) if value else " {}\n"
    if isinstance(value, (list, tuple)):
        # A list stands as far left as its key.
        return "\n" + dump(value, indent) if value else " []\n"
    if isinstance(value, str) and "\n" in value:
        pad = "  " * (indent + 1)
        keep = "" if value.endswith("\n") else "-"
        return f" |{keep}\n" + "".join(f"{pad}{line}\n" for line in value.rstrip("\n").split("\n"))
    return f" {scalar(value)}\n"


def _item(value: Any, indent: int) -> str:
    if isinstance(value, dict) and value:
        return " " + dump(value, indent + 1).lstrip(" ")
    return _after(value, indent)


def scalar(value: Any) -> str:
    """One value on one line, quoted where it would be read as something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return str(value) if _plain(value) else _quoted(value)


def _plain(text: str) -> bool:
    if text.lower() in _RESERVED or text[0] in _FIRST or text != text.strip() or not text.isprintable():
        return False
    if ": " in text or " #" in text or text.endswith(":"):
        return False
    return not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
        return True
    except ValueError:
        return text[:2].lower() in ("0x", "0o", "0b") or text.lower() in (".inf", "-.inf", ".nan")


def _quoted(text: str) -> str:
    if text.isprintable() and "'" not in text and not (text.lower() in _RESERVED or _is_number(text)):
        return f"'{text}'"
    from skerry import fastjson

    return fastjson.dumps(text)
