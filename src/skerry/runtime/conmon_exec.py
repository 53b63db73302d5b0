"""A program in a running container under a conmon of its own: for terminals and for what runs in the background.

Protocol, beyond that of `conmon`: with ``--exec-attach`` conmon reports on ``_OCI_ATTACHPIPE`` when its attach
socket exists, and waits for a second byte on ``_OCI_STARTPIPE`` before the program is executed. After the report
with the pid, the sync pipe carries a second one with the exit code.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid, SkerryError
from skerry.linux.spawn import spawn
from skerry.runtime import conmon
from skerry.runtime.failures import read_log, translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.runtime.conmon import Launch


class Session:
    """A program under conmon. ``pid`` is its own, ``conmon_pid`` of who watches it."""

    __slots__ = ("_buffer", "_sync", "conmon_pid", "pid")

    def __init__(self, sync: int) -> None:
        self._sync = sync
        self._buffer = b""
        self.pid = self.conmon_pid = 0

    def next_report(self) -> dict[str, object]:
        """The next JSON line of conmon; empty when it ended without one."""
        while b"\n" not in self._buffer:
            chunk = os.read(self._sync, 65536)
            if not chunk:
                break
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            report = fastjson.loads(line) if line else {}
        except Invalid:
            report = {"message": line.decode(errors="replace")}
        return report if isinstance(report, dict) else {}

    def wait(self) -> int:
        """The program's exit code (128 + signal), once it has ended; 255 when conmon died."""
        code = self.next_report().get("data", -1)
        self.close()
        return code if isinstance(code, int) and code >= 0 else 255

    def close(self) -> None:
        """Stop listening; the program goes on. Idempotent."""
        if self._sync >= 0:
            os.close(self._sync)
            self._sync = -1


def launch(launch: Launch, *, attach: Callable[[], None] | None = None) -> Session:
    """Execute ``launch.exec_process``; ``attach`` is called when conmon can be attached to and nothing runs yet.

    `CommandNotFound`, `CommandNotRunnable`, `Unavailable` (exit code 255) when the program cannot be executed."""
    sync_read, sync_write = os.pipe()
    start_read, start_write = os.pipe()
    attach_read, attach_write = os.pipe()
    session = Session(sync_read)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    passed = launch.preserve_fds
    if passed:
        from skerry.linux.gaps import above, filled

        sync_write, start_read = above(sync_write, passed), above(start_read, passed)
        attach_write = above(attach_write, passed)
    env = conmon.environment(launch)
    env |= {"_OCI_SYNCPIPE": str(sync_write), "_OCI_STARTPIPE": str(start_read), "_OCI_ATTACHPIPE": str(attach_write)}
    try:
        fds = [sync_write, start_read, attach_write, *passed]
        argv = [*conmon.argv(launch), *(("--exec-attach",) if attach is not None else ())]
        if passed:
            argv = filled(argv, passed)
        pid = spawn(argv, env=env, stdin=null, stdout=null, stderr=null, pass_fds=fds, cwd=launch.bundle)
        for fd in (sync_write, start_read, attach_write, null):
            os.close(fd)
        sync_write = start_read = attach_write = null = -1
        _go(start_write, attach_read, attach)
        report = session.next_report()
        # The first conmon forks the one that stays and ends.
        os.waitpid(pid, 0)
        data = report.get("data", -1)
        if not isinstance(data, int) or data <= 0:
            raise _failure(launch, report)
        session.pid, session.conmon_pid = data, conmon.read_pid(launch.conmon_pidfile)
        return session
    except BaseException:
        session.close()
        raise
    finally:
        for fd in (sync_write, start_read, start_write, attach_read, attach_write, null):
            if fd >= 0:
                os.close(fd)


def _go(start: int, attach_pipe: int, attach: Callable[[], None] | None) -> None:
    try:
        os.write(start, b"\0")
        if attach is not None:
            os.read(attach_pipe, 4096)
            attach()
            os.write(start, b"\0")
    except BrokenPipeError:
        pass  # conmon has ended; its report, or the lack of one, says why


def _failure(launch: Launch, report: dict[str, object]) -> SkerryError:
    message = read_log(launch.oci_log) or str(report.get("message", "")) or "conmon ended without a report"
    error = translate(launch.runtime.name, message)
    if error.exit_code == 125:
        error.exit_code = 255
    return error
