"""A container's secrets: copied when it is created, handed over at each start, never part of its root file system.

Those that are files are copied into the container's own folder, so that removing or replacing the secret changes
nothing for it. Those that are variables are looked up by name when a program starts: what they say is in no record,
only in the specification that the runtime reads.
"""

from __future__ import annotations

import os

from skerry.engine.containers import run_files
from skerry.engine.containers import state as states
from skerry.engine.secrets.find import lookup_named
from skerry.errors import Invalid, NotFound, Unavailable
from skerry.linux.files import fsync_file, fsync_folder
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretUse
    from skerry.runtime.types import MountConfig

PLACE = "/run/secrets"


def copy(engine: Engine, record: ContainerRecord) -> None:
    """Put the secrets that are files into the container's folder, before its row; a variable's must only be there.

    The caller holds the container's lock, so that nobody takes the folder for a left-over."""
    folder = states.folder(engine, record["id"], "secrets")
    step("container.secrets")
    for number, use in enumerate(record["secrets"]):
        found, data = lookup_named(engine, use["name"])
        use["id"] = found["id"]  # replaced since it was looked up, maybe
        if use["type"] == "env":
            _variable(use, data)  # refuse now what no start could hand over
            continue
        try:
            os.makedirs(os.path.dirname(folder), mode=0o711, exist_ok=True)
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot make {folder}: {error.strerror}") from error
        path = os.path.join(folder, str(number))
        run_files.write(path, data)
        if not record["auto_remove"]:
            _sync(path)
    if not record["auto_remove"] and os.path.isdir(folder):
        for path in (folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
            fsync_folder(path)


def _sync(path: str) -> None:
    try:
        fsync_file(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def mounts(engine: Engine, record: ContainerRecord) -> list[MountConfig]:
    """The files, copied into the run folder with the owners that were asked for, and ready to be mounted.

    A mount of the user's at the same place stays."""
    uses = [(number, use) for number, use in enumerate(record.get("secrets", ())) if use["type"] == "mount"]
    if not uses:
        return []
    bundle = states.run_folder(engine, record["id"], "secrets")
    taken = {os.path.normpath(mount["destination"]) for mount in record["config"]["mounts"]}
    options = ["bind", "rprivate", "nosuid", "nodev", *(["ro"] if record["config"].get("read_only") else [])]
    found: dict[str, MountConfig] = {}
    try:
        _make_folder(record, bundle, 0o700)
        _make_folder(record, bundle + "/place", 0o755)
        found[PLACE] = {"type": "bind", "source": bundle + "/place", "destination": PLACE, "options": options}
        for number, use in uses:
            path = f"{bundle}/{number}"
            _hand_over(engine, record, number, use, path)
            target = os.path.normpath(os.path.join(PLACE, use["target"]))
            _make_place(record, bundle + "/place", target)
            found[target] = {"type": "bind", "source": path, "destination": target, "options": options}
    except OSError as error:
        raise Unavailable(f"cannot prepare the container's secrets: {error.strerror}: {error.filename}") from error
    return [mount for target, mount in found.items() if target not in taken]


def _hand_over(engine: Engine, record: ContainerRecord, number: int, use: SecretUse, path: str) -> None:
    try:
        with open(states.folder(engine, record["id"], "secrets", str(number)), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise NotFound(f"the container's copy of the secret {use['name']} is gone") from None
    run_files.write(path, data)
    try:
        os.chown(path, *_outside(record, use["uid"], use["gid"]))
    except OSError as error:
        raise Invalid(
            f"cannot give the secret {use['name']} to {use['uid']}:{use['gid']}: {error.strerror}",
            hint="these ids are not ours to give",
        ) from None
    os.chmod(path, use["mode"])


def _outside(record: ContainerRecord, uid: int, gid: int) -> tuple[int, int]:
    if not record["config"].get("uid_maps"):
        return uid, gid
    from skerry.engine.containers.mapped import owner_outside

    return owner_outside(record["config"], uid, gid)


def _make_folder(record: ContainerRecord, path: str, mode: int) -> None:
    """Nobody else's user on this host gets in: a secret may well be readable for all in the container."""
    os.mkdir(path, mode)
    os.chmod(path, mode)
    os.chown(path, *_outside(record, 0, 0))


def _make_place(record: ContainerRecord, folder: str, target: str) -> None:
    """An empty file to mount on, where the target is below /run/secrets (elsewhere the runtime makes it)."""
    if not target.startswith(PLACE + "/"):
        return
    path = folder
    *parents, name = target.removeprefix(PLACE + "/").split("/")
    for parent in parents:
        path = f"{path}/{parent}"
        if not os.path.isdir(path):
            _make_folder(record, path, 0o755)
    path = f"{path}/{name}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    os.chown(path, *_outside(record, 0, 0))


def environment(engine: Engine, record: ContainerRecord) -> list[str]:
    """``NAME=data`` of the secrets that are variables, as they are now. `NotFound` for one that was removed."""
    uses = [use for use in record.get("secrets", ()) if use["type"] == "env"]
    return [_variable(use, lookup_named(engine, use["name"])[1]) for use in uses]


def _variable(use: SecretUse, data: bytes) -> str:
    """`Invalid` for what the runtime's configuration, which is JSON, cannot hold."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Invalid(
            f"the secret {use['name']} cannot be an environment variable: it is not a text",
            hint="type=mount gives any data as a file",
        )
    return f"{use['target']}={text}"
