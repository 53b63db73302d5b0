"""Which configuration files count, in Podman 6's order (containers-config(5)), and whether any has changed.

One main file: the user's, else the administrator's, else the vendor's. Then the drop-ins of all folders, sorted by
file name, where a later folder's file replaces an earlier one's of the same name. ``CONTAINERS_CONF`` replaces all of
these; modules (``--module``) come next, ``CONTAINERS_CONF_OVERRIDE`` after all.
"""

from __future__ import annotations

import os

from skerry.config.paths import config_home
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.config.identity import Identity

VENDOR, ADMIN = "/usr/share/containers", "/etc/containers"
# name: the environment variable that replaces its files
ENVIRONMENT = {
    "containers": "CONTAINERS_CONF",
    "storage": "CONTAINERS_STORAGE_CONF",
    "registries": "CONTAINERS_REGISTRIES_CONF",
}

Stamp = list[object]  # path, inode, size, mtime_ns, ctime_ns; the numbers are 0 where nothing is


def key(identity: Identity, modules: Sequence[str] = ()) -> str:
    """All that decides which files are looked at: two processes with the same key look at the same files."""
    variables = [_named(name) + "\0" + _named(name + "_OVERRIDE") for name in ENVIRONMENT.values()]
    return "\0".join((str(identity.uid if identity.rootless else 0), config_home(), *variables, *modules))


def module_folders() -> list[str]:
    """Where ``--module NAME`` is looked for, first to last."""
    return [f"{base}/containers.conf.modules" for base in (config_home() + "/containers", ADMIN, VENDOR)]


def resolve_module(name: str) -> str:
    """The file that ``--module`` means: an absolute path, or one below the first of `module_folders` that has it."""
    # An absolute name is what joining it to any folder gives.
    places = dict.fromkeys(os.path.join(folder, name) for folder in module_folders())
    for path in places:
        if os.path.isfile(path):
            return path
    missing = "\n".join(f"open {path}: no such file or directory" for path in places)
    raise Invalid(f"parsing containers.conf: could not resolve module: {missing}", exit_code=1)


def _named(variable: str) -> str:
    """The absolute path that an environment variable names; a relative one is meant from here."""
    path = os.environ.get(variable, "")
    return os.path.abspath(path) if path else ""


def module_names() -> list[str]:
    """What ``--module`` can name: the files below `module_folders`, by their path there."""
    found: dict[str, None] = {}
    for folder in module_folders():
        for base, _, names in os.walk(folder):
            for name in names:
                found[os.path.relpath(f"{base}/{name}", folder)] = None
    return sorted(found)


def stamp(path: str) -> Stamp:
    """What would differ if the file, or the folder's list of files, had been changed."""
    try:
        found = os.stat(path)
    except OSError:
        return [path, 0, 0, 0, 0]
    return [path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def find(name: str, identity: Identity, modules: Sequence[str] = ()) -> tuple[list[str], list[Stamp]]:
    """The files to read for ``name`` (containers, storage, registries), first to last, and the stamps of all that
    was looked at, absent ones included: while they hold, the answer and the files' content are the same.

    ``modules``: resolved paths that come before the override."""
    stamps: list[Stamp] = []
    variable = ENVIRONMENT[name]
    replacement, last = _named(variable), _named(variable + "_OVERRIDE")
    if replacement:
        files = [_required(replacement, variable, stamps)]
    else:
        files = _main_file(name, stamps) + _drop_ins(name, identity, stamps)
    for module in modules:
        files.append(_required(module, "--module", stamps))
    if last:
        files.append(_required(last, variable + "_OVERRIDE", stamps))
    return files, stamps


def _required(path: str, variable: str, stamps: list[Stamp]) -> str:
    stamps.append(stamp(path))
    if not os.path.exists(path):
        raise Invalid(f"{variable} names {path}, which does not exist")
    return path


def _main_file(name: str, stamps: list[Stamp]) -> list[str]:
    for folder in (config_home() + "/containers", ADMIN, VENDOR):
        path = f"{folder}/{name}.conf"
        stamps.append(stamp(path))
        if stamps[-1][1]:
            return [path]
    return []


def _drop_ins(name: str, identity: Identity, stamps: list[Stamp]) -> list[str]:
    chosen: dict[str, str] = {}
    for folder in _drop_in_folders(name, identity):
        stamps.append(stamp(folder))
        if not stamps[-1][1]:
            continue
        for entry in sorted(_list(folder)):
            path = f"{folder}/{entry}"
            if entry.endswith(".conf") and os.path.isfile(path):
                chosen[entry] = path
    files = [chosen[entry] for entry in sorted(chosen)]
    stamps += [stamp(path) for path in files]
    return files


def _drop_in_folders(name: str, identity: Identity) -> list[str]:
    folders = []
    for base in (VENDOR, ADMIN):
        folders.append(f"{base}/{name}.conf.d")
        if identity.rootless:
            folders += [f"{base}/{name}.rootless.conf.d", f"{base}/{name}.rootless.conf.d/{identity.uid}"]
        else:
            folders.append(f"{base}/{name}.rootful.conf.d")
    folders.append(f"{config_home()}/containers/{name}.conf.d")
    return folders


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise Invalid(f"cannot read {folder}: {error.strerror}") from error
