"""Making the user's namespace: the rare half of `rootless`."""

from __future__ import annotations

import errno
import os

from skerry.config.programs import find_program
from skerry.config.subid import Range, ranges
from skerry.errors import Denied, SkerryError, Unavailable
from skerry.linux import process, userns
from skerry.linux.spawn import run
from skerry.store.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

_FOR_EVER = "2147483647"


def make(settings: Settings) -> None:
    """Make the namespace and write down its holder. Any number of commands may come here at once: one does it."""
    from skerry.engine.rootless import holder_file, read_holder

    with Lock(settings.run_base + "/userns.lock"):
        written = read_holder(settings)
        if written is not None and process.is_same(*written) and userns.owner(written[0]) == settings.uid:
            return
        survivor = _survivor(settings)
        if survivor:
            _write(holder_file(settings), survivor)
            return
        try:
            pid = userns.create(
                _holder(settings),
                lambda child: _map_ids(settings, child),
                lambda child: _write(holder_file(settings), child),
            )
        except OSError as error:
            raise _explain(error) from error
        _leave_session(settings, pid)


def _write(path: str, pid: int) -> None:
    start = process.start_time(pid)
    beside = f"{path}.{os.getpid()}"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, f"{pid} {start} {process.boot_id()}\n".encode())
    finally:
        os.close(fd)
    os.rename(beside, path)


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


def _map_ids(settings: Settings, pid: int) -> None:
    """Give the namespace the user as 0 and the user's subordinate ids from 1 on."""
    uids, gids = ranges("/etc/subuid", settings.uid), ranges("/etc/subgid", settings.uid)
    tools = find_program("newuidmap"), find_program("newgidmap")
    missing = _missing(settings, uids, gids, tools)
    if missing:
        settings.warnings.append(
            f"{missing}: only this user's own id exists in containers, images with files of other users cannot be used"
        )
        userns.write_single_maps(pid, settings.uid, settings.gid)
        return
    _map(tools[0], pid, settings.uid, uids)
    _map(tools[1], pid, settings.gid, gids)


def _missing(settings: Settings, uids: list[Range], gids: list[Range], tools: tuple[str, str]) -> str:
    for path, found in (("/etc/subuid", uids), ("/etc/subgid", gids)):
        if not found:
            return f"no subordinate ids of user {settings.uid} in {path} (usermod --add-subuids 100000-165535 …)"
    if not all(tools):
        return "newuidmap and newgidmap are not installed (apt-get install uidmap)"
    return ""


def _map(tool: str, pid: int, own: int, found: list[Range]) -> None:
    args, inside = ["0", str(own), "1"], 1
    for first, count in found:
        args += [str(inside), str(first), str(count)]
        inside += count
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
    """Move the holder out of the login session's scope, which systemd may kill at logout."""
    busctl = find_program("busctl")
    if settings.cgroup_manager != "systemd" or not busctl:
        return
    run(
        [busctl, "--user", "--quiet", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
         "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
         f"skerry-holder-{pid}.scope", "fail", "1", "PIDs", "au", "1", str(pid), "0"],
        timeout_s=5,
    )  # fmt: skip
