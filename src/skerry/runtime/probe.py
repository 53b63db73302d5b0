"""A short program in a running container whose output is gathered and that nobody waits for: a health check.

Everything it needs to be watched is a descriptor (`Probe.output`, `Probe.ended`), so one process can have hundreds.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.linux import process as processes
from skerry.linux.spawn import spawn
from skerry.runtime import oci
from skerry.runtime.execute import memfd
from skerry.runtime.failures import message_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.runtime.oci import Runtime

_CHUNK = 65536
_MOST = 1 << 20


class Probe:
    """A program that runs, standard output and error on one pipe, so that they keep their order.

    ``ended`` is readable once the runtime's process ``pid``, which waits for the program, has ended."""

    __slots__ = ("_gathered", "_log", "_size", "ended", "output", "pid")

    def __init__(self, runtime: Runtime, container_id: str, process: dict[str, Any]) -> None:
        self._gathered: list[bytes] = []
        self._size = 0
        spec = memfd("process", fastjson.encode(process))
        self._log = memfd("log", b"")
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.output, write = os.pipe()
        os.set_blocking(self.output, False)
        argv = oci.exec_argv(runtime, container_id, f"/proc/self/fd/{spec}", log=f"/proc/self/fd/{self._log}")
        try:
            self.pid = spawn(argv, stdin=null, stdout=write, stderr=write, new_session=True, pass_fds=[spec, self._log])
            self.ended = os.pidfd_open(self.pid)
        except BaseException:
            os.close(self.output)
            os.close(self._log)
            raise
        finally:
            for fd in (spec, null, write):
                os.close(fd)

    def gather(self) -> bool:
        """Take what is in the pipe; whether more may come. Beyond the first megabyte it is thrown away."""
        while True:
            try:
                data = os.read(self.output, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            if self._size < _MOST:
                self._gathered.append(data[: _MOST - self._size])
                self._size += len(self._gathered[-1])

    def finish(self) -> tuple[int, bytes, str]:
        """After `ended`: exit code (128 + signal), output, and why the runtime could not execute it (else empty)."""
        self.gather()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        message = message_in(os.pread(self._log, _CHUNK, 0)) if code else ""
        self._close()
        return 128 - code if code < 0 else code, b"".join(self._gathered), message

    def abandon(self) -> tuple[int, bytes]:
        """Kill it with all that it started, and wait for none of them: the pid to be reaped, and the output so far.

        A program that hangs in the kernel does not hold anybody up."""
        self.gather()
        kill_tree(self.pid)
        self._close()
        return self.pid, b"".join(self._gathered)

    def _close(self) -> None:
        for fd in (self.output, self.ended, self._log):
            os.close(fd)


def kill_tree(pid: int) -> None:
    """Kill a runtime's ``exec`` and the program that it waits for, with that one's whole session.

    The runtime itself alone would leave the program behind: nothing kills it when its parent dies."""
    for child in _children(pid):
        session = _session(child)
        try:
            # Its session is of an own making: of the program, of a process of the runtime's between (crun), or still
            # that of the runtime, which got one from us. Never ours.
            if session not in (0, os.getsid(0)) and os.getpgid(child) == session:
                os.killpg(session, 9)
            os.kill(child, 9)
        except ProcessLookupError:
            pass  # it has just ended
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass  # it has just ended


def kill_left_behind(pid: int, start: int) -> None:
    """`kill_tree` for one that another process started, if it is still that one."""
    if processes.is_same(pid, start):
        kill_tree(pid)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []  # it has ended, or the kernel does not tell (CONFIG_PROC_CHILDREN)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
