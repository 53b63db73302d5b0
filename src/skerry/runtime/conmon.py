"""conmon: the small C program that holds a container's stdio, log and exit code while we are gone.

Protocol: conmon waits for a byte on ``_OCI_STARTPIPE`` (so that it can be moved to its cgroup first), runs
``RUNTIME create``, then writes one JSON line to ``_OCI_SYNCPIPE``: ``{"data": PID}`` or ``{"data": -1,
"message": …}``. When the container ends it writes ``exit_dir/ID`` and executes the exit command.
"""

from __future__ import annotations

import errno
import os
import select

from skerry import fastjson
from skerry.errors import Invalid, Unavailable
from skerry.linux.spawn import DEFAULT_PATH, spawn
from skerry.runtime.exit_command import exit_command as exit_command
from skerry.runtime.failures import read_log, translate
from skerry.runtime.oci import SESSION, task_pids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.runtime.cgroups import ConmonGroup
    from skerry.runtime.oci import Runtime

# Meant for the client that systemd started, and for nobody who outlives it.
_CLIENTS = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
# Log drivers without a log: the program has our own streams, conmon none. The second one also where these are a terminal.
PASSTHROUGH = ("passthrough", "passthrough-tty")
# How often to look after a silent runtime, and how long Podman waits for its create.
_LOOK_S, _CREATE_S = 2, 240
_MAX_REPORT = 1 << 20


class Launch:
    """What conmon has to know about one container (or one exec session, with ``exec_process``)."""

    __slots__ = (
        "bundle", "conmon", "conmon_pidfile", "enter_cgroup", "env", "exec_attach", "exec_process",
        "exit_command", "exit_delay_s", "exit_dir", "held_fd", "id", "log_driver", "log_flags", "log_level", "log_path",
        "log_size_max", "log_tag", "name", "no_cgroups", "no_new_keyring", "no_pivot", "oci_log",
        "persist_dir", "pidfile", "preserve_fds", "runtime", "sdnotify_socket", "session_id", "stdin",
        "stdin_once", "sync_log", "terminal", "timeout_s",
    )  # fmt: skip

    def __init__(self, *, id: str, runtime: Runtime, bundle: str, conmon: str = "/usr/bin/conmon") -> None:
        self.id = id
        self.session_id = id  # conmon's -u: what the exit file is named after
        self.runtime = runtime
        self.conmon = conmon
        self.bundle = bundle
        self.name = ""
        self.pidfile = os.path.join(bundle, "pidfile")
        self.conmon_pidfile = os.path.join(bundle, "conmon.pid")
        self.oci_log = os.path.join(bundle, "oci-log")
        self.exit_dir = ""
        self.persist_dir = ""
        self.log_driver = "k8s-file"
        self.log_path = ""
        self.log_tag = ""
        self.log_flags: list[str] = []  # of rotation and labels: conmon has them since 2.2
        self.log_size_max = 0
        self.log_level = "warning"
        self.sync_log = True  # fsync the log before the exit is reported; up to a second on a busy disk
        self.terminal = False
        self.stdin = False
        self.stdin_once = True  # close the program's stdin when the first attached client leaves
        self.exit_command: list[str] = []
        self.exit_delay_s = 0
        self.timeout_s = 0
        self.no_cgroups = False  # the runtime makes no control groups (nothing is delegated, or --cgroups=disabled)
        self.no_pivot = False
        self.no_new_keyring = False
        self.preserve_fds: Sequence[int] = ()
        self.held_fd = -1  # what conmon keeps open as long as it lives, without using it; `launch` closes ours
        self.sdnotify_socket = ""
        self.exec_process = ""  # file with the OCI process of an exec session
        self.exec_attach = False  # conmon waits for an attached client (see `conmon_exec`)
        self.env: dict[str, str] = {}
        self.enter_cgroup: ConmonGroup | None = None  # None: conmon stays in our control groups


class Launched:
    """A created container: its first process (waiting for ``oci.start``) and its conmon."""

    __slots__ = ("conmon_pid", "pid")

    def __init__(self, pid: int, conmon_pid: int) -> None:
        self.pid = pid
        self.conmon_pid = conmon_pid


def launch(launch: Launch) -> Launched:
    """Create the container under a conmon of its own.

    On an error (`CommandNotFound`, `CommandNotRunnable`, `Unavailable`) conmon has ended and the runtime holds
    nothing."""
    _remove(launch.oci_log)
    report, conmon_pid = _start(launch)
    pid = _data(report)
    if pid > 0:
        monitors = [read_pid(launch.conmon_pidfile) or conmon_pid]
        if launch.runtime.quirks.shim:
            task, shim = task_pids(launch.runtime, launch.id)
            monitors += [pid, shim]
            pid = task or pid
        if launch.enter_cgroup is not None:
            for monitor in filter(None, monitors):
                launch.enter_cgroup.after_create(monitor)
        return Launched(pid, monitors[0])
    raise _failure(launch, report)


def _start(launch: Launch) -> tuple[dict[str, Any], int]:
    sync_read, sync_write = os.pipe()
    start_read, start_write = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    streams = -1 if launch.log_driver in PASSTHROUGH else null
    passed, held = launch.preserve_fds, [launch.held_fd] if launch.held_fd >= 0 else []
    command = argv(launch)
    if passed:
        from skerry.linux.gaps import above, filled

        sync_write, start_read = above(sync_write, passed), above(start_read, passed)
        held = [above(fd, passed) for fd in held]
        command = filled(command, passed)
    env = environment(launch)
    env["_OCI_SYNCPIPE"], env["_OCI_STARTPIPE"] = str(sync_write), str(start_read)
    group = launch.enter_cgroup
    try:
        pid = spawn(
            command,
            env=env,
            stdin=streams,
            stdout=streams,
            stderr=streams,
            cwd=launch.bundle,
            pass_fds=[sync_write, start_read, *passed, *held],
        )
    except BaseException:
        os.close(sync_read)
        os.close(start_write)
        raise
    finally:
        for fd in (sync_write, start_read, null, *held):
            os.close(fd)
    try:
        if group is not None:
            group.before_fork(pid)
        os.write(start_write, b"\0")
        return _read_report(sync_read, launch), pid
    except BrokenPipeError:
        return {}, pid
    finally:
        os.close(start_write)
        os.close(sync_read)
        # The first conmon forks the one that stays and ends.
        os.waitpid(pid, 0)


def environment(launch: Launch) -> dict[str, str]:
    """What conmon and the runtime get of our environment: all that the clean-up may depend on, which is most of it."""
    env = {key: value for key, value in os.environ.items() if key not in _CLIENTS}
    if launch.runtime.environment() is not None:
        env = {key: value for key, value in env.items() if key not in SESSION}
    env.setdefault("PATH", DEFAULT_PATH)
    return env | launch.env


def argv(launch: Launch) -> list[str]:
    """conmon's command line."""
    runtime = launch.runtime
    args = [
        launch.conmon, "--api-version", "1", "-c", launch.id, "-u", launch.session_id, "-r", runtime.path,
        "-b", launch.bundle, "-p", launch.pidfile, "-n", launch.name or launch.id, "--exit-dir", launch.exit_dir,
        "--full-attach", "--log-level", launch.log_level, "--conmon-pidfile", launch.conmon_pidfile,
        "-l", _log_argument(launch),
    ]  # fmt: skip
    # Never both -t and -i: with -i conmon closes the terminal's input when a client detaches. Podman does so too.
    flags = (("-s", runtime.systemd_cgroup and not runtime.quirks.shim), ("-t", launch.terminal), ("-i", launch.stdin and not launch.terminal),
             ("--leave-stdin-open", launch.stdin and not launch.stdin_once), ("--no-pivot", launch.no_pivot),
             ("--no-new-keyring", launch.no_new_keyring), ("--no-sync-log", not launch.sync_log))  # fmt: skip
    args += [flag for flag, wanted in flags if wanted]
    values = (("--persist-dir", launch.persist_dir), ("--log-tag", launch.log_tag), ("--log-size-max", launch.log_size_max),
              ("-T", launch.timeout_s), ("--exit-delay", launch.exit_delay_s), ("--sdnotify-socket", launch.sdnotify_socket))  # fmt: skip
    for flag, value in values:
        if value:
            args += [flag, str(value)]
    args += launch.log_flags
    if launch.exec_process:
        args += ["-e", "--exec-process-spec", launch.exec_process]
        if launch.exec_attach:
            args.append("--exec-attach")
    # conmon adds --systemd-cgroup itself for -s, and before all others: a shim's command would come after it.
    globals_ = [arg for arg in runtime.global_args() if arg != "--systemd-cgroup" or runtime.quirks.shim]
    if launch.no_cgroups and runtime.quirks.cgroup_manager_flag:
        globals_.append("--cgroup-manager=disabled")
    if launch.no_cgroups and runtime.quirks.ignore_cgroups_flag:
        globals_.append("--ignore-cgroups")
    if runtime.quirks.json_log:
        globals_.append("--log-format=json")
    for arg in [*globals_, f"--log={launch.oci_log}"]:
        args.append(f"--runtime-arg={arg}")
    if launch.preserve_fds:
        # The runtime counts from 3; of those below the last it passes on what there is.
        args += ["--runtime-opt=--preserve-fds", f"--runtime-opt={max(launch.preserve_fds) - 2}"]
    if launch.exit_command:
        args.append(f"--exit-command={launch.exit_command[0]}")
        args += [word for arg in launch.exit_command[1:] for word in ("--exit-command-arg", arg)]
    return args


def _log_argument(launch: Launch) -> str:
    if launch.log_driver == "none":
        return "off"
    if launch.log_driver in PASSTHROUGH:
        return PASSTHROUGH[0]
    if launch.log_driver == "journald":
        return launch.log_driver
    return f"k8s-file:{launch.log_path}" if launch.log_driver in ("k8s-file", "json-file") else launch.log_driver


def _read_report(fd: int, launch: Launch) -> dict[str, Any]:
    """The first JSON line on the sync pipe; empty when conmon ended without one."""
    buffer = b""
    while b"\n" not in buffer and len(buffer) < _MAX_REPORT:
        if not _comes(fd, launch):
            if conmon := read_pid(launch.conmon_pidfile):
                os.kill(conmon, 9)
            return {"message": "it ended, or hangs, without having made the container"}
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        buffer += chunk
    if not buffer:
        return {}
    try:
        report = fastjson.loads(buffer.partition(b"\n")[0])
    except Invalid:
        return {"message": buffer.decode(errors="replace")}
    return report if isinstance(report, dict) else {}


def _comes(fd: int, launch: Launch) -> bool:
    """Wait for something to read on the sync pipe; False when there will be nothing.

    A runtime can be killed (by the kernel, out of memory) beside its finished child: conmon then reads the runtime's
    errors until the child closes them, and the child waits to be started."""
    for turn in range(_CREATE_S // _LOOK_S):
        if select.select([fd], [], [], _LOOK_S)[0]:
            return True
        if turn and not _runtime_lives(launch):
            return bool(select.select([fd], [], [], _LOOK_S)[0])
    return False


def _runtime_lives(launch: Launch) -> bool:
    """Whether conmon has a child in our own pid namespace: the container's program is in another, mostly.

    Who speaks with a containerd shim is looked for; the shim itself, which becomes conmon's child, does not report."""
    conmon = read_pid(launch.conmon_pidfile)
    try:
        with open(f"/proc/{conmon}/task/{conmon}/children", encoding="ascii") as file:
            children = file.read().split()
        if launch.runtime.quirks.shim:
            return any(_is_adapter(child) for child in children)
        return any(os.readlink(f"/proc/{child}/ns/pid") == os.readlink("/proc/self/ns/pid") for child in children)
    except OSError:
        return True  # it cannot be told


def _is_adapter(pid: str) -> bool:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return b"__shim" in file.read(4096).split(b"\0")


def _data(report: dict[str, Any]) -> int:
    value = report.get("data", report.get("pid", -1))  # "pid" before API version 1
    return value if isinstance(value, int) else -1


def _failure(launch: Launch, report: dict[str, Any]) -> Exception:
    message = read_log(launch.oci_log) or str(report.get("message", ""))
    if not message:
        return Unavailable("conmon ended without a report", hint="its log level can be raised by --log-level debug")
    return translate(launch.runtime.name, message)


def read_pid(path: str) -> int:
    """The pid in a pid file; 0 without one."""
    try:
        with open(path, "rb") as file:
            return int(file.read(32) or 0)
    except (OSError, ValueError):
        return 0


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise Unavailable(f"cannot remove {path}: {os.strerror(error.errno or 0)}") from error
