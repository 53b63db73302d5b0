"""Starting programs without ``subprocess`` (its import costs 8 ms, more than most commands here have in total).

`spawn` is vfork + exec in C (0.6 ms, independent of this process's size); `run` collects the output as well.
"""

from __future__ import annotations

import errno
import os
import select
import time
from _posixsubprocess import fork_exec as _fork_exec

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK = 65536
fork_exec: Any = _fork_exec  # typeshed has no optional arguments for it


class Completed:
    """How a program ended: ``code`` is its exit code, or 128 + the signal that killed it."""

    __slots__ = ("code", "stderr", "stdout")

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr


def _candidates(program: str, env: Mapping[str, str] | None) -> list[bytes]:
    """The paths that execvp would try for ``program``."""
    if "/" in program:
        return [os.fsencode(program)]
    path = (os.environ if env is None else env).get("PATH", DEFAULT_PATH)
    return [os.fsencode(os.path.join(folder or ".", program)) for folder in path.split(":")]


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: int = -1,
    stdout: int = -1,
    stderr: int = -1,
    pass_fds: Iterable[int] = (),
    cwd: str | None = None,
    new_session: bool = False,
) -> int:
    """Start ``argv`` and return its pid; the caller waits for it.

    ``stdin``, ``stdout``, ``stderr`` become 0, 1, 2 there (-1: inherited). ``pass_fds`` keep their numbers;
    every other descriptor is closed. ``Unavailable`` when the program cannot be executed.
    """
    if any("\0" in arg for arg in argv):
        raise Unavailable(f"cannot run {argv[0]}: a null byte in its arguments")
    environ = None if env is None else [os.fsencode(f"{key}={value}") for key, value in env.items()]
    error_read, error_write = _error_pipe()
    try:
        keep = tuple(sorted({error_write, *(fd for fd in pass_fds if fd > 2)}))
        pid: int = fork_exec(
            [os.fsencode(arg) for arg in argv], _candidates(argv[0], env), True, keep,
            None if cwd is None else os.fsencode(cwd), environ,
            stdin, -1, -1, stdout, -1, stderr, error_read, error_write,
            True, new_session, -1, None, None, None, -1, None, True,
        )  # fmt: skip
        os.close(error_write)
        error_write = -1
        report = os.read(error_read, 4096)
    except OSError as error:
        raise Unavailable(f"cannot start {argv[0]}: {os.strerror(error.errno or 0)}") from error
    finally:
        os.close(error_read)
        if error_write >= 0:
            os.close(error_write)
    if report:
        os.waitpid(pid, 0)
        raise _not_executed(argv[0], report)
    return pid


def _error_pipe() -> tuple[int, int]:
    """A pipe whose write end is above 2: the child's own streams go over 0-2 before exec reports."""
    read, write = os.pipe()
    low = []
    while write <= 2:
        low.append(write)
        write = os.dup(write)
    for fd in low:
        os.close(fd)
    return read, write


def _not_executed(program: str, report: bytes) -> Unavailable:
    """The error for what the child wrote, ``OSError:ERRNO_IN_HEX:WHERE``, instead of becoming ``program``."""
    fields = report.split(b":")
    number = int(fields[1], 16) if len(fields) > 1 and fields[1] else 0
    if number == errno.ENOENT and b":noexec" not in report:
        return Unavailable(f"cannot run {program}: no such program")
    return Unavailable(f"cannot run {program}: {os.strerror(number)}")


def run(
    argv: Sequence[str],
    *,
    input: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    pass_fds: Iterable[int] = (),
    cwd: str | None = None,
) -> Completed:
    """Run ``argv`` to its end, in the folder ``cwd``, with ``input`` on its standard input.

    ``Unavailable`` when it cannot be executed, or was killed because it took longer than ``timeout_s``.
    """
    in_read, in_write = os.pipe() if input else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), -1)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    try:
        pid = spawn(argv, env=env, stdin=in_read, stdout=out_write, stderr=err_write, pass_fds=pass_fds, cwd=cwd)
    except BaseException:
        for fd in (in_write, out_read, err_read):
            if fd >= 0:
                os.close(fd)
        raise
    finally:
        for fd in (in_read, out_write, err_write):
            os.close(fd)
    try:
        stdout, stderr = _communicate(input, in_write, out_read, err_read, timeout_s)
    except TimeoutError:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        raise Unavailable(f"{argv[0]} did not end within {timeout_s:g} seconds") from None
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Completed(128 - code if code < 0 else code, stdout, stderr)


def _communicate(
    data: bytes, in_write: int, out_read: int, err_read: int, timeout_s: float | None
) -> tuple[bytes, bytes]:
    """Feed and drain the three pipes (all get closed). ``TimeoutError`` when they are not at their end in time."""
    output: dict[int, list[bytes]] = {out_read: [], err_read: []}
    poll, pending, view = select.poll(), {out_read, err_read}, memoryview(data)
    for fd in pending:
        poll.register(fd, select.POLLIN)
    if in_write >= 0:
        os.set_blocking(in_write, False)
        poll.register(in_write, select.POLLOUT)
        pending.add(in_write)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while pending:
            left = None if deadline is None else (deadline - time.monotonic()) * 1000
            if left is not None and left <= 0:
                raise TimeoutError
            for fd, _ in poll.poll(left):
                if fd == in_write:
                    view = _feed(fd, view)
                    ended = not view
                else:
                    chunk = os.read(fd, _CHUNK)
                    output[fd].append(chunk)
                    ended = not chunk
                if ended:
                    poll.unregister(fd)
                    os.close(fd)
                    pending.discard(fd)
    finally:
        for fd in pending:
            os.close(fd)
    return b"".join(output[out_read]), b"".join(output[err_read])


def _feed(fd: int, view: memoryview) -> memoryview:
    """Write what the pipe takes; what is left (nothing once the reader has gone)."""
    try:
        return view[os.write(fd, view[:_CHUNK]) :]
    except BlockingIOError:
        return view
    except BrokenPipeError:
        return view[:0]
