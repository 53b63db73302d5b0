"""The runtime's ``run`` with pipes for the program's output, until it ends or the build is cancelled."""

from __future__ import annotations

import os
import select
import time

from skerry.engine.builds.errors import Interrupted
from skerry.errors import SkerryError
from skerry.linux.process import exists
from skerry.linux.spawn import spawn
from skerry.runtime.execute import memfd
from skerry.runtime.failures import is_runtimes_own, message_in, translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.builds.types import RunRequest
    from skerry.linux.terminal import KeptTerminal
    from skerry.runtime.oci import Runtime

_CHUNK = 65536
_LOOK_MS = 50  # how often it is asked whether the build is cancelled
_PATIENCE_S = 0.5  # for a runtime whose container was killed


class StepProcess:
    """A program that runs. ``ended``: the runtime came to its end by itself, so it has cleaned up behind it."""

    def __init__(
        self, runtime: Runtime, container_id: str, bundle: str, request: RunRequest, *, cgroups: bool = True
    ) -> None:
        self._runtime = runtime
        self._request = request
        self._pid_file = bundle + "/pid"
        self._stderr_seen = False
        self._terminal: KeptTerminal | None = None
        self.ended = False
        argv = self._argv(container_id, bundle, cgroups=cgroups)
        self._stdout = self._stderr = -1
        self._log = memfd("log", b"")
        try:
            if "--debug" not in argv:  # who debugs the runtime wants to see what it says
                argv[1:1] = [
                    f"--log=/proc/self/fd/{self._log}",
                    *(("--log-format=json",) if runtime.quirks.json_log else ()),
                ]
            self._pid = self._start_on_terminal(argv) if request.terminal else self._start_on_pipes(argv)
        except BaseException:
            self._close()
            raise

    def _argv(self, container_id: str, bundle: str, *, cgroups: bool) -> list[str]:
        flags = self._runtime.global_args()
        if not cgroups and self._runtime.quirks.cgroup_manager_flag:
            flags.append("--cgroup-manager=disabled")
        return [self._runtime.path, *flags, "run", "--bundle", bundle, "--pid-file", self._pid_file, container_id]

    def _start_on_terminal(self, argv: list[str]) -> int:
        """The runtime makes the program's terminal and carries between it and ours, which it often leaves raw (crun 1.8)."""
        from skerry.linux.terminal import KeptTerminal

        self._terminal = KeptTerminal(0)
        return spawn(argv, env=self._runtime.environment(), pass_fds=[self._log])

    def _start_on_pipes(self, argv: list[str]) -> int:
        given = self._request.stdin
        stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) if given is None else given
        self._stdout, out_write = os.pipe()
        self._stderr, err_write = os.pipe()
        try:
            # A session of its own: the terminal's Ctrl-C comes to the builder alone.
            return spawn(
                argv, env=self._runtime.environment(), stdin=stdin, stdout=out_write, stderr=err_write, new_session=True,
                pass_fds=[self._log],
            )  # fmt: skip
        finally:
            for fd in (out_write, err_write, *((stdin,) if given is None else ())):
                os.close(fd)

    def carry(self) -> int:
        """Hand its output on until it ends: its exit code. What processes that it left behind write later is lost.

        `Interrupted`: it was killed because the build is cancelled."""
        try:
            self._carry_output()
            return self._exit_code()
        except BaseException:
            self._kill()
            raise
        finally:
            self._close()

    def _carry_output(self) -> None:
        ended = os.pidfd_open(self._pid)
        poll = select.poll()
        for fd in (self._stdout, self._stderr, ended):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        cancelled = self._request.cancelled
        shares_pids = self._request.namespaces.get("pid", "private") != "private"
        timeout = None if cancelled is None and not shares_pids else _LOOK_MS
        over = False
        try:
            while True:
                ready = [fd for fd, _ in poll.poll(0 if over else timeout)]
                if over and not ready:
                    return
                if cancelled is not None and not over and cancelled():
                    raise Interrupted("interrupted")
                if shares_pids and not over:
                    self._end_orphans()
                if ended in ready:
                    # From here only what is in the pipes already: others may hold them open for ever.
                    poll.unregister(ended)
                    over = True
                for fd in ready:
                    if fd != ended and not self._carry_some(fd):
                        poll.unregister(fd)
        finally:
            os.close(ended)

    def _end_orphans(self) -> None:
        """In a pid namespace that is not the step's, what it started outlives it; the runtime, to which that falls then,
        would wait for it. End it as soon as the program itself is gone."""
        pid = _number_in(self._pid_file)
        if not pid or exists(pid):
            return
        try:
            with open(f"/proc/{self._pid}/task/{self._pid}/children", encoding="ascii") as file:
                for child in file.read().split():
                    os.kill(int(child), 9)
        except OSError:
            pass  # it, or the runtime, has just ended

    def _carry_some(self, fd: int) -> bool:
        data = os.read(fd, _CHUNK)
        if not data:
            return False
        if fd == self._stderr and not self._stderr_seen:
            self._stderr_seen = True
            if is_runtimes_own(data, self._log):
                return True
        if self._request.output is not None:
            self._request.output(1 if fd == self._stdout else 2, data)
        return True

    def _exit_code(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._pid = 0
        if code != 0:
            message = message_in(os.pread(self._log, _CHUNK, 0))
            if message:
                raise self._translated(message)
            if not self._request.terminal and not _number_in(self._pid_file):
                code = 1  # the runtime has not come to the program: its own code would be taken for the program's
        self.ended = code >= 0
        return 128 - code if code < 0 else code

    def _translated(self, message: str) -> SkerryError:
        error = translate(self._runtime.name, message)
        error.exit_code = 1  # as in Podman: 126 and 127 would be a shell's words
        return error

    def _kill(self) -> None:
        """End the program and the runtime. Whatever that leaves is for `sweep.end_step`."""
        if not self._pid:
            return
        pid = _number_in(self._pid_file)
        if pid:
            try:
                os.kill(pid, 9)  # the first process of its pid namespace: all others go with it
            except ProcessLookupError:
                pass  # it has just ended
            if self._waited(_PATIENCE_S):
                return
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)
        self._pid = 0

    def _waited(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitpid(self._pid, os.WNOHANG)[0]:
                self._pid = 0
                return True
            time.sleep(0.002)
        return False

    def _close(self) -> None:
        if self._terminal is not None:
            self._terminal.restore()
        for fd in (self._stdout, self._stderr, self._log):
            if fd >= 0:
                os.close(fd)
        self._stdout = self._stderr = self._log = -1


def _number_in(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return int(file.read(32) or 0)
    except (OSError, ValueError):
        return 0  # the runtime did not get that far
