"""``--change`` of commit and import: instructions of a Containerfile that act on an image's config."""

from __future__ import annotations

import json
import shlex

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Config = dict[str, Any]


def apply_changes(config: Config, changes: Sequence[str], *, in_build: bool = False) -> None:
    """Apply each ``KEY VALUE`` (or ``KEY=VALUE``) to the config, in order. `Invalid` for one that is none.

    ``in_build``: the error is what a build says of such an instruction. Podman commits by its builder."""
    for change in changes:
        space, equals = change.partition(" "), change.partition("=")
        key, separator, value = space if space[1] else equals
        name, value = key.strip().upper(), value.strip()
        if name not in _INSTRUCTIONS and equals[1]:  # ENTRYPOINT=/a b: the first space is in the value
            other = equals[0].strip().upper()
            if other in _INSTRUCTIONS:
                name, value = other, equals[2].strip()
        apply = _INSTRUCTIONS.get(name)
        if in_build and (text := _refusal(name, value)):
            raise Invalid(f'processing change "{text[0]}": {text[1]}')
        if not separator and not in_build:
            raise Invalid(f'invalid change "{change}" - must be formatted as KEY VALUE')
        if apply is None:
            raise Invalid(f'invalid change "{change}" - invalid instruction {name}')
        if not value and name not in ("CMD", "ENTRYPOINT"):
            raise Invalid(f'invalid change "{change}" - must provide a value to {name}')
        apply(config, value, change)


def _refusal(name: str, value: str) -> tuple[str, str] | None:
    """(the instruction, what is wrong with it) of one that is none, or lacks its value."""
    shown = f"{name} {value}".rstrip()
    if name not in _INSTRUCTIONS:
        return shown, f'did not understand change instruction "{shown}"'
    if value or name in ("CMD", "ENTRYPOINT"):
        return None
    return (
        shown,
        f"{name} requires {'exactly' if name in ('STOPSIGNAL', 'USER', 'WORKDIR') else 'at least'} one argument",
    )


def _json_list(value: str) -> list[str] | None:
    if not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None


def _command(key: str) -> Callable[[Config, str, str], None]:
    def apply(config: Config, value: str, _change: str) -> None:
        words = _json_list(value)
        if words is None:
            words = ["/bin/sh", "-c", value] if value else []
        config[key] = words

    return apply


def _words(value: str, change: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise Invalid(f'invalid change "{change}" - {str(error).lower()}') from None


def _pairs(value: str, change: str) -> list[tuple[str, str]]:
    """``a=b c="d e"``, or the old ``a everything else``."""
    words = _words(value, change)
    if words and "=" not in words[0]:
        key, space, rest = value.partition(" ")
        if not space:
            raise Invalid(f'invalid change "{change}" - must be formatted as KEY=VALUE')
        return [(key, rest.strip())]
    pairs = []
    for word in words:
        key, equals, rest = word.partition("=")
        if not equals or not key:
            raise Invalid(f'invalid change "{change}" - must be formatted as KEY=VALUE')
        pairs.append((key, rest))
    return pairs


def _env(config: Config, value: str, change: str) -> None:
    for key, text in _pairs(value, change):
        set_env(config, key, text)


def set_env(config: Config, key: str, value: str) -> None:
    """Set one variable, in its place when it is there already."""
    env = list(config.get("Env") or ())
    for index, item in enumerate(env):
        if item.partition("=")[0] == key:
            env[index] = f"{key}={value}"
            break
    else:
        env.append(f"{key}={value}")
    config["Env"] = env


def _label(config: Config, value: str, change: str) -> None:
    config["Labels"] = {**(config.get("Labels") or {}), **dict(_pairs(value, change))}


def _expose(config: Config, value: str, change: str) -> None:
    found = dict(config.get("ExposedPorts") or {})
    for word in value.split():
        port, slash, protocol = word.partition("/")
        first, dash, last = port.partition("-")
        numbers = [first, last] if dash else [first]
        if not all(n.isdecimal() and 0 < int(n) < 65536 for n in numbers):
            raise Invalid(f'invalid change "{change}" - EXPOSE port must be a number between 1 and 65535')
        if slash and protocol not in ("tcp", "udp", "sctp"):
            raise Invalid(f'invalid change "{change}" - EXPOSE protocol must be tcp, udp or sctp')
        for number in range(int(numbers[0]), int(numbers[-1]) + 1):
            found[f"{number}/{protocol or 'tcp'}"] = {}
    config["ExposedPorts"] = found


def _volume(config: Config, value: str, change: str) -> None:
    paths = _json_list(value)
    found = dict(config.get("Volumes") or {})
    for path in paths if paths is not None else _words(value, change):
        if not path:
            raise Invalid(f'invalid change "{change}" - VOLUME paths must not be empty')
        found[path] = {}
    config["Volumes"] = found


def _workdir(config: Config, value: str, _change: str) -> None:
    base = "" if value.startswith("/") else (config.get("WorkingDir") or "/").rstrip("/") + "/"
    config["WorkingDir"] = base + value


def _text(key: str) -> Callable[[Config, str, str], None]:
    def apply(config: Config, value: str, _change: str) -> None:
        config[key] = value

    return apply


def _stop_signal(config: Config, value: str, change: str) -> None:
    from skerry.linux.signals import parse_signal

    try:
        parse_signal(value)
    except Invalid:
        raise Invalid(f'invalid change "{change}" - STOPSIGNAL is no signal: {value}') from None
    config["StopSignal"] = value


def _onbuild(config: Config, value: str, _change: str) -> None:
    config["OnBuild"] = [*(config.get("OnBuild") or ()), value]


_INSTRUCTIONS: dict[str, Callable[[Config, str, str], None]] = {
    "CMD": _command("Cmd"), "ENTRYPOINT": _command("Entrypoint"), "ENV": _env, "EXPOSE": _expose, "LABEL": _label,
    "ONBUILD": _onbuild, "STOPSIGNAL": _stop_signal, "USER": _text("User"), "VOLUME": _volume, "WORKDIR": _workdir,
}  # fmt: skip
