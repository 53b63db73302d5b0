"""The files merged over the defaults: what `cache` keeps. Runs only when a file has changed."""

from __future__ import annotations

from typing import Any

from skerry.config import toml
from skerry.config.defaults import defaults
from skerry.config.files import Stamp, find
from skerry.config.identity import Identity
from skerry.config.sizes import parse_size
from skerry.errors import Invalid

# Keys that older files use, and what they are called now.
_RENAMED: dict[tuple[str, str], str] = {("network", "default_rootless_network_command"): "default_rootless_network_cmd"}
_CHOICES = {
    ("engine", "cgroup_manager"): ("systemd", "cgroupfs"),
    ("engine", "events_logger"): ("file", "journald", "none"),
    ("engine", "pull_policy"): ("always", "missing", "newer", "never", "ifnotpresent"),
    ("engine", "image_volume_mode"): ("anonymous", "bind", "tmpfs", "ignore"),
    ("containers", "cgroups"): ("enabled", "disabled", "no-conmon", "split"),
    ("containers", "log_driver"): ("k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty"),
}
_SIZES = (("containers", "shm_size"), ("engine", "events_logfile_max_size"))
_STORAGE_OPTIONS = ("mountopt", "size", "inodes", "ignore_chown_errors", "force_mask")


def load(identity: Identity) -> tuple[dict[str, Any], list[Stamp]]:
    """The merged configuration, and the stamps of everything that it depends on."""
    conf, stamps = _containers(identity)
    storage, storage_stamps = _storage(identity)
    registries, registries_stamps = _registries(identity)
    return {**conf, "storage_opts": storage, "registries": registries}, stamps + storage_stamps + registries_stamps


def _containers(identity: Identity) -> tuple[dict[str, Any], list[Stamp]]:
    conf: dict[str, Any] = defaults()
    appending: set[tuple[str, str]] = set()
    paths, stamps = find("containers", identity)
    for path in paths:
        for table, values in toml.read(path).items():
            if not isinstance(values, dict):
                raise Invalid(f"{toml.find_line(path, '', table)}: {table} stands outside of any table")
            target = conf.setdefault(table, {})
            for name, value in values.items():
                _set(target, path, table, _RENAMED.get((table, name)) or str(name), value, appending)
    return conf, stamps


def _set(target: dict[str, Any], path: str, table: str, name: str, value: Any, appending: set[tuple[str, str]]) -> None:
    """Set one key, checked against its default's type. Unknown keys are kept as they are: other tools read them."""
    if name not in target or table not in ("containers", "engine", "network", "secrets"):
        target[name] = value
        return
    if type(value) is not type(target[name]):
        expected, found = toml.type_name(target[name]), toml.type_name(value)
        raise _invalid(path, table, name, f"expected {expected}, found {found}")
    if isinstance(value, list) and not (value and table == "network" and isinstance(value[0], dict)):
        target[name] = _list(target[name], path, table, name, value, appending)
    elif isinstance(value, dict):
        target[name] = {**target[name], **value}
        _check_tables(path, table, name, value)
    else:
        _check(path, table, name, value)
        target[name] = value


def _list(
    old: list[Any], path: str, table: str, name: str, value: list[Any], appending: set[tuple[str, str]]
) -> list[Any]:
    """A list replaces the earlier one, or is added to it after ``{append = true}``, which lasts for later files."""
    items = [item for item in value if not isinstance(item, dict)]
    for attributes in (item for item in value if isinstance(item, dict)):
        if set(attributes) != {"append"} or not isinstance(attributes["append"], bool):
            raise _invalid(path, table, name, "a table in a list must be {append = true} or {append = false}")
        (appending.add if attributes["append"] else appending.discard)((table, name))
    if not all(isinstance(item, str) for item in items):
        raise _invalid(path, table, name, "expected a list of strings")
    if name == "default_ulimits":
        _check_ulimits(path, table, name, items)
    return [*old, *items] if (table, name) in appending else items


def _check(path: str, table: str, name: str, value: Any) -> None:
    choices = _CHOICES.get((table, name))
    if choices and value and value not in choices:
        raise _invalid(path, table, name, f'"{value}" is not one of {", ".join(choices)}')
    if (table, name) in _SIZES:
        try:
            parse_size(value)
        except ValueError:
            raise _invalid(path, table, name, f'"{value}" is not a size') from None
    if name == "log_size_max" and 0 <= value < 8192:
        raise _invalid(path, table, name, f"{value} is less than conmon's buffer of 8192 bytes")


def _check_tables(path: str, table: str, name: str, value: dict[str, Any]) -> None:
    if name not in ("runtimes", "runtimes_flags"):
        return
    for key, items in value.items():
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise _invalid(path, f"{table}.{name}", key, "expected a list of strings")


def _check_ulimits(path: str, table: str, name: str, items: list[str]) -> None:
    for item in items:
        limit, equals, numbers = item.partition("=")
        soft, _, hard = numbers.partition(":")
        if not limit or not equals or not all(part.lstrip("-").isdigit() for part in (soft, hard or soft)):
            raise _invalid(path, table, name, f'"{item}" is not NAME=SOFT:HARD')


def _invalid(path: str, table: str, name: str, problem: str) -> Invalid:
    return Invalid(f"{toml.find_line(path, table, name)}: [{table}] {name}: {problem}")


def _storage(identity: Identity) -> tuple[list[str], list[Stamp]]:
    """storage.conf: only overlay's options. Its paths are Podman's store, which is not ours."""
    found: dict[str, str] = {}
    paths, stamps = find("storage", identity)
    for path in paths:
        options = toml.read(path).get("storage", {})
        options = options.get("options", {}) if isinstance(options, dict) else {}
        overlay = options.get("overlay", {}) if isinstance(options, dict) else {}
        for name in _STORAGE_OPTIONS:
            for place in (options, overlay):
                if isinstance(place, dict) and place.get(name):
                    found[name] = str(place[name])
    return [f"overlay.{name}={value}" for name, value in found.items()], stamps


def _registries(identity: Identity) -> tuple[dict[str, Any], list[Stamp]]:
    """registries.conf: where names without a registry are looked for, and the short names' aliases."""
    search: list[str] | None = None
    aliases: dict[str, str] = {}
    mode = "permissive"
    paths, stamps = find("registries", identity)
    for path in paths:
        values = toml.read(path)
        given = values.get("unqualified-search-registries")
        if given is not None:
            if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
                raise Invalid(f"{path}: unqualified-search-registries: expected a list of strings")
            search = given
        mode = str(values.get("short-name-mode", mode))
        table = values.get("aliases", {})
        if not isinstance(table, dict):
            raise Invalid(f"{path}: aliases: expected a table, found {toml.type_name(table)}")
        aliases.update({str(name): str(target) for name, target in table.items()})
    # Podman without any file refuses short names; here they mean docker.io, as everybody's documentation assumes.
    return {"search": ["docker.io"] if search is None else search, "aliases": aliases, "short_name_mode": mode}, stamps
