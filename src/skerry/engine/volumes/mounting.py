"""Volumes that are mounted while somebody uses them: those with a type or a device, of images, and of plugins.

Who uses one is a file, runroot/volumes/NAME/HOLDER: a container's id, ``mount-…`` for each ``volume mount``, or
``held-PID-START`` for a command that works on it. It is written before the volume is mounted and removed before it is
unmounted, so whatever is killed leaves at most a holder too many; and where nothing is mounted (a reboot took it) all holders are void. All of it happens under the volume's lock.
"""

from __future__ import annotations

import errno
import os

from skerry.engine.rootless import require_inside
from skerry.engine.volumes.find import find, get
from skerry.engine.volumes.options import mount_words
from skerry.errors import Conflict, NotFound, OutOfSpace, Unavailable
from skerry.linux import process
from skerry.linux.beneath import is_mount_point
from skerry.linux.mount import MNT_DETACH, UMOUNT_NOFOLLOW, umount
from skerry.linux.spawn import run
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord

_PLACE = ".mountpoint"  # of a plugin's volume: where it is, and in which boot
_BY_HAND, _COMMAND = "mount-", "held-"


def needs_mount(record: VolumeRecord) -> bool:
    """Whether the volume is more than its folder."""
    options = record["options"]
    return record["driver"] != "local" or bool(options.get("type") or options.get("device") or mount_words(options))


def acquire(engine: Engine, name: str, holder: str) -> str:
    """Mount a volume for ``holder`` unless it is mounted, and say where it is. `NotFound`, `Unavailable`.

    Idempotent: a holder counts once."""
    record = _existing(engine, name)
    if not needs_mount(record):
        return record["mountpoint"]
    with engine.store.lock("volume", name):
        return _acquire(engine, _existing(engine, name), holder)


def _existing(engine: Engine, name: str) -> VolumeRecord:
    record = get(engine, name)
    if record is None:
        raise NotFound(f'no volume with name "{name}" found: no such volume')
    return record


def _acquire(engine: Engine, record: VolumeRecord, holder: str) -> str:
    folder = _folder(engine, record["name"])
    path = where(engine, record)
    if not path:
        remove_tree(folder)  # whoever held it lost it with the last boot
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(f"{folder}/{holder}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot write to {folder}: {error.strerror}") from error
    if path:
        return path
    step("volume.mount")
    try:
        return _mount(engine, record, folder)
    except BaseException:
        remove_tree(folder)
        raise


def release(engine: Engine, name: str, holder: str) -> None:
    """Undo `acquire`: the last one unmounts. Idempotent; a volume that is gone is fine."""
    folder = _folder(engine, name)
    if not os.path.exists(f"{folder}/{holder}"):
        return
    with engine.store.lock("volume", name):
        record = get(engine, name)
        try:
            os.unlink(f"{folder}/{holder}")
        except FileNotFoundError:
            return  # another command was faster
        if record is None or not holders(engine, name):
            take_down(engine, name, record)


def holders(engine: Engine, name: str) -> list[str]:
    """Who has the volume mounted: containers' ids, and a word for each ``volume mount`` and each command that lives."""
    try:
        found = os.listdir(_folder(engine, name))
    except OSError:
        return []
    return sorted(word for word in found if word != _PLACE and _lives(engine, word))


def _lives(engine: Engine, holder: str) -> bool:
    if holder.startswith(_COMMAND):
        pid, _, start = holder.removeprefix(_COMMAND).partition("-")
        return process.is_same(int(pid), int(start.partition("-")[0]))
    if holder.startswith(_BY_HAND):
        return True
    return bool(engine.store.db.query("SELECT 1 FROM containers WHERE id = ?", holder))


def where(engine: Engine, record: VolumeRecord) -> str:
    """Where a volume that `needs_mount` is now; empty when it is not mounted."""
    if record["mountpoint"]:
        return record["mountpoint"] if _is_mounted(record["mountpoint"]) else ""
    try:
        with open(f"{_folder(engine, record['name'])}/{_PLACE}", encoding="utf-8", errors="surrogateescape") as file:
            boot, _, path = file.read().partition("\n")
    except OSError:
        return ""
    return path if boot == process.boot_id() else ""


def mount_count(engine: Engine, record: VolumeRecord) -> int:
    """As inspect shows it: how many have it mounted."""
    if record["driver"] == "local" and not record["options"]:
        return 0
    return len(holders(engine, record["name"])) if where(engine, record) else 0


def take_down(engine: Engine, name: str, record: VolumeRecord | None) -> None:
    """Unmount it, whoever has it. The caller holds the volume's lock. `Unavailable` when it stays mounted."""
    folder = _folder(engine, name)
    step("volume.unmount")
    if record is not None and not record["mountpoint"]:
        if where(engine, record):
            from skerry.engine.volumes.plugins import plugin_of

            plugin_of(engine, record).unmount(name)
    else:
        unmount_all(f"{engine.settings.volume_path}/{name}/_data")
    remove_tree(folder)


def unmount_all(path: str) -> None:
    """Until nothing is mounted there any more: what is removed next must be the volume's folder alone."""
    while _is_mounted(path):
        try:
            umount(path, MNT_DETACH | UMOUNT_NOFOLLOW)
        except OSError as error:
            raise Unavailable(f"unmounting volume at {path}: {error.strerror}") from error


def _is_mounted(path: str) -> bool:
    try:
        return is_mount_point(path)
    except FileNotFoundError:
        return False  # the volume's folder is gone


def mount(engine: Engine, name: str) -> str:
    """``volume mount``: where the volume's files are, mounted until as many `unmount`."""
    require_inside(engine, "volume mount")
    record = find(engine, name)
    if not needs_mount(record):
        return record["mountpoint"]
    _refuse_stale(engine, record)
    holder = _BY_HAND + os.urandom(8).hex()
    path = acquire(engine, record["name"], holder)
    try:
        with open(f"{_folder(engine, record['name'])}/{holder}", "w", encoding="ascii") as file:
            file.write(process.boot_id())
    except OSError as error:
        engine.log(f"cannot note that volume {record['name']} is mounted: {error.strerror}")
    return path


def _refuse_stale(engine: Engine, record: VolumeRecord) -> None:
    """`Conflict` when ``volume mount`` has mounted it and somebody else has unmounted it: whoever uses it should know
    that its files are not there. (A mount that never came about, or that a reboot took, is not missed.)"""
    if not record["mountpoint"] or where(engine, record):
        return
    by_hand = [word for word in holders(engine, record["name"]) if word.startswith(_BY_HAND)]
    done = [word for word in by_hand if _boot_of(f"{_folder(engine, record['name'])}/{word}") == process.boot_id()]
    if done:
        raise Conflict(
            f"volume {record['name']} is expected to be mounted, but mountpoint {record['mountpoint']} is not mounted "
            f"(mount count: {len(done)})"
        )


def _boot_of(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(64)
    except OSError:
        return ""


def unmount(engine: Engine, name: str) -> str:
    """Take one ``volume mount`` back; the volume's name. Nothing to do when there is none."""
    record = find(engine, name)
    by_hand = [word for word in holders(engine, record["name"]) if word.startswith(_BY_HAND)]
    if by_hand:
        release(engine, record["name"], by_hand[0])
    return record["name"]


class Held:
    """``with Held(engine, name) as path``: the volume's files while a command works on them."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        pid = os.getpid()
        self._holder = f"{_COMMAND}{pid}-{process.start_time(pid) or 0}-{os.urandom(4).hex()}"

    def __enter__(self) -> str:
        return acquire(self._engine, self._name, self._holder)

    def __exit__(self, *_: object) -> None:
        release(self._engine, self._name, self._holder)


def _folder(engine: Engine, name: str) -> str:
    return engine.store.run_path("volumes", name)


def _mount(engine: Engine, record: VolumeRecord, folder: str) -> str:
    if record["driver"] == "local":
        _mount_local(record)
    elif record["driver"] == "image":
        _mount_image(engine, record)
    else:
        from skerry.engine.volumes.plugins import plugin_of

        path = plugin_of(engine, record).mount(record["name"])
        with open(f"{folder}/{_PLACE}", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{process.boot_id()}\n{path}")
        return path
    return record["mountpoint"]


def _mount_local(record: VolumeRecord) -> None:
    """By mount(8), as Podman: it knows nfs's addresses, loop devices and every file system's words."""
    options = record["options"]
    kind = options.get("type", "")
    argv = ["mount"]
    if options.get("o"):
        argv += ["-o", options["o"]]
    if kind == "bind":
        argv += ["-o", "bind"]
    elif kind:
        argv += ["-t", kind]
    done = run([*argv, "--", options.get("device") or kind, record["mountpoint"]])
    if done.code:
        lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        said = next((line for line in lines if not line.startswith("dmesg(1)")), f"mount ended with {done.code}")
        raise Unavailable(said)


def _mount_image(engine: Engine, record: VolumeRecord) -> None:
    from skerry.store.overlay import mount_overlay

    top = os.path.dirname(record["mountpoint"])
    try:
        for name in ("upper", "work"):
            os.makedirs(f"{top}/{name}", mode=0o755, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"mounting volume {record['name']} image failed: {error.strerror}") from error
    mount_overlay(engine.store, record["mountpoint"], record["layers"], upper=f"{top}/upper", work=f"{top}/work")
