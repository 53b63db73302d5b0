"""CDI: devices by name (``--device vendor.com/class=name``), as their vendors' files describe them.

A file has a kind (vendor.com/class), devices with names, and what each changes in the container (`cdi_edits`). A
later folder's device hides an earlier folder's of the same name; two files of one folder must not both have one.
Specification: github.com/cncf-tags/container-device-interface, versions 0.1.0 to 1.1.0.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid, NotFound, SkerryError
from skerry.runtime import cdi_edits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.runtime.cdi_edits import Edits

_VERSIONS = frozenset(
    ("0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0")
)  # fmt: skip
_ENDINGS = (".json", ".yaml", ".yml")
_MAX_BYTES = 16 << 20
_ALL = "all"


class Spec:
    """One file: ``edits`` are for every container that gets any of its ``devices``."""

    __slots__ = ("devices", "edits", "kind", "path")

    def __init__(self, path: str, kind: str, edits: Edits, devices: dict[str, Edits]) -> None:
        self.path = path
        self.kind = kind
        self.edits = edits
        self.devices = devices


def resolve(names: Sequence[str], folders: Sequence[str]) -> list[Edits]:
    """What the devices ``names`` change, in order. ``KIND=all`` is the device of that name, or else all of the kind.

    `NotFound` names what no file describes, with what is wrong with files that could not be read; `Invalid` a device
    that two files of one folder describe."""
    registry, broken = _load(folders)
    result: list[Edits] = []
    seen: set[str] = set()
    missing = []
    for name in names:
        found = _matching(registry, name)
        if not found:
            missing.append(name)
        for spec, device in found:
            if spec.path not in seen:
                seen.add(spec.path)
                result.append(spec.edits)
            result.append(spec.devices[device])
    if missing:
        where = "; ".join(broken) or f"looked in {', '.join(folders)}"
        raise NotFound(f"setting up CDI devices: unresolvable CDI devices {', '.join(missing)}", hint=where)
    return result


def names_of(kind: str, folders: Sequence[str]) -> list[str]:
    """The qualified names of all devices of a kind, in their files' order."""
    return [name for name in all_names(folders) if name.startswith(kind + "=")]


def all_names(folders: Sequence[str]) -> list[str]:
    """The qualified names of all devices, in their files' order."""
    return list(_load(folders)[0])


def _matching(registry: dict[str, list[Spec]], name: str) -> list[tuple[Spec, str]]:
    kind, _, device = name.partition("=")
    if name in registry:
        specs = registry[name]
        if len(specs) > 1:
            paths = ", ".join(f'"{spec.path}"' for spec in specs)
            raise Invalid(f'setting up CDI devices: conflicting device "{name}" (specs {paths})')
        return [(specs[0], device)]
    if device != _ALL:
        return []
    known = [other for other in registry if other.startswith(kind + "=")]
    return [pair for other in known for pair in _matching(registry, other)]


def _load(folders: Sequence[str]) -> tuple[dict[str, list[Spec]], list[str]]:
    """Qualified name → who describes it (several: a conflict), and what is wrong with the files that are left out."""
    registry: dict[str, list[Spec]] = {}
    broken: list[str] = []
    for folder in folders:
        here: dict[str, list[Spec]] = {}
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            continue
        except OSError as error:
            broken.append(f"cannot read {folder}: {error.strerror}")
            continue
        for name in names:
            if not name.endswith(_ENDINGS):
                continue
            try:
                spec = read(f"{folder}/{name}")
            except SkerryError as error:
                broken.append(error.message)
                continue
            for device in spec.devices:
                here.setdefault(f"{spec.kind}={device}", []).append(spec)
        registry.update(here)
    return registry, broken


def read(path: str) -> Spec:
    """One file. `Invalid` says what is wrong with it, and where."""
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_BYTES)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from error
    try:
        document = fastjson.loads(text) if path.endswith(".json") else _yaml(text)
        return _spec(path, document)
    except Invalid as error:
        error.message = f"{path}: {error.message}"
        raise


def _yaml(text: bytes) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark is not None else ""
        raise Invalid(f"{place}{getattr(error, 'problem', None) or 'not YAML'}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not YAML: {error}") from None


def _spec(path: str, document: Any) -> Spec:
    cdi_edits.check_keys(document, ("cdiVersion", "kind", "annotations", "devices", "containerEdits"), "a CDI spec")
    version = str(document.get("cdiVersion", "")).removeprefix("v")
    if version not in _VERSIONS:
        raise Invalid(f'invalid version "{version}"')
    kind = document.get("kind", "")
    if not isinstance(kind, str) or not is_name(kind + "=x"):
        raise Invalid(f'invalid kind "{kind}": it must be vendor/class')
    given = document.get("devices") or []
    if not isinstance(given, list) or not given:
        raise Invalid("no devices")
    devices: dict[str, Edits] = {}
    for entry in given:
        cdi_edits.check_keys(entry, ("name", "annotations", "containerEdits"), "a device")
        name = entry.get("name", "")
        name = str(name) if isinstance(name, int) and not isinstance(name, bool) else name
        if not isinstance(name, str) or not _is_device(name):
            raise Invalid(f'invalid device name "{name}"')
        if name in devices:
            raise Invalid(f'multiple device "{name}"')
        devices[name] = cdi_edits.parse(entry.get("containerEdits") or {})
        if devices[name].is_empty():
            raise Invalid(f'device "{name}": empty device edits')
    return Spec(path, kind, cdi_edits.parse(document.get("containerEdits") or {}), devices)


def is_name(text: str) -> bool:
    """Whether ``text`` is a CDI name, ``VENDOR/CLASS=DEVICE``, and not a path."""
    kind, equals, device = text.partition("=")
    vendor, slash, class_ = kind.partition("/")
    if not equals or not slash:
        return False
    return _is_word(vendor, "_-.") and _is_word(class_, "_-") and vendor[0].isalpha() and _is_device(device)


def _is_device(text: str) -> bool:
    return _is_word(text, "_-.:")


def _is_word(text: str, also: str) -> bool:
    if not text or not text.isascii() or not (text[0].isalnum() and text[-1].isalnum()):
        return False
    return all(c.isalnum() or c in also for c in text)
