"""What is executed: entrypoint and command, environment, working directory, labels."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid
from skerry.linux.spawn import DEFAULT_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings
    from skerry.engine.containers.options.types import ContainerRequest, CreateOptions, UpdateOptions

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


def entrypoint_and_command(options: ContainerRequest, image: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Both halves of what is executed. An own entrypoint drops the image's CMD (as Podman and Docker)."""
    command = list(options.get("command", ()))
    if "entrypoint" in options:
        return _parse_entrypoint(options["entrypoint"]), command
    entrypoint = list(image.get("Entrypoint") or ())
    if entrypoint == [""]:
        entrypoint = []  # how a Containerfile takes away what its base has
    return entrypoint, command or list(image.get("Cmd") or ())


def _parse_entrypoint(text: str) -> list[str]:
    if not text:
        return []
    if text.startswith("["):
        try:
            value = fastjson.loads(text)
        except Invalid:
            return [text]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    return [text]


def environment(options: CreateOptions, image: dict[str, Any], settings: Settings) -> list[str]:
    """KEY=value in the order of precedence: defaults, the image, the host's, proxies, files, flags."""
    env: dict[str, str] = {}
    for item in image.get("Env") or ():
        if "=" not in item:
            raise Invalid(f'invalid image env variable "{item}"')
    for item in (*settings.default_env, *(image.get("Env") or ())):
        key, _, value = item.partition("=")
        env[key] = value
    if options.get("env_host"):
        env.update(os.environ)
    if options.get("http_proxy", True):
        for key in _PROXIES:
            for name in (key, key.upper()):
                if name in os.environ:
                    env[name] = os.environ[name]
    for key in options.get("unsetenv", ()):
        env.pop(key, None)
    if options.get("unsetenv_all"):
        env.clear()
    if options.get("env_merge"):
        _merge(env, options["env_merge"])
    for path in options.get("env_file", ()):
        for line in _lines(path, f'parsing file "{path}"'):
            _set(env, line)
    for item in options.get("env", ()):
        _set(env, item)
    return [f"{key}={value}" for key, value in env.items()]


def _merge(env: dict[str, str], items: list[str]) -> None:
    """``--env-merge NAME=WORD``: with what the image and the defaults set filled in."""
    from skerry.engine.containers.options.words import expand

    before = {"PATH": DEFAULT_PATH, **env}
    for item in items:
        key, equals, word = item.partition("=")
        if not equals or not key:
            raise Invalid(f"missing `=` for --env-merge substitution {item}")
        env[key] = expand(word, before)


def additions(env: list[str], env_file: list[str]) -> list[str]:
    """KEY=value of the files, then of the flags: what ``exec`` adds to the container's environment."""
    found: dict[str, str] = {}
    for path in env_file:
        for line in _lines(path, f'parsing file "{path}"'):
            _set(found, line)
    for item in env:
        _set(found, item)
    return [f"{key}={value}" for key, value in found.items()]


def changed_environment(env: list[str], options: UpdateOptions) -> list[str]:
    """``skerry update``: without the variables of ``--unsetenv``, then with those of ``--env``."""
    found = dict(item.partition("=")[::2] for item in env)
    for key in options.get("unsetenv", ()):
        found.pop(key, None)
    for item in options.get("env", ()):
        _set(found, item)
    return [f"{key}={value}" for key, value in found.items()]


def _set(env: dict[str, str], item: str) -> None:
    key, equals, value = item.partition("=")
    if not item:
        return  # a script's empty "$VARIABLE"
    if not key:
        raise Invalid(f'invalid variable: "{item}"')
    if equals:
        env[key] = value
    elif key.endswith("*"):
        env.update({name: text for name, text in os.environ.items() if name.startswith(key[:-1])})
    elif key in os.environ:
        env[key] = os.environ[key]


def _lines(path: str, what: str) -> list[str]:
    """What is in a file of the user's; ``what`` was to be done with it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise Invalid(f"{what}: open {path}: {(error.strerror or '').lower()}") from None
    return [line for line in lines if line and not line.startswith("#")]


def labels(options: CreateOptions, image: dict[str, Any]) -> dict[str, str]:
    """The image's labels, then label files, then flags."""
    result: dict[str, str] = dict(image.get("Labels") or {})
    given = [line for path in options.get("label_file", ()) for line in _lines(path, "unable to process labels")]
    for item in (*given, *options.get("label", ())):
        key, _, value = item.partition("=")
        if not key:
            raise Invalid(f'unable to process labels: invalid label format: "{item}"')
        result[key] = value
    return result


def key_values(items: list[str], wrong: str) -> dict[str, str]:
    """``KEY=value`` items of a flag as a dict; ``wrong`` is the error, with ``{}`` for the item."""
    result = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise Invalid(wrong.format(item))
        result[key] = value
    return result


def working_directory(options: CreateOptions, image: dict[str, Any]) -> str:
    """``--workdir``, the image's, or /."""
    path: str = options.get("workdir", "") or image.get("WorkingDir") or "/"
    if not path.startswith("/"):
        if options.get("workdir"):
            raise Invalid(f'the working directory "{path}" is invalid, it needs to be an absolute path')
        path = "/" + path
    return path
