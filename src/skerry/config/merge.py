"""The files merged over the defaults: what `cache` keeps. Runs only when a file has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skerry.config import toml
from skerry.config.defaults import defaults
from skerry.config.files import Stamp, find
from skerry.config.identity import Identity
from skerry.config.moot import reason
from skerry.config.sizes import parse_size
from skerry.errors import Invalid, SkerryError

# Keys that older files use, and what they are called now.
_RENAMED: dict[tuple[str, str], str] = {("engine", "image_build_format"): "image_default_format"}
_CHOICES = {
    ("engine", "cgroup_manager"): ("systemd", "cgroupfs"),
    ("engine", "events_logger"): ("file", "journald", "none"),
    ("engine", "pull_policy"): ("always", "missing", "newer", "never", "ifnotpresent"),
    ("engine", "image_default_format"): ("oci", "v2s2", "docker"),
    ("engine", "compression_format"): ("gzip", "zstd", "zstd:chunked"),
    ("engine", "image_volume_mode"): ("anonymous", "bind", "tmpfs", "ignore"),
    ("containers", "cgroups"): ("enabled", "disabled", "no-conmon", "split"),
    ("containers", "interface_name"): ("device",),
    ("containers", "log_driver"): ("k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty"),
}
_FLAGS = {
    ("engine", key)
    for key in (
        "add_compression",
        "compression_format",
        "compression_level",
        "image_default_format",
        "multi_image_archive",
        "retry",
        "retry_delay",
    )
}
_SIZES = (("containers", "shm_size"), ("engine", "events_logfile_max_size"))
# storage.conf's sizes of --userns=auto, and whose ranges root takes.
_AUTO_IDS = {"auto-userns-min-size": 1024, "auto-userns-max-size": 65536, "root-auto-userns-user": "containers"}
# As --storage-driver takes them: there is one way to store.
DRIVERS = ("", "overlay", "overlay2", "vfs", "btrfs", "zfs")
_STORAGE_OPTIONS = ("mountopt", "size", "inodes", "ignore_chown_errors", "force_mask")


def load(identity: Identity, modules: Sequence[str] = ()) -> tuple[dict[str, Any], list[Stamp]]:
    """The merged configuration, and the stamps of everything that it depends on.

    ``files``, ``moot`` (key: why it has no effect) and ``unknown`` keys of it are for `skerry info`; ``flags`` are those
    set keys that change flags' defaults."""
    try:
        conf, stamps = _containers(identity, modules)
    except SkerryError as error:
        error.exit_code = 1
        raise
    storage, storage_stamps = _storage(identity)
    registries, registries_stamps = _registries(identity)
    return {**conf, **storage, "registries": registries}, stamps + storage_stamps + registries_stamps


def _containers(identity: Identity, modules: Sequence[str]) -> tuple[dict[str, Any], list[Stamp]]:
    conf: dict[str, Any] = defaults()
    given: set[tuple[str, str]] = set()
    moot: dict[str, str] = {}
    unknown: list[str] = []
    appending: set[tuple[str, str]] = set()
    paths, stamps = find("containers", identity, modules)
    for path in paths:
        for table, values in toml.read(path).items():
            if not isinstance(values, dict):
                raise Invalid(f"{toml.find_line(path, '', table)}: {table} stands outside of any table")
            target = conf.get(table, {})
            for key, value in values.items():
                name = _RENAMED.get((table, key)) or str(key)
                if name in target:
                    _set(target, path, table, name, value, appending)
                    given.add((table, name))
                if value and (why := reason(table, key)):
                    moot[f"{table}.{key}"] = why
                elif name not in target and not reason(table, key):
                    unknown.append(f"{toml.find_line(path, table, key)}: [{table}] {key}")
    told = {"files": paths, "moot": moot, "unknown": unknown, "flags": sorted(key for _, key in given & _FLAGS)}
    return {**conf, **told}, stamps


def _set(target: dict[str, Any], path: str, table: str, name: str, value: Any, appending: set[tuple[str, str]]) -> None:
    """Set one key, checked against its default's type."""
    if type(value) is int and (table, name) in _SIZES:
        value = str(value)
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
    if (table, name) == ("engine", "remote") and value:
        raise _invalid(path, table, name, "there is no remote client")
    if (table, name) in _SIZES:
        try:
            parse_size(value)
        except ValueError:
            raise _invalid(path, table, name, f'"{value}" is not a size') from None
    if name == "log_size_max" and 0 <= value < 8192:
        raise _invalid(path, table, name, f"{value} is less than conmon's buffer of 8192 bytes")


def _check_tables(path: str, table: str, name: str, value: dict[str, Any]) -> None:
    if name in ("platform_to_oci_runtime", "volume_plugins"):
        for key, item in value.items():
            if not isinstance(item, str):
                raise _invalid(path, f"{table}.{name}", key, f"expected a string, found {toml.type_name(item)}")
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


def _storage(identity: Identity) -> tuple[dict[str, Any], list[Stamp]]:
    """storage.conf: overlay's options, and which ids --userns=auto takes. Its paths are Podman's store, not ours."""
    found: dict[str, str] = {}
    ids: dict[str, Any] = dict(_AUTO_IDS)
    driver = ""
    stores: list[str] = []
    paths, stamps = find("storage", identity)
    for path in paths:
        storage = _table(path, toml.read(path), "", "storage")
        driver = storage.get("driver", driver)
        if driver not in DRIVERS:
            raise _invalid(path, "storage", "driver", f'"{driver}" is not one of {", ".join(DRIVERS[1:])}')
        options = _table(path, storage, "storage", "options")
        stores = options.get("additionalimagestores", stores)
        if not isinstance(stores, list) or not all(isinstance(item, str) for item in stores):
            raise _invalid(path, "storage.options", "additionalimagestores", "expected a list of strings")
        overlay = _table(path, options, "storage.options", "overlay")
        for name in _STORAGE_OPTIONS:
            for place in (options, overlay):
                if place.get(name):
                    found[name] = str(place[name])
        for name in _AUTO_IDS.keys() & options.keys():
            if type(options[name]) is not type(_AUTO_IDS[name]):
                expected, is_ = toml.type_name(_AUTO_IDS[name]), toml.type_name(options[name])
                raise _invalid(path, "storage.options", name, f"expected {expected}, found {is_}")
            ids[name] = options[name]
    if stores:
        found["imagestore"] = ",".join(stores)
    opts = [f"overlay.{name}={value}" for name, value in found.items()]
    return {"storage_driver": driver, "storage_opts": opts, "auto_ids": ids}, stamps


def _table(path: str, values: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    found = values.get(name, {})
    if not isinstance(found, dict):
        raise _invalid(path, table, name, f"expected a table, found {toml.type_name(found)}")
    return found


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
