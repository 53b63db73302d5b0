"""A further program in a running container: the runtime's ``exec`` with pipes between its stdio and ours.

The program never gets our own descriptors: it could reopen a log file for reading, take input of the terminal, or
see its owner changed (runtimes chown the stdio to the user). The pipes cost 0.1 ms.
"""

from __future__ import annotations

import fcntl
import os
import select

from skerry import fastjson
from skerry.errors import SkerryError
from skerry.linux.gaps import above, filled
from skerry.linux.spawn import spawn
from skerry.runtime import oci
from skerry.runtime.attach import write_output
from skerry.runtime.failures import is_runtimes_own, message_in, translate
from skerry.runtime.feeder import Feeder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.runtime.oci import Runtime

_CHUNK = 65536
_LONG_MS = 300
# Numbers for the descriptors that the runtime reads its instructions from: above those given by --preserve-fds.
_HIGH = 64


class Execution:
    """A program that is being executed. ``pid`` is the runtime's process, which passes signals on to the program."""

    __slots__ = ("_log", "_runtime", "_stderr", "_stderr_seen", "_stdin", "_stdout", "pid")

    def __init__(
        self,
        runtime: Runtime,
        container_id: str,
        process: dict[str, Any],
        *,
        stdin: bool,
        preserve_fds: Sequence[int] = (),
    ) -> None:
        self._runtime = runtime
        self._stderr_seen = False
        spec = memfd("process", fastjson.encode(process))
        self._log = memfd("log", b"")
        if preserve_fds:
            spec, self._log = above(spec, preserve_fds), above(self._log, preserve_fds)
        in_read, self._stdin = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), -1)
        self._stdout, out_write = os.pipe()
        self._stderr, err_write = os.pipe()
        argv = oci.exec_argv(
            runtime,
            container_id,
            f"/proc/self/fd/{spec}",
            preserve_fds=max(preserve_fds, default=2) - 2,
            log=f"/proc/self/fd/{self._log}",
        )
        if preserve_fds and not runtime.quirks.fd_gaps:  # where crun has a gap, at most our own log gets into it
            argv = filled(argv, preserve_fds)
        try:
            # A session of its own: the terminal's Ctrl-C comes to us alone, and is passed on once.
            self.pid = spawn(
                argv, stdin=in_read, stdout=out_write, stderr=err_write, new_session=True,
                pass_fds=[spec, self._log, *preserve_fds],
            )  # fmt: skip
        except BaseException:
            for fd in (self._stdin, self._stdout, self._stderr, self._log):
                if fd >= 0:
                    os.close(fd)
            raise
        finally:
            for fd in (spec, in_read, out_write, err_write):
                os.close(fd)

    def carry(self, *, stdin: int | None, stdout: int | None, stderr: int | None, when_long: Callable[[], None]) -> int:
        """Carry the stdio until the program ends; its exit code (128 + signal).

        What processes that it leaves behind write later is lost. ``when_long`` is called once when it runs longer
        than a moment. `CommandNotFound`, `CommandNotRunnable`, … when it could not be executed."""
        feeder = None
        if stdin is not None and self._stdin >= 0:
            os.set_blocking(self._stdin, False)
            feeder = Feeder(_Pipe(self._stdin), stdin)
            feeder.start()
        try:
            code = self._carry_output({self._stdout: (stdout, "stdout"), self._stderr: (stderr, "stderr")}, when_long)
        finally:
            if feeder is not None:
                feeder.stop()
            self._close()
        return code

    def _carry_output(self, targets: dict[int, tuple[int | None, str]], when_long: Callable[[], None]) -> int:
        ended = os.pidfd_open(self.pid)
        poll = select.poll()
        for fd in (*targets, ended):
            poll.register(fd, select.POLLIN)
        timeout: int | None = _LONG_MS
        try:
            while True:
                ready = [fd for fd, _ in poll.poll(timeout)]
                if not ready and timeout == 0:
                    return self._exit_code()
                if not ready:
                    timeout = None
                    when_long()
                if ended in ready:
                    # From here only what is in the pipes already: others may hold them open for ever.
                    poll.unregister(ended)
                    timeout = 0
                for fd in ready:
                    if fd != ended and not self._carry_some(fd, *targets[fd]):
                        poll.unregister(fd)
        finally:
            os.close(ended)

    def _carry_some(self, fd: int, target: int | None, name: str) -> bool:
        data = os.read(fd, _CHUNK)
        if not data:
            return False
        if fd == self._stderr and not self._stderr_seen:
            self._stderr_seen = True
            if is_runtimes_own(data, self._log):
                return True
        if target is not None:
            write_output(target, data, name)
        return True

    def _exit_code(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code != 0:
            message = message_in(os.pread(self._log, _CHUNK, 0))
            if message:
                raise _failed(self._runtime.name, message)
        return 128 - code if code < 0 else code

    def _close(self) -> None:
        for fd in (self._stdin, self._stdout, self._stderr, self._log):
            if fd >= 0:
                os.close(fd)
        self._stdin = -1


def _failed(runtime: str, message: str) -> SkerryError:
    error = translate(runtime, message)
    if error.exit_code == 125:
        error.exit_code = 255
    return error


def memfd(name: str, content: bytes) -> int:
    """An unnamed file in memory, at a high number: nothing to clean up, whatever happens."""
    low = os.memfd_create(f"skerry-exec-{name}", os.MFD_CLOEXEC)
    try:
        fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    finally:
        os.close(low)
    if content:
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
    return fd


class _Pipe:
    """The writing end of a pipe, for `Feeder`."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def end(self) -> None:
        # Replaced, not closed: the number stays ours until `Execution` closes it.
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(null, self._fd, inheritable=False)
        os.close(null)

    def leave(self) -> None:
        self.end()
