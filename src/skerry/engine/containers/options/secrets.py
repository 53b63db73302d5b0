"""``--secret``: which secrets a container is given, and how."""

from __future__ import annotations

from skerry.engine.secrets.find import find
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretUse

_MODE = 0o444
_MAX_ID = 2**32 - 1


def secrets(engine: Engine, given: Sequence[str]) -> list[SecretUse]:
    """What each ``NAME[,OPTION=VALUE…]`` says. `Invalid`, or `NotFound` for one that does not exist.

    Of two environment variables with the same name the last counts."""
    uses: dict[str, SecretUse] = {}
    for text in given:
        use = _parsed(text)
        record = find(engine, use["name"])
        use["target"] = use["target"] or (record["name"] if use["type"] == "mount" else use["name"])
        use["id"], use["name"] = record["id"], record["name"]
        if use["type"] == "env" and (not use["target"] or "\0" in use["target"]):
            raise Invalid(f"target {use['target']!r} is no name of an environment variable: parsing secret")
        uses[f"{use['type']} {use['target']}"] = use
    return list(uses.values())


def _parsed(text: str) -> SecretUse:
    use: SecretUse = {"id": "", "name": text, "type": "mount", "target": "", "uid": 0, "gid": 0, "mode": _MODE}
    words = text.split(",")
    if len(words) == 1:
        return use
    use["name"] = "" if "=" in words[0] else words.pop(0)
    keys = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise _wrong(f"option {word} must be in form option=value")
        if key == "type" and "type" in keys:
            raise _wrong("cannot set more than one secret type")
        keys.append(key.lower() if key in ("UID", "GID") else key)
        _set(use, keys[-1], value, word)
    if not use["name"]:
        raise _wrong(f"no source found {text}")
    if use["type"] == "env" and {"uid", "gid", "mode"} & set(keys):
        raise _wrong("UID, GID, Mode options cannot be set with secret type env")
    return use


def _set(use: SecretUse, key: str, value: str, word: str) -> None:
    if key == "source":
        use["name"] = value
    elif key == "target":
        use["target"] = value
    elif key == "type":
        if value not in ("mount", "env"):
            raise _wrong(f"type {value} is invalid")
        use["type"] = value
    elif key == "uid":
        use["uid"] = _number(value, 10, f"UID {value} invalid")
    elif key == "gid":
        use["gid"] = _number(value, 10, f"GID {value} invalid")
    elif key == "mode":
        use["mode"] = _number(value, 8, f"mode {value} invalid") & 0o777
    else:
        raise _wrong(f"option {word} invalid")


def _number(text: str, base: int, wrong: str) -> int:
    digits = "01234567" if base == 8 else "0123456789"
    if not text or text.strip(digits) or int(text, base) > _MAX_ID:
        raise _wrong(wrong)
    return int(text, base)


def _wrong(what: str) -> Invalid:
    return Invalid(f"{what}: parsing secret")
