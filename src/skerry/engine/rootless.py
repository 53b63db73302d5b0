"""A user's commands share one user namespace: `enter` joins it, or makes it.

Its holder (catatonit -P, 0.1 MB) is named by ``RUN/userns``: pid, start time, boot, and when the user's subordinate ids
last changed. Whoever finds it missing or dead makes a new one under a lock. While containers run, their conmons are in
the old namespace too and keep its mounts: then one of them becomes the holder, so that what is mounted stays visible.
"""

from __future__ import annotations

import _signal
import errno
import os

from skerry.config import identity
from skerry.errors import Denied, SkerryError, Unavailable
from skerry.linux import process, userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from skerry.config.settings import Settings
    from skerry.engine.engine import Engine


_TRIES = 5


def require_inside(engine: Engine, command: str) -> None:
    """``command`` says where something is mounted, which who calls can only see within ``unshare``. `Unavailable`."""
    if engine.settings.from_outside:
        raise Unavailable(
            f'cannot run command "skerry {command}" in rootless mode, must execute `skerry unshare` first'
        )


def enter(settings: Settings) -> None:
    """Be root in the user's own namespace from here on; nothing to do for root, or where we are in it already.

    Must come before any thread is started. `Denied`, `Unavailable` say what the host forbids or lacks."""
    if not settings.rootless:
        return
    if settings.entered:
        _check_foreign()
        return
    if not _join_holder(settings):
        from skerry.engine.rootless_setup import make

        for _ in range(_TRIES):  # each time /etc/subuid may have been changed again before we are in
            make(settings)
            if _join_holder(settings):
                break
        else:
            raise Unavailable("the user namespace ended right after it was made", hint="skerry doctor")
    settings.entered = True
    mark(settings)


def mark(settings: Settings) -> None:
    """Tell everything that is started from here on where it is (see `identity`)."""
    os.environ[identity.CONFIGURED] = "done"
    os.environ[identity.ROOTLESS_UID] = str(settings.uid)
    os.environ[identity.ROOTLESS_GID] = str(settings.gid)
    os.environ.setdefault("HOME", settings.home)
    folder = os.path.dirname(settings.run_base)
    if folder != "/tmp":
        # Set wrongly (su), or not at all (cron): children must find the same run folder.
        os.environ["XDG_RUNTIME_DIR"] = folder
        if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and os.path.exists(folder + "/bus"):
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={folder}/bus"


def holder_file(settings: Settings) -> str:
    """Where the holder is named."""
    return settings.run_base + "/userns"


def read_holder(settings: Settings, *, any_ids: bool = False) -> tuple[int, int] | None:
    """The holder's pid and start time; None when none was written in this boot, nor (unless ``any_ids``) since the
    subordinate ids were last changed."""
    try:
        fd = os.open(holder_file(settings), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(fd).st_uid != os.geteuid():
            return None
        parts = os.read(fd, 256).split()
    finally:
        os.close(fd)
    if len(parts) != 4 or not parts[0].isdigit() or not parts[1].isdigit():
        return None
    if parts[2] != process.boot_id().encode() or not (any_ids or parts[3] == id_stamp()):
        return None
    return int(parts[0]), int(parts[1])


def id_stamp() -> bytes:
    """Changes whenever somebody writes /etc/subuid or /etc/subgid."""
    times = []
    for path in ("/etc/subuid", "/etc/subgid"):
        try:
            times.append(os.stat(path).st_mtime_ns)
        except OSError:
            times.append(0)
    return b"%d/%d" % (times[0], times[1])


def _join_holder(settings: Settings) -> bool:
    """Join the namespace of the holder that is written down; False when it is gone (or another's)."""
    written = read_holder(settings)
    return written is not None and _join(*written, settings.uid)


def _join(pid: int, start: int, uid: int) -> bool:
    try:
        pidfd = userns.open_process(pid)
    except OSError:
        return False
    try:
        # From here on the pid cannot come to mean another process unnoticed.
        if not process.is_same(pid, start) or userns.owner(pid) != uid:
            return False
        userns.join_process(pidfd, pid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            return False
        raise Denied(f"cannot join the user namespace of process {pid}: {error.strerror}") from error
    finally:
        os.close(pidfd)
    return os.geteuid() == 0


def _check_foreign() -> None:
    """In a namespace that is not ours, say at once when nothing can be mounted in it."""
    if os.environ.get(identity.CONFIGURED) or userns.owns_mounts():
        return
    raise Denied(
        "this user namespace has no mount namespace of its own",
        hint="unshare -Urm, or leave it and run skerry directly",
    )


def _program(settings: Settings, argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """What ``unshare`` runs, and its environment."""
    if not settings.rootless:
        raise SkerryError("please use unshare with rootless")
    shell = os.environ.get("SHELL", "")
    if not argv and not shell:
        raise SkerryError("no command specified and no $SHELL specified")
    env = {**os.environ, "CONTAINERS_GRAPHROOT": settings.root, "CONTAINERS_RUNROOT": settings.runroot}
    return argv or [shell], env


def unshare_network(engine: Engine, argv: list[str]) -> int:
    """Run ``argv`` (or $SHELL) in the user's namespace, and in the network of the user's bridges: its exit code."""
    argv, env = _program(engine.settings, argv)
    from skerry.network.inside import run_inside

    return run_inside(engine.network, argv, env)


def unshare(settings: Settings, argv: list[str]) -> NoReturn:
    """Become ``argv`` in the user's namespace. Without a program: $SHELL. The caller has entered."""
    argv, env = _program(settings, argv)
    from skerry.errors import CommandNotFound, CommandNotRunnable

    # Python ignores these two. A program that inherits that writes on into closed pipes; pasta does not start at all.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        if "/" in argv[0]:
            raise CommandNotFound(f"exec {argv[0]}: no such file or directory") from None
        raise CommandNotFound(f'exec: "{argv[0]}": executable file not found in $PATH') from None
    except OSError as error:
        raise CommandNotRunnable(f"exec {argv[0]}: {(error.strerror or '').lower()}") from error
