"""The supervisor: one small process per store for what must happen on time with no command running.

What needs it has a file in ``runroot/supervisor/wards`` (`watch`): a container with a timed health check, or one that
its restart policy starts again in a while. Whoever makes such a file starts the supervisor if nobody holds its lock;
so does every command that finds one (`revive`). It ends when there is no file any more. See `serve`.
"""

from __future__ import annotations

import fcntl
import os

from skerry.errors import Unavailable

_NOT_PASSED = (
    "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "SKERRY_CRASH_AT", "SKERRY_TRACE_STEPS",
)  # fmt: skip

# The shell waits until it is where it should be, and leaves at once, so that the supervisor is nobody's child: whoever
# starts it may live for long.
_START = 'read -r _ && { "$@" </dev/null >/dev/null 2>&1 & }'

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def folder(engine: Engine, *names: str) -> str:
    """Where its lock, its log and the wards are."""
    return engine.store.run_path("supervisor", *names)


def watch(engine: Engine, container_id: str) -> None:
    """Have the container looked after from now on; also after a change that concerns it. Never fails."""
    path = folder(engine, "wards", container_id)
    try:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(fd, b"\n")
        os.close(fd)
    except OSError as error:
        engine.log(f"the supervisor cannot be told about container {container_id}: {error}")
        return
    ensure(engine)


def notice(engine: Engine, container_id: str) -> None:
    """Have an end seen to that nobody else will clean up after. One that is looked after already is not touched."""
    if not os.path.exists(folder(engine, "wards", container_id)):
        watch(engine, container_id)


def release(engine: Engine, container_id: str) -> None:
    """The container needs nobody any more. Idempotent; costs a system call."""
    try:
        os.unlink(folder(engine, "wards", container_id))
    except OSError:
        pass  # it was none


def revive(engine: Engine) -> None:
    """Start the supervisor again if it was killed while it was needed. 0.02 ms where it is not."""
    try:
        names = os.listdir(folder(engine, "wards"))
    except OSError:
        return
    if names:
        ensure(engine)


def is_running(engine: Engine) -> bool:
    """Whether somebody holds the supervisor's lock."""
    try:
        fd = os.open(folder(engine, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def ensure(engine: Engine) -> None:
    """Start it unless it runs. Of several that start at once all but one end again at once."""
    if is_running(engine):
        return
    from skerry.engine.supervisor.place import leave_session
    from skerry.linux.spawn import spawn

    argv = ["/bin/sh", "-c", _START, "skerry", *command(engine)]
    read, write = os.pipe()
    try:
        pid = spawn(argv, env=_environment(), stdin=read, new_session=True, cwd="/")
    except Unavailable as error:
        engine.log(f"the supervisor cannot be started: {error.message}")
        return
    else:
        leave_session(engine.settings, pid)
        os.write(write, b"\n")
        os.waitpid(pid, 0)
    finally:
        os.close(read)
        os.close(write)


def _environment() -> dict[str, str]:
    """Ours, without what was meant for the one command that happens to start it: sockets, and a test's own death."""
    return {key: value for key, value in os.environ.items() if key not in _NOT_PASSED}


def command(engine: Engine, *words: str) -> list[str]:
    """Its command line."""
    return [*engine.command_line(), "system", "supervise", *words]
