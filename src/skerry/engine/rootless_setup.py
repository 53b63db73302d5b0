"""Making the user's namespace: the rare half of `rootless`."""

from __future__ import annotations

import errno
import os

from skerry.config.programs import find_program
from skerry.config.subid import Range, ranges
from skerry.engine import rootless
from skerry.errors import Denied, SkerryError, Unavailable
from skerry.linux import process, userns
from skerry.linux.spawn import run
from skerry.store.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

Map = list[tuple[int, ...]]  # first id inside, first id outside, how many
Maps = tuple[Map, Map]  # uids, gids

_FOR_EVER = "2147483647"


def make(settings: Settings) -> None:
    """Make the namespace and write down its holder. Any number of commands may come here at once: one does it."""
    with Lock(settings.run_base + "/userns.lock"):
        written = rootless.read_holder(settings)
        if written is not None and _is_ours(settings, *written):
            return
        kept = _keep_old(settings) or _survivor(settings)
        if kept:
            _write(settings, kept)
            return
        maps = _wanted(settings)
        try:
            pid = userns.create(
                _holder(settings), lambda child: _map_ids(settings, child, maps), lambda child: _write(settings, child)
            )
        except OSError as error:
            raise _explain(error) from error
        if not maps:
            settings.warnings.append(_single_warning(settings))
        _leave_session(settings, pid)


def _is_ours(settings: Settings, pid: int, start: int) -> bool:
    return process.is_same(pid, start) and userns.owner(pid) == settings.uid


def _write(settings: Settings, pid: int) -> None:
    path = rootless.holder_file(settings)
    start, boot, stamp = process.start_time(pid), process.boot_id(), rootless.id_stamp().decode()
    beside = f"{path}.{os.getpid()}"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, f"{pid} {start} {boot} {stamp}\n".encode())
    finally:
        os.close(fd)
    os.rename(beside, path)


def _keep_old(settings: Settings) -> int:
    """The holder from before /etc/subuid was changed, unless it can be ended to make one with the new ids; else 0."""
    old = rootless.read_holder(settings, any_ids=True)
    if old is None or not _is_ours(settings, *old):
        return 0
    pid = old[0]
    if _maps_of(pid) == (_wanted(settings) or _single(settings)):
        return pid
    if _has_company(pid):
        settings.warnings.append("the subordinate ids were changed: they count once all containers have stopped")
        return pid
    os.kill(pid, 9)
    return 0


def _maps_of(pid: int) -> Maps:
    """The ids of a process's namespace as the host counts them."""
    found = []
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
            # The kernel sorts long maps.
            found.append(sorted(tuple(int(number) for number in line.split()) for line in file))
    return found[0], found[1]


def _has_company(holder: int) -> bool:
    """Whether anything but its holder lives in the namespace."""
    namespace = os.readlink(f"/proc/{holder}/ns/user")
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != holder:
            try:
                if os.readlink(f"/proc/{name}/ns/user") == namespace:
                    return True
            except OSError:
                continue  # it ended, or is another user's
    return False


def _holder(settings: Settings) -> list[str]:
    catatonit = find_program("catatonit", settings)
    if catatonit:
        return [catatonit, "-P"]
    sleep = find_program("sleep")
    if not sleep:
        raise Unavailable("neither catatonit nor sleep is installed", hint="apt-get install catatonit")
    return [sleep, _FOR_EVER]


def _survivor(settings: Settings) -> int:
    """The pid of a running conmon of ours whose namespace outlived its holder; 0 without one.

    It becomes the holder: a new process can be put there only from within, and conmon lives as long as what it
    holds. When it ends, the next command finds the next one."""
    for base in dict.fromkeys((settings.runroot, settings.run_base)):
        try:
            names = os.listdir(base + "/containers")
        except OSError:
            continue
        for name in names:
            pid = _conmon(f"{base}/containers/{name}/conmon.pid")
            if pid and process.owner(pid) == settings.uid and userns.owner(pid) == settings.uid:
                return pid
    return 0


def _conmon(path: str) -> int:
    """The pid in conmon's pid file if a conmon has it now, else 0."""
    try:
        with open(path, "rb") as file:
            pid = int(file.read(32) or 0)
        with open(f"/proc/{pid}/comm", "rb") as file:
            return pid if file.read(32).strip() == b"conmon" else 0
    except (OSError, ValueError):
        return 0


def _wanted(settings: Settings) -> Maps | None:
    """The user as 0 and their subordinate ids from 1 on; None where there are none, or no tools to set them."""
    uids, gids = ranges("/etc/subuid", settings.uid), ranges("/etc/subgid", settings.uid)
    if not uids or not gids or not find_program("newuidmap") or not find_program("newgidmap"):
        return None
    return _map_of(settings.uid, uids), _map_of(settings.gid, gids)


def _map_of(own: int, found: list[Range]) -> Map:
    lines: Map = [(0, own, 1)]
    inside = 1
    for first, count in found:
        lines.append((inside, first, count))
        inside += count
    return lines


def _single(settings: Settings) -> Maps:
    return [(0, settings.uid, 1)], [(0, settings.gid, 1)]


def _single_warning(settings: Settings) -> str:
    why = "newuidmap and newgidmap are not installed (apt-get install uidmap)"
    if find_program("newuidmap") and find_program("newgidmap"):
        why = (
            f"user {settings.uid} has no subordinate ids in /etc/subuid and /etc/subgid "
            f"(usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {os.environ.get('USER', settings.uid)})"
        )
    return f"{why}: images that have files of other users than root cannot be used"


def _map_ids(settings: Settings, pid: int, maps: Maps | None) -> None:
    if maps is None:
        userns.write_single_maps(pid, settings.uid, settings.gid)
        return
    for tool, lines in zip(("newuidmap", "newgidmap"), maps, strict=True):
        _map(find_program(tool), pid, lines)


def _map(tool: str, pid: int, lines: Map) -> None:
    args = [str(number) for line in lines for number in line]
    done = run([tool, str(pid), *args])
    if done.code:
        text = done.stderr.decode(errors="replace").strip().splitlines()
        raise Denied(
            f"cannot set up the user namespace: {text[-1] if text else f'{tool} failed'}",
            hint=f"is {tool} setuid root (or has it its file capability), and does /etc/sub{os.path.basename(tool)[3:6]} agree?",
        )


def _explain(error: OSError) -> SkerryError:
    """What forbids user namespaces here, and what would allow them."""
    if error.errno == errno.ENOSPC or _sysctl("user/max_user_namespaces") == "0":
        return Unavailable("no more user namespaces may be made", hint="sysctl user.max_user_namespaces=28633")
    if _sysctl("kernel/unprivileged_userns_clone") == "0":
        return Denied("user namespaces are switched off", hint="sysctl kernel.unprivileged_userns_clone=1")
    if _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return Denied(
            "AppArmor forbids user namespaces",
            hint="sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile",
        )
    return Denied(f"cannot make a user namespace: {error.args[-1]}", hint="skerry doctor")


def _sysctl(name: str) -> str:
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _leave_session(settings: Settings, pid: int) -> None:
    """Move the holder out of the login session's scope, which systemd may kill at logout. Never fails."""
    if settings.cgroup_manager != "systemd" or not find_program("busctl"):
        return
    from skerry.linux.systemd import start_scope

    try:
        start_scope(f"skerry-holder-{pid}.scope", "", pid, user=True)
    except (OSError, Unavailable):
        pass  # it lives as long as the session
