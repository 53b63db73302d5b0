"""``skerry exec``: a further program in a running container.

Without a terminal, in the foreground: the runtime's own ``exec``, nothing between but pipes (a fifth of Podman's
time). With a terminal, or detached, a conmon of its own holds it, so that it outlives us.
"""

from __future__ import annotations

import os

from skerry.engine.containers import exec_sessions
from skerry.engine.containers import state as states
from skerry.engine.containers.options.process import additions
from skerry.engine.containers.streams import require_descriptors
from skerry.errors import CommandNotFound, CommandNotRunnable, Conflict, Invalid, SkerryError, Unsupported
from skerry.linux import process, terminal
from skerry.runtime import cgroups, oci, users
from skerry.runtime.spec_process import exec_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict, Unpack

    from skerry.engine.containers.streams import Streams
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.oci import Runtime

    class ExecOptions(TypedDict, total=False):
        """``env`` and ``env_file`` as for create; ``user`` "" is the container's own; ``cap_add`` names."""

        env: list[str]
        env_file: list[str]
        user: str
        workdir: str
        privileged: bool
        tty: bool
        no_session: bool
        preserve_fds: int
        preserve_fd: list[str]
        cap_add: list[str]


class Prepared:
    """All that is decided about a program before it is executed."""

    __slots__ = ("container", "listed", "preserve_fds", "process", "runtime")

    def __init__(
        self, container: ContainerRecord, process: dict[str, Any], runtime: Runtime, preserve_fds: Sequence[int],
        *, listed: bool = True,
    ) -> None:  # fmt: skip
        """``listed``: others see that it runs (without a terminal nothing else depends on that)."""
        self.container = container
        self.process = process
        self.runtime = runtime
        self.preserve_fds = preserve_fds
        self.listed = listed


def exec_run(
    engine: Engine, name: str, command: list[str], streams: Streams | None = None, **options: Unpack[ExecOptions]
) -> int:
    """Run ``command`` in a running container with its stdio on ``streams`` (default: output on ours, no input).

    The program's exit code, 128 + the signal that ended it, 0 when detached. `NotFound`, `CommandNotFound` (127),
    `CommandNotRunnable` (126); `Conflict` and others before it runs have Podman's exit code 255."""
    from skerry.engine.containers.streams import Streams

    prepared = prepare(engine, name, command, options)
    streams = streams or Streams()
    if prepared.process.get("terminal"):
        from skerry.engine.containers.exec_terminal import run_on_terminal

        return run_on_terminal(engine, prepared, streams)
    return _run_on_pipes(engine, prepared, streams)


def exec_detached(
    engine: Engine, name: str, command: list[str], *, stdin: bool = False, **options: Unpack[ExecOptions]
) -> str:
    """Start ``command`` in the background, its input open (nobody writes there) or empty; the session's id."""
    from skerry.engine.containers.exec_terminal import run_detached

    try:
        return run_detached(engine, prepare(engine, name, command, options), stdin=stdin)
    except (CommandNotFound, CommandNotRunnable) as error:
        error.exit_code = 125  # nobody waits for the program: as Podman
        raise


def prepare(engine: Engine, name: str, command: list[str], options: ExecOptions) -> Prepared:
    """Check that it can run, and decide as whom and with what."""
    if not command:
        raise Invalid("must provide a non-empty command to start an exec session: invalid argument")
    record, written = states.find(engine, name)
    env = additions(options.get("env", []), options.get("env_file", []))
    try:
        state = states.observe(engine, record["id"], written)
        _require_running(record, state)
        config = record["config"]
        rootfs = states.rootfs_path(engine, record)
        user_name = options.get("user", "")
        texts: Mapping[str, str] = {}
        if user_name or config["user"]:
            from skerry.engine.containers.identity import accounts, named_user

            texts = accounts(record, rootfs).texts
            if record.get("host_users"):
                user_name = user_name or named_user(record, rootfs)
        if user_name:
            # The groups of --group-add are the container's own user's.
            config = {**config, "user": user_name}
        user = users.resolve(rootfs, config["user"], config.get("groups", ()), texts=texts)
        tty = options.get("tty", False)
        if record.get("secrets"):
            from skerry.engine.containers import secrets

            env = [*env, *secrets.environment(engine, record)]
        env = [*state.get("hook_env", ()), *env]
        spec = exec_process(
            config, user, engine.settings, args=command, cwd=options.get("workdir", ""), terminal=tty,
            env=env, privileged=options.get("privileged", False), cap_add=options.get("cap_add", ()),
            console_size=terminal.window_size(0, 1, 2) if tty else None,
        )  # fmt: skip
    except (CommandNotFound, CommandNotRunnable):
        raise
    except SkerryError as error:
        error.exit_code = 255
        raise
    runtime = oci.of(engine.settings, config)
    if tty and not runtime.quirks.exec_terminal:
        raise Unsupported(f"{runtime.name} cannot execute programs on a terminal", exit_code=255)
    fds = require_descriptors(options.get("preserve_fds", 0), options.get("preserve_fd", ()))
    cgroups.enter_users_tree(engine.settings)
    return Prepared(record, spec, runtime, fds, listed=not options.get("no_session", False))


def _require_running(record: ContainerRecord, state: ContainerState) -> None:
    states.require("exec", record, state)
    if not process.is_same(state.get("pid", 0), state.get("pid_start", 0)):
        raise Conflict("can only create exec sessions on running containers: container state improper")


def _run_on_pipes(engine: Engine, prepared: Prepared, streams: Streams) -> int:
    from skerry.runtime.execute import Execution

    container_id, session_id = prepared.container["id"], ""
    running = Execution(
        prepared.runtime, container_id, prepared.process, stdin=streams.stdin is not None,
        preserve_fds=prepared.preserve_fds,
    )  # fmt: skip

    def list_it() -> None:
        # Only what runs for longer than a moment is worth a file.
        nonlocal session_id
        if not prepared.listed:
            return
        session_id = exec_sessions.new_id()
        exec_sessions.note(engine, container_id, session_id, pid=running.pid, process_spec=prepared.process)

    engine.events.emit_container("exec", prepared.container)
    from skerry.engine.containers.attach import PROXIED

    try:
        with terminal.OnSignals(PROXIED if streams.sig_proxy else (), _Forward(running.pid)):
            code = running.carry(stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, when_long=list_it)
    finally:
        if session_id:
            exec_sessions.forget(engine, container_id, session_id)
    engine.events.emit_container("exec_died", prepared.container, exit_code=code)
    return code


class _Forward:
    """Passes signals on to the program. Podman lets Ctrl-C end only itself and leaves the program behind.

    A program that ignores three of the same in a row is left behind here too: nobody shall be stuck."""

    __slots__ = ("_count", "_last", "_pid")

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last = self._count = 0

    def __call__(self, number: int) -> None:
        self._count = self._count + 1 if number == self._last else 1
        self._last = number
        if self._count > 3:
            os._exit(128 + number)
        try:
            os.kill(self._pid, number)  # our own child, not waited for yet: the pid is still its
        except ProcessLookupError:
            pass  # it has just ended
