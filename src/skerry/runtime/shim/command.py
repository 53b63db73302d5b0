"""The command line of an OCI runtime (runc's), done by a containerd shim: create, start, exec, kill, delete, ….

Called by conmon and by `skerry.runtime.oci` as ``skerry __shim --shim PROGRAM --root FOLDER … COMMAND``.
"""

from __future__ import annotations

import os
import signal

from skerry import __version__, fastjson
from skerry.errors import Invalid, NotFound, SkerryError, Unavailable, Unsupported
from skerry.runtime.shim import standin, ttrpc
from skerry.runtime.shim.place import Place
from skerry.runtime.shim.task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SWITCHES = frozenset(
    ("--systemd-cgroup", "--no-pivot", "--no-new-keyring", "--detach", "--tty", "--force", "--all", "--version")
)  # fmt: skip
_VALUES = frozenset(
    ("--shim", "--root", "--log", "--log-format", "--bundle", "--pid-file", "--console-socket", "--process", "--resources",
     "--preserve-fds")
)  # fmt: skip
_END_S = 30


class Line:
    """A command line, taken apart. ``words``: the command and its arguments."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.flags: dict[str, str] = {}
        self.words: list[str] = []
        self.unknown = ""
        rest = iter(argv)
        for word in rest:
            name, equals, value = word.partition("=")
            if name in _SWITCHES:
                self.flags[name] = "true"
            elif name in _VALUES:
                self.flags[name] = value if equals else next(rest, "")
            elif word.startswith("--"):
                self.unknown = self.unknown or name
            else:
                self.words.append(word)

    def __getitem__(self, flag: str) -> str:
        return self.flags.get(flag, "")

    @property
    def id(self) -> str:
        """The container's."""
        if len(self.words) < 2 or "/" in self.words[1] or self.words[1] in ("", ".", ".."):
            raise Invalid("a container's id is required")
        return self.words[1]

    def place(self) -> Place:
        """Where this container's shim is."""
        return Place(self["--root"], self.id, self["--shim"])


def main(argv: Sequence[str]) -> int:
    """Do one command; its exit code. Errors go to ``--log`` as JSON, and to standard error."""
    line = Line(argv)
    try:
        if line.unknown:
            raise Invalid(f"a containerd shim has no flag {line.unknown}")
        if line["--version"]:
            _say(1, f"skerry's containerd shim adapter {__version__} for {line['--shim']}\n")
            return 0
        command = COMMANDS.get(line.words[0] if line.words else "")
        if command is None:
            raise Unsupported(f"a containerd shim cannot do {' '.join(line.words[:1]) or 'nothing'}")
        return command(line)
    except (SkerryError, OSError) as error:
        _complain(str(error) if isinstance(error, OSError) else error.message, line["--log"])
        return 1


def _say(fd: int, text: str) -> None:
    # Straight: the process is left by _exit, which flushes nothing.
    os.write(fd, text.encode("utf-8", "backslashreplace"))


def _complain(message: str, log: str) -> None:
    text = fastjson.dumps({"level": "error", "msg": message})
    if log:
        try:
            with open(log, "a", encoding="utf-8") as file:
                file.write(text + "\n")
            return
        except OSError:
            pass  # then standard error gets it
    _say(2, text + "\n")


# Creating


def create(line: Line) -> int:
    """Start the shim and have it create the container. Leaves the stand-in to conmon, in the pid file."""
    if os.geteuid() or not os.access("/run", os.W_OK):
        raise Unsupported("containerd shims need root: their sockets are in /run/containerd")
    if int(line["--preserve-fds"] or 0):
        raise Unsupported("a containerd shim cannot pass descriptors on (--preserve-fds)")
    place = line.place()
    return _in_background(lambda report: _stand_for_container(line, place, report))


def _stand_for_container(line: Line, place: Place, report: Callable[[], None]) -> int:
    bundle = os.path.abspath(line["--bundle"])
    log = standin.open_log(bundle)
    # Without an address until it is known: killed in between, `delete` asks again for the shim that may have started.
    place.write({"address": "", "version": 2, "bundle": bundle})
    place.find_shim(bundle)
    try:
        streams = standin.Streams(place.folder, "init", line["--console-socket"])
        place.task().create(bundle, streams.stdio, place.options(systemd_cgroup=bool(line["--systemd-cgroup"])))
        waiting = place.task(timeout_s=None)
        waiting.begin_wait()
        _write_pid(line["--pid-file"])
        report()  # fails when who waits for it was killed: then conmon counts on no container
    except BaseException:
        _take_back(place, bundle, force=True)
        raise
    return standin.Watch(place, waiting, streams, log).run()


def _in_background(stand: Callable[[Callable[[], None]], int]) -> int:
    """Run ``stand`` in a child that stays; returns when it reports, or raises what it failed with."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setsid()  # the terminal's and the session's end are not the container's

        def report() -> None:
            os.write(write, b"\0")
            os.close(write)
            standin.let_go()

        code = 1
        try:
            code = stand(report)
        except (SkerryError, OSError) as error:
            try:
                os.write(write, (error.message if isinstance(error, SkerryError) else str(error)).encode())
            except OSError:
                pass  # it was reported: nobody listens any more
        finally:
            os._exit(code)
    os.close(write)
    answer = b"".join(iter(lambda: os.read(read, 65536), b""))
    if answer != b"\0":
        os.waitpid(pid, 0)
        raise Unavailable(answer.decode("utf-8", "replace") or "the stand-in of a containerd shim was killed")
    return 0


def _write_pid(path: str) -> None:
    if path:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(os.getpid()))


# Programs in it


def execute(line: Line) -> int:
    """A further program: until its end, or with --detach in the background under conmon."""
    place = line.place()
    place.read()
    with open(line["--process"], "rb") as file:
        process = fastjson.loads(file.read())
    exec_id = os.urandom(16).hex()
    if line["--detach"]:
        return _in_background(lambda report: _stand_for_exec(line, place, exec_id, process, report))
    return _stand_for_exec(line, place, exec_id, process, lambda: _follow_signals(place, exec_id))


def _stand_for_exec(
    line: Line, place: Place, exec_id: str, process: dict[str, object], report: Callable[[], None]
) -> int:
    streams = standin.Streams(place.folder, exec_id, line["--console-socket"])
    task = place.task(exec_id)
    task.add_exec(process, streams.stdio)
    try:
        waiting = place.task(exec_id, timeout_s=None)
        task.start()
        waiting.begin_wait()
    except BaseException:
        _quietly(task.delete)
        streams.remove()
        raise
    _write_pid(line["--pid-file"])
    report()
    code = standin.Watch(place, waiting, streams).run()
    _quietly(task.delete)
    streams.remove()
    return code


def _follow_signals(place: Place, exec_id: str) -> None:
    def forward(number: int, _frame: object) -> None:
        _quietly(lambda: place.task(exec_id, timeout_s=5).kill(number))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, forward)


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except SkerryError:
        pass  # it has ended, or its shim has: what is left goes with the container


# The container


def start(line: Line) -> int:
    """Let it run."""
    line.place().task().start()
    return 0


def kill(line: Line) -> int:
    """``kill ID SIGNAL``, --all: every process."""
    number = int(line.words[2]) if len(line.words) > 2 and line.words[2].isdigit() else 15
    _still(line).kill(number, everyone=bool(line["--all"]))
    return 0


def pause(line: Line) -> int:
    """Freeze it."""
    _still(line).pause()
    return 0


def resume(line: Line) -> int:
    """Thaw it."""
    _still(line).resume()
    return 0


def update(line: Line) -> int:
    """Other limits: OCI resources on standard input or in a file."""
    with open(0 if line["--resources"] == "-" else line["--resources"], "rb", closefd=False) as file:
        _still(line).update(fastjson.loads(file.read()))
    return 0


def state(line: Line) -> int:
    """The OCI state."""
    task = _still(line)
    found = task.state()
    answer = {"ociVersion": "1.0.2", "id": line.id, **{key: found[key] for key in ("status", "pid", "bundle")}}
    answer["shimPid"] = task.shim_pid()
    _say(1, fastjson.dumps(answer) + "\n")
    return 0


def processes(line: Line) -> int:
    """The pids of all its processes, as JSON."""
    _say(1, fastjson.dumps(_still(line).pids()) + "\n")
    return 0


def _still(line: Line) -> Task:
    """A connection to a shim that lives; one that was killed has taken its container along."""
    try:
        return line.place().task()
    except ttrpc.Closed as error:
        raise NotFound(f"container does not exist: {error.message}") from None


def delete(line: Line) -> int:
    """Forget a container that has ended, or with --force end it; and its shim."""
    place = line.place()
    known = place.read()
    bundle = known["bundle"]
    # Of a stand-in that was killed early: a shim whose log nobody reads stands still at its first line.
    log = _reader_of_log(bundle)
    try:
        if not known["address"]:
            place.kill_starters()
            place.find_shim(bundle)
        _take_back(place, bundle, force=bool(line["--force"]))
    finally:
        if log >= 0:
            os.close(log)
    return 0


def _take_back(place: Place, bundle: str, *, force: bool) -> None:
    """Delete the container, if there is one, and end its shim."""
    try:
        _end_container(place.task(timeout_s=_END_S), force=force)
    except NotFound:
        pass  # never created, or deleted before: only the shim is left
    except ttrpc.Closed:
        place.delete_by_shim(bundle)
    _end_shim(place, bundle)


def _reader_of_log(bundle: str) -> int:
    try:
        return os.open(f"{bundle}/log", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1  # there is none (any more)


def _end_container(task: Task, *, force: bool) -> None:
    if task.state()["status"] not in ("stopped", "unknown"):
        if not force:
            raise Unavailable("cannot delete a container that is not stopped")
        _quietly(task.resume)  # a frozen process does not end
        _quietly(lambda: task.kill(signal.SIGKILL, everyone=True))
        task.begin_wait()
        task.end_wait()
    task.delete()


def _end_shim(place: Place, bundle: str) -> None:
    try:
        place.task(timeout_s=5).shutdown()
    except ttrpc.Closed:
        pass  # that is how it says goodbye
    except SkerryError:
        place.delete_by_shim(bundle)
    place.remove_socket()
    place.forget()


COMMANDS: dict[str, Callable[[Line], int]] = {
    "create": create, "start": start, "exec": execute, "kill": kill, "delete": delete, "state": state,
    "pause": pause, "resume": resume, "update": update, "ps": processes,
}  # fmt: skip
