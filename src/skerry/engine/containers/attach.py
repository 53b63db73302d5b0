"""A container's stdio on ours: raw terminal, its size, detach keys, signals passed on."""

from __future__ import annotations

import _signal
import os

from skerry.engine.containers import state as states
from skerry.engine.containers.wait import wait
from skerry.errors import Conflict, SkerryError
from skerry.linux import process, terminal
from skerry.runtime import attach, console, oci
from skerry.runtime.detach import DEFAULT, parse_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.streams import Streams
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.attach import Attachment

# Never passed on: what this process itself must see (a child, a broken pipe, its terminal's size), what stops and
# continues a job of the shell, and what the processor raises.
_OWN = ("CHLD", "PIPE", "URG", "WINCH", "TSTP", "TTIN", "TTOU", "CONT", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS",
        "KILL", "STOP")  # fmt: skip
_NEVER = {getattr(_signal, f"SIG{name}") for name in _OWN}
PROXIED = tuple(number for number in range(1, _signal.NSIG) if number not in _NEVER and number not in (32, 33))


def open_attachment(engine: Engine, record: ContainerRecord) -> Attachment:
    """Connect to the container's conmon and give its terminal the size of ours."""
    attachment = attach.connect(states.run_folder(engine, record["id"], "attach"))
    if record["config"]["terminal"]:
        _resize(engine, record["id"], 0, 1, 2)
    return attachment


def _resize(engine: Engine, container_id: str, *fds: int | None) -> None:
    size = terminal.window_size(*fds)
    if size is not None:
        console.resize(states.run_folder(engine, container_id, "ctl"), *size)


def detach_keys(engine: Engine, record: ContainerRecord, given: str | None) -> bytes:
    """The keys of the command line, of the container, or of containers.conf."""
    if given is None:
        given = record.get("detach_keys") or getattr(engine.settings, "detach_keys", None)
    return parse_keys(DEFAULT if given is None else given)


def serve(engine: Engine, record: ContainerRecord, attachment: Attachment, streams: Streams) -> str:
    """Carry the container's stdio until it ends ("eof") or the user detaches ("detached").

    While it lasts the terminal is raw (for a container with a terminal whose input is one), its changes of size
    and, with ``sig_proxy``, our signals are passed on."""
    container_id, tty = record["id"], record["config"]["terminal"]
    typed = tty and terminal.is_terminal(streams.stdin)
    # Only what is typed can detach: a file may contain any bytes.
    keys = detach_keys(engine, record, streams.detach_keys) if typed else None
    proxy = _Proxy(engine, record)
    try:
        with (
            terminal.OnSignals(PROXIED if streams.sig_proxy else (), proxy.pass_on) as caught,
            terminal.OnSignals(
                (_signal.SIGWINCH,) if tty else (),
                lambda _: _resize(engine, container_id, streams.stdin, streams.stdout, streams.stderr),
            ),
            terminal.RawTerminal(streams.stdin if typed else None),
        ):
            proxy.caught = caught
            if tty:
                _resize(engine, container_id, streams.stdin, streams.stdout, streams.stderr)
            return attach.stream(
                attachment, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, tty=tty, detach_keys=keys
            )
    except SkerryError as error:
        error.message = f"attaching to container {container_id}: {error.message}"
        raise
    finally:
        proxy.close()


def accompany(engine: Engine, record: ContainerRecord, streams: Streams) -> int:
    """Stay with a container that has our streams itself, passing signals on; its exit code."""
    proxy = _Proxy(engine, record)
    try:
        with terminal.OnSignals(PROXIED if streams.sig_proxy else (), proxy.pass_on) as caught:
            proxy.caught = caught
            return wait(engine, record["id"])
    finally:
        proxy.close()


class _Proxy:
    """Passes signals on to a container's first process, which is found when the first one comes."""

    __slots__ = ("_engine", "_pidfd", "_record", "caught")

    def __init__(self, engine: Engine, record: ContainerRecord) -> None:
        self._engine = engine
        self._record = record
        self._pidfd = -1
        self.caught: terminal.OnSignals | None = None

    def pass_on(self, number: int) -> None:
        if self._send(number):
            return
        # Nobody is there any more: the signal means us again.
        if self.caught is not None:
            self.caught.release(number)
            os.kill(os.getpid(), number)

    def _send(self, number: int) -> bool:
        try:
            record, state = states.reload(self._engine, self._record["id"]) if self._pidfd < 0 else (self._record, None)
            if state is not None:
                runtime = oci.of(self._engine.settings, record["config"])
                if not runtime.quirks.own_processes:
                    oci.kill(runtime, record["id"], number)
                    return True
                self._open(state)
            _signal.pidfd_send_signal(self._pidfd, number)
        except (SkerryError, ProcessLookupError):
            return False
        return True

    def _open(self, state: ContainerState) -> None:
        """A descriptor for the process, so that a reused pid is never hit."""
        pid = state.get("pid", 0)
        fd = os.pidfd_open(pid) if pid else -1
        if fd < 0 or not process.is_same(pid, state.get("pid_start", 0)):
            if fd >= 0:
                os.close(fd)
            raise Conflict("the container is not running")
        self._pidfd = fd

    def close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
