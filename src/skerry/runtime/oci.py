"""The command line of OCI runtimes: crun, runc, runsc and those that behave like one of them.

A `Runtime` is a program with its global flags; each operation is one call of it. Everything here is synchronous
and holds no state: what a runtime knows about a container is in its own folder below `Runtime.state_root`.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid, NotFound, SkerryError, Unavailable
from skerry.linux.spawn import run
from skerry.runtime import crun
from skerry.runtime.cgroups import manager
from skerry.runtime.failures import message_in, translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.linux.spawn import Completed
    from skerry.runtime.types import ContainerConfig


class Quirks:
    """How one family of runtimes differs from the common command line."""

    __slots__ = (
        "bpf_annotation",
        "cgroup_manager_flag",
        "crun_state",
        "exec_preserve_fds",
        "exec_terminal",
        "fd_gaps",
        "flags",
        "ignore_cgroups_flag",
        "json_log",
        "own_processes",
        "shim",
        "updates",
    )  # fmt: skip

    def __init__(
        self,
        *,
        flags: tuple[str, ...] = (),
        json_log: bool = True,
        bpf_annotation: bool = False,
        cgroup_manager_flag: bool = False,
        exec_preserve_fds: bool = True,
        own_processes: bool = True,
        crun_state: bool = False,
        updates: str = "common",
        exec_terminal: bool = True,
        fd_gaps: bool = False,
        ignore_cgroups_flag: bool = False,
        shim: bool = False,
    ) -> None:
        self.flags = flags
        self.json_log = json_log
        self.bpf_annotation = bpf_annotation  # honours run.oci.seccomp_bpf_data
        self.cgroup_manager_flag = cgroup_manager_flag  # --cgroup-manager=systemd|cgroupfs|disabled
        self.exec_preserve_fds = exec_preserve_fds
        self.crun_state = crun_state  # keeps its state as `skerry.runtime.crun` knows it
        self.updates = updates  # "all" limits of a running container, the "common" ones (as runc), or "none"
        self.exec_terminal = exec_terminal  # `exec` knows --tty
        self.fd_gaps = fd_gaps  # numbers below the last that is passed on may be free
        self.ignore_cgroups_flag = ignore_cgroups_flag  # --ignore-cgroups, where it gets none
        self.shim = shim  # a containerd shim (`skerry.runtime.shim`): what conmon has is a stand-in's pid
        self.own_processes = own_processes  # the pid is the program itself, not a sandbox around it


# By the base name of the program, the longest prefix wins: "crun-wasm" is a crun.
QUIRKS = {
    "crun": Quirks(bpf_annotation=True, cgroup_manager_flag=True, crun_state=True, updates="all", fd_gaps=True),
    "krun": Quirks(bpf_annotation=True, cgroup_manager_flag=True, crun_state=True, updates="all", fd_gaps=True),
    "runc": Quirks(),
    "youki": Quirks(),
    # gVisor: ptrace works without KVM and on every kernel; the network namespace is ours, so it takes its
    # sockets from there ("host" means the container's own namespace).
    "runsc": Quirks(
        flags=("--network=host",),
        exec_preserve_fds=False,
        own_processes=False,
        updates="none",
        exec_terminal=False,
        ignore_cgroups_flag=True,
    ),
    "containerd-shim-": Quirks(exec_preserve_fds=False, own_processes=False, shim=True),
    "containerd-shim-runc-": Quirks(exec_preserve_fds=False, shim=True),
}
_OTHER = Quirks()
# What names a user's own systemd.
SESSION = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")


def quirks_of(path: str) -> Quirks:
    """The row of `QUIRKS` for a program."""
    name = os.path.basename(path)
    best = max((known for known in QUIRKS if name.startswith(known)), key=len, default="")
    return QUIRKS.get(best, _OTHER)


class Runtime:
    """One runtime program as it is called for one store."""

    __slots__ = ("flags", "name", "path", "prefix", "program", "quirks", "state_root", "systemd_cgroup", "user_bus")

    def __init__(
        self, path: str, state_root: str, *, flags: tuple[str, ...] = (), systemd_cgroup: bool = False, name: str = ""
    ) -> None:
        self.path = self.program = path  # what conmon calls, and what does the work
        self.name = name or os.path.basename(path)
        self.quirks = quirks_of(path)
        self.prefix: tuple[str, ...] = ()
        if self.quirks.shim:
            from skerry.config.launcher import launcher

            self.path, *words = launcher()
            self.prefix = (*words, "__shim", f"--shim={path}")
        self.state_root = state_root
        self.flags = flags
        self.systemd_cgroup = systemd_cgroup
        self.user_bus = False  # the systemd that makes its scopes is the user's own

    def environment(self) -> dict[str, str] | None:
        """What it is executed with; None for our own.

        crun asks the systemd of the session that its environment names, so root's in a login session would be root's
        own: its containers would stand in user@0.service, and end with it."""
        if not self.systemd_cgroup or self.user_bus:
            return None
        return {name: value for name, value in os.environ.items() if name not in SESSION}

    def global_args(self) -> list[str]:
        """What stands between the program and its command in every call."""
        args = [*self.prefix, f"--root={self.state_root}", *self.quirks.flags, *self.flags]
        if self.systemd_cgroup:
            args.append("--systemd-cgroup")
        return args

    def argv(self, *command: str) -> list[str]:
        """The whole command line for ``command``, errors as JSON on standard error where the runtime can."""
        log = ("--log-format=json",) if self.quirks.json_log else ()
        return [self.path, *self.global_args(), *log, *command]


def of(settings: Any, config: ContainerConfig) -> Runtime:
    """The runtime of a container, with the flags that it was created with."""
    runtime = find(settings, config["runtime"], config.get("runtime_flags", ()))
    runtime.systemd_cgroup = manager(settings, config) == "systemd"
    return runtime


def find(settings: Any, name: str = "", flags: Sequence[str] = ()) -> Runtime:
    """The runtime ``name`` (a name of containers.conf, a program, or a path; default the configured one).

    ``flags`` of its own, or those of the command line, or else those of containers.conf for that name. ``Invalid``
    when there is no such program."""
    name = name or settings.runtime
    path = _program(name, settings.runtimes)
    label = os.path.basename(path)
    given = settings.runtime_flags or flags or settings.conf["engine"]["runtimes_flags"].get(name, ())
    runtime = Runtime(
        path,
        os.path.join(settings.runroot, label),
        flags=tuple(flag if flag.startswith("-") else f"--{flag}" for flag in given),
        systemd_cgroup=manager(settings) == "systemd",
        name=label,
    )
    runtime.user_bus = bool(settings.rootless)
    return runtime


def _program(name: str, table: dict[str, list[str]]) -> str:
    if "/" in name:
        if os.access(name, os.X_OK):
            return os.path.abspath(name)
        raise Invalid(
            f'default OCI runtime "{name}" not found: invalid argument', hint="install it, or name another by --runtime"
        )
    parts = name.split(".")
    if len(parts) > 2 and name not in table:
        # containerd's name of a shim, such as io.containerd.runc.v2: its last two parts name the program.
        name = f"containerd-shim-{parts[-2]}-{parts[-1]}"
    search = [os.path.join(folder, name) for folder in os.environ.get("PATH", "").split(":") if folder]
    fixed = [f"{folder}/{name}" for folder in ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")]
    paths: list[str] = [*table.get(name, ()), *fixed, *search]
    for path in paths:
        if os.access(path, os.X_OK):
            return path
    raise Invalid(
        f'default OCI runtime "{name}" not found: invalid argument',
        hint=f"install {name}, or name another by --runtime",
    )


def _call(runtime: Runtime, *command: str) -> Completed:
    done = run(runtime.argv(*command), env=runtime.environment())
    if done.code != 0:
        raise failure(runtime, done)
    return done


def failure(runtime: Runtime, done: Completed) -> SkerryError:
    """The error for a call of ``runtime`` that failed."""
    message = message_in(done.stderr) or message_in(done.stdout) or f"exit code {done.code}"
    if _is_gone(message):
        return NotFound(f"{runtime.name}: {message}")
    return translate(runtime.name, message)


def _is_gone(message: str) -> bool:
    lower = message.lower()
    return (
        ("does not exist" in lower and "container" in lower)
        or ("error opening file" in lower and "status`" in lower)
        or ("cannot open" in lower and "status" in lower and "no such file" in lower)
    )


def start(runtime: Runtime, container_id: str) -> None:
    """Let a created container's program run."""
    if runtime.quirks.crun_state and crun.start(os.path.join(runtime.state_root, container_id)):
        return
    _call(runtime, "start", container_id)


def kill(runtime: Runtime, container_id: str, signal: int, *, everyone: bool = False) -> None:
    """Send ``signal`` to the container's first process, or to all. ``NotFound`` when it is gone."""
    flags = ("--all",) if everyone else ()
    _call(runtime, "kill", *flags, container_id, str(signal))


def delete(runtime: Runtime, container_id: str, *, force: bool = True) -> None:
    """Remove what the runtime and the kernel (cgroups) still hold. Idempotent."""
    if runtime.quirks.crun_state and crun.delete(os.path.join(runtime.state_root, container_id)):
        return
    try:
        _call(runtime, "delete", *(("--force",) if force else ()), container_id)
    except NotFound:
        pass  # somebody else did it


def pause(runtime: Runtime, container_id: str) -> None:
    """Freeze all processes."""
    _call(runtime, "pause", container_id)


def resume(runtime: Runtime, container_id: str) -> None:
    """Thaw all processes."""
    _call(runtime, "resume", container_id)


def state(runtime: Runtime, container_id: str) -> dict[str, Any]:
    """The runtime's own view: ``status``, ``pid``, … (OCI state). ``NotFound`` when it knows nothing."""
    answer = fastjson.loads(_call(runtime, "state", container_id).stdout)
    if not isinstance(answer, dict):
        raise Unavailable(f"{runtime.name}: state of {container_id} is not an object")
    return answer


def processes(runtime: Runtime, container_id: str) -> str:
    """The runtime's own table of the container's processes, for those that live in a sandbox."""
    return _call(runtime, "ps", container_id).stdout.decode("utf-8", "replace")


def task_pids(runtime: Runtime, container_id: str) -> tuple[int, int]:
    """The container's own first process, where conmon knows only who stands for it, and its shim; zeros when it has
    just ended."""
    try:
        found = state(runtime, container_id)
        return int(found["pid"]), int(found["shimPid"])
    except (NotFound, KeyError, ValueError):
        return 0, 0


def update(runtime: Runtime, container_id: str, resources: dict[str, Any]) -> None:
    """Apply OCI ``linux.resources`` to a running container. `Invalid`: the kernel or the runtime refuses one of them."""
    done = run(
        runtime.argv("update", "--resources", "-", container_id), input=fastjson.dumps(resources).encode(),
        env=runtime.environment(),
    )  # fmt: skip
    if done.code != 0:
        reason = message_in(done.stderr) or message_in(done.stdout) or f"exit code {done.code}"
        raise Invalid(f"cannot change the limits of container {container_id}: {runtime.name}: {reason}")


def exec_argv(
    runtime: Runtime,
    container_id: str,
    process: str,
    *,
    detach: bool = False,
    terminal: bool = False,
    pidfile: str = "",
    console_socket: str = "",
    preserve_fds: int = 0,
    log: str = "",
) -> list[str]:
    """The command that runs the process described by the file ``process`` in a running container.

    Its exit code is the program's own. ``log``: a file for the runtime's errors (standard error is the program's)."""
    args = [runtime.path, *runtime.global_args()]
    if log:
        args += [f"--log={log}", *(("--log-format=json",) if runtime.quirks.json_log else ())]
    args += ["exec", "--process", process]
    if detach:
        args.append("--detach")
    if terminal:
        args.append("--tty")
    if pidfile:
        args += ["--pid-file", pidfile]
    if console_socket:
        args += ["--console-socket", console_socket]
    if preserve_fds and runtime.quirks.exec_preserve_fds:
        args += ["--preserve-fds", str(preserve_fds)]
    return [*args, container_id]
