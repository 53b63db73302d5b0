"""OCI hooks: programs that containers.conf's hooks_dir (``--hooks-dir``) adds to containers (oci-hooks(5)).

Files are taken by name over all folders, a later folder's file replacing an earlier one's, and run sorted by their
names in lower case. The runtime executes them, but for ``precreate``, which may change config.json first. Conditions
of version 1.0.0 must all hold; of the older 0.1.0 one is enough.
"""

from __future__ import annotations

import os
import re

from skerry import fastjson
from skerry.errors import Invalid, SkerryError, Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.runtime.types import RuntimeSpec

STAGES = ("precreate", "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_MAX_BYTES = 1 << 20
_PRECREATE_S = 60
# Keys of version 0.1.0 that are lists in one of their two forms.
_OLD_LISTS = (("stages", "stage"), ("cmds", "cmd"), ("annotations", "annotation"))


class Hook:
    """One file: what to execute (as config.json has it), at which stages, and when."""

    __slots__ = ("always", "annotations", "any_condition", "binds", "commands", "entry", "stages")

    def __init__(self) -> None:
        self.entry: dict[str, Any] = {}
        self.stages: list[str] = []
        self.any_condition = False  # version 0.1.0: one condition is enough
        self.always: bool | None = None
        self.binds: bool | None = None
        self.annotations: list[tuple[re.Pattern[str], re.Pattern[str]]] = []
        self.commands: list[re.Pattern[str]] = []

    def matches(self, command: str, annotations: dict[str, str], *, has_binds: bool) -> bool:
        """Whether it is for a container with this program, these annotations and user's mounts or not."""
        results = [] if self.always is None else [self.always]
        if self.binds is not None:
            results.append(self.binds and has_binds)
        for key, value in self.annotations:
            results.append(any(key.search(name) and value.search(text) for name, text in annotations.items()))
        if self.commands:
            results.append(any(pattern.search(command) for pattern in self.commands))
        return any(results) if self.any_condition else bool(results) and all(results)


def apply(
    document: RuntimeSpec, folders: Sequence[str], bundle: str, *, has_binds: bool, warn: Callable[[str], None]
) -> RuntimeSpec:
    """``document`` with the hooks that are for it, after what ``precreate`` hooks made of it.

    A hook that is no program, a broken file, a failing precreate hook: one line, exit code 126 as Podman."""
    try:
        hooks = [hook for _, hook in sorted(load(folders, warn).items(), key=lambda item: item[0].lower())]
        args = document["process"]["args"]
        chosen = [
            hook
            for hook in hooks
            if hook.matches(args[0] if args else "", document["annotations"], has_binds=has_binds)
        ]
        for hook in chosen:
            for stage in hook.stages:
                if stage != "precreate":
                    document.setdefault("hooks", {}).setdefault(stage, []).append(hook.entry)
        for hook in chosen:
            if "precreate" in hook.stages:
                document = _filter(document, hook.entry, bundle)
    except SkerryError as error:
        error.message = f"setting up OCI Hooks: {error.message}"
        error.exit_code = 126
        raise
    return document


def load(folders: Sequence[str], warn: Callable[[str], None]) -> dict[str, Hook]:
    """All hooks by their files' names. A folder that is not there has none."""
    found: dict[str, Hook] = {}
    for folder in folders:
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            warn(f"cannot read OCI hooks of {folder}: {error.strerror}")
            continue
        for name in names:
            if name.endswith(".json"):
                found[name] = read(f"{folder}/{name}")
    return found


def read(path: str) -> Hook:
    """One file. `Invalid` says what is wrong with it."""
    try:
        with open(path, "rb") as file:
            document = fastjson.loads(file.read(_MAX_BYTES))
        if not isinstance(document, dict):
            raise Invalid("it is not an object")
        version = document.get("version", "0.1.0")
        if version == "1.0.0":
            return _current(document)
        if version == "0.1.0":
            return _old(document)
        raise Invalid(f'unrecognized hook version: "{version}"')
    except OSError as error:
        raise Invalid(f'parsing hook "{path}": {error.strerror}') from error
    except Invalid as error:
        error.message = f'parsing hook "{path}": {error.message}'
        raise


def _current(document: dict[str, Any]) -> Hook:
    hook = Hook()
    given = _typed(document, "hook", dict)
    hook.entry = _entry(_typed(given, "path", str), given)
    when = _typed(document, "when", dict)
    hook.always = _typed(when, "always", bool, None)
    hook.binds = _typed(when, "hasBindMounts", bool, None)
    hook.annotations = [
        (_pattern(key, "annotation key"), _pattern(value, "annotation value"))
        for key, value in _typed(when, "annotations", dict, {}).items()
    ]
    hook.commands = [_pattern(item, "command") for item in _typed(when, "commands", list, [])]
    hook.stages = _stages(_typed(document, "stages", list))
    return hook


def _old(document: dict[str, Any]) -> Hook:
    hook = Hook()
    hook.any_condition = True
    hook.entry = _entry(
        _typed(document, "hook", str),
        {"args": _typed(document, "arguments", list, [])} if "arguments" in document else {},
    )
    if "args" in hook.entry:
        hook.entry["args"] = [hook.entry["path"], *hook.entry["args"]]
    lists = {}
    for many, one in _OLD_LISTS:
        if many in document and one in document:
            raise Invalid(f"cannot set both '{one}' and '{many}'")
        lists[many] = _typed(document, many if many in document else one, list, [])
    hook.binds = _typed(document, "hasbindmounts", bool, None)
    anything = re.compile("")
    hook.annotations = [(anything, _pattern(item, "annotation value")) for item in lists["annotations"]]
    hook.commands = [_pattern(item, "command") for item in lists["cmds"]]
    hook.stages = _stages(lists["stages"])
    return hook


def _entry(path: str, given: dict[str, Any]) -> dict[str, Any]:
    if not path.startswith("/"):
        raise Invalid(f'hook path "{path}" is not absolute')
    if not os.path.exists(path):
        raise Invalid(f"stat {path}: no such file or directory")
    entry: dict[str, Any] = {"path": path}
    for key in ("args", "env"):
        items = _typed(given, key, list, [])
        if not all(isinstance(item, str) for item in items):
            raise Invalid(f"hook.{key} must be a list of strings")
        if items:
            entry[key] = items
    timeout = _typed(given, "timeout", int, None)
    if timeout is not None:
        if timeout <= 0:
            raise Invalid("hook.timeout must be greater than 0")
        entry["timeout"] = timeout
    return entry


def _stages(given: list[Any]) -> list[str]:
    if not given:
        raise Invalid("missing required property: stages")
    for stage in given:
        if stage not in STAGES:
            raise Invalid(f'unknown stage "{stage}"')
    return list(dict.fromkeys(given))


_REQUIRED: Any = object()
_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number"}


def _typed(document: dict[str, Any], key: str, kind: type, default: Any = _REQUIRED) -> Any:
    if key not in document:
        if default is _REQUIRED:
            raise Invalid(f"missing required property: {key}")
        return default
    value = document[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Invalid(f'"{key}" must be {_WORDS[kind]}')
    return value


def _pattern(text: Any, what: str) -> re.Pattern[str]:
    if not isinstance(text, str):
        raise Invalid(f"{what} must be a string")
    try:
        return re.compile(text)
    except re.error as error:
        raise Invalid(f'invalid {what} "{text}": {error}') from None


def _filter(document: RuntimeSpec, entry: dict[str, Any], bundle: str) -> RuntimeSpec:
    """What a precreate hook makes of config.json: it reads it on standard input and writes it to standard output."""
    path, args = entry["path"], entry.get("args") or [entry["path"]]
    text = fastjson.encode(document)
    environment = dict(item.partition("=")[::2] for item in entry.get("env", ()))
    done = run([path, *args[1:]], input=text, env=environment, timeout_s=entry.get("timeout", _PRECREATE_S), cwd=bundle)
    if done.code:
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"executing {path}: exit status {done.code}{': ' if words else ''}{words}")
    try:
        changed = fastjson.loads(done.stdout)
    except Invalid as error:
        raise Invalid(f"unmarshal output from precreate hook {path}: {error.message}") from None
    if not isinstance(changed, dict) or "process" not in changed:
        raise Invalid(f"precreate hook {path} did not write a configuration")
    return changed
