"""Reading TOML: one clear line for what is wrong with a file. Off the hot path: ``tomllib`` costs 10 ms."""

from __future__ import annotations

import tomllib
from typing import Any

from skerry.errors import Denied, Invalid, Unavailable

_WORDS = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "a table", float: "a number"}


def read(path: str) -> dict[str, Any]:
    """The file's tables. `Invalid` names the file and the line; `Denied`, `Unavailable` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        text, _, place = str(error).partition(" (at ")
        where = place.rstrip(")").split(",")[0] or "some line"
        raise Invalid(f"{path}: {where}: {text[:1].lower()}{text[1:]}") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: {_line(error.object, error.start)}: not UTF-8") from None
    except RecursionError:
        raise Invalid(f"{path}: nested too deeply") from None
    except PermissionError as error:
        raise Denied(f"cannot read {path}: {error.strerror}") from error
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error


def _line(content: bytes, offset: int) -> str:
    number = content.count(b"\n", 0, offset) + 1
    return f"line {number}"


def find_line(path: str, table: str, name: str) -> str:
    """``PATH: line N`` where ``name`` is set in ``[table]``; the path alone when it is not set in so plain a way."""
    current = ""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if text.startswith("["):
                current = text.strip("[]").split("]")[0].strip()
            elif current == table and text.split("=")[0].strip().strip("\"'") == name:
                return f"{path}: line {number}"
    return path


def type_name(value: object) -> str:
    """TOML's word for the type of ``value``."""
    return _WORDS.get(type(value), "a date or time")
