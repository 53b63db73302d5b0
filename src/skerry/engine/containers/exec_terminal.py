"""Exec sessions under a conmon of their own: on a terminal, or in the background."""

from __future__ import annotations

import _signal
import os

from skerry import fastjson
from skerry.engine.containers import exec_sessions
from skerry.errors import Unavailable
from skerry.linux import terminal
from skerry.runtime import attach, conmon, conmon_exec, console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.exec import Prepared
    from skerry.engine.containers.streams import Streams
    from skerry.engine.engine import Engine
    from skerry.runtime.first_size import FirstSize


def _launch(engine: Engine, prepared: Prepared, session_id: str, *, stdin: bool) -> conmon.Launch:
    folder = exec_sessions.make_folder(engine, prepared.container["id"], session_id)
    spec = os.path.join(folder, "process.json")
    exit_dir = os.path.join(folder, "exit")
    try:
        os.mkdir(exit_dir, 0o700)
        fd = os.open(spec, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(fastjson.encode(prepared.process))
    except OSError as error:
        raise Unavailable(f"cannot write {spec}: {error.strerror}") from error
    launch = conmon.Launch(
        id=prepared.container["id"], runtime=prepared.runtime, bundle=folder, conmon=engine.settings.conmon
    )
    launch.session_id = session_id
    launch.name = prepared.container["name"]
    launch.exit_dir = exit_dir
    launch.log_driver = "none"
    launch.terminal = prepared.process.get("terminal", False)
    launch.stdin = stdin
    launch.exec_process = spec
    launch.preserve_fds = prepared.preserve_fds
    return launch


def run_detached(engine: Engine, prepared: Prepared, *, stdin: bool = False) -> str:
    """Start it in the background; the session's id."""
    container_id, session_id = prepared.container["id"], exec_sessions.new_id()
    exec_sessions.sweep(engine, container_id)
    try:
        session = conmon_exec.launch(_launch(engine, prepared, session_id, stdin=stdin))
    except BaseException:
        exec_sessions.forget(engine, container_id, session_id)
        raise
    session.close()
    exec_sessions.note(engine, container_id, session_id, pid=session.pid, process_spec=prepared.process)
    engine.events.emit_container("exec", prepared.container)
    return session_id


def run_on_terminal(engine: Engine, prepared: Prepared, streams: Streams) -> int:
    """Run it on a terminal of its own, connected to ours; its exit code, or 0 when detached."""
    from skerry.engine.containers.attach import detach_keys

    container_id, session_id = prepared.container["id"], exec_sessions.new_id()
    typed = terminal.is_terminal(streams.stdin)
    keys = detach_keys(engine, prepared.container, streams.detach_keys) if typed else None
    exec_sessions.sweep(engine, container_id)
    outcome = ""
    try:
        attachments: list[attach.Attachment] = []
        launch = _launch(engine, prepared, session_id, stdin=streams.stdin is not None)
        ctl = os.path.join(launch.bundle, "ctl")

        def connect() -> None:
            attachments.append(attach.connect(os.path.join(launch.bundle, "attach")))
            attachments[0].wait_accepted()

        with _first_size(engine, prepared, streams):
            session = conmon_exec.launch(launch, attach=connect)
        exec_sessions.note(engine, container_id, session_id, pid=session.pid, process_spec=prepared.process)
        engine.events.emit_container("exec", prepared.container)
        outcome = _serve(attachments[0], streams, ctl, keys)
        if outcome == "detached":
            session.close()
            return 0
        code = session.wait()
    finally:
        if outcome != "detached":
            exec_sessions.forget(engine, container_id, session_id)
    engine.events.emit_container("exec_died", prepared.container, exit_code=code)
    return code


def _first_size(engine: Engine, prepared: Prepared, streams: Streams) -> FirstSize:
    from skerry.engine.containers import state as states
    from skerry.runtime.first_size import FirstSize

    size = terminal.window_size(streams.stdin, streams.stdout, streams.stderr)
    if size is None or engine.settings.rootless:
        return FirstSize(0, (0, 0))
    return FirstSize(states.reload(engine, prepared.container["id"])[1].get("pid", 0), size)


def _serve(attachment: attach.Attachment, streams: Streams, ctl: str, keys: bytes | None) -> str:
    def resize(_: int = 0) -> None:
        size = terminal.window_size(streams.stdin, streams.stdout, streams.stderr)
        if size is not None:
            console.resize(ctl, *size)

    with (
        terminal.OnSignals((_signal.SIGWINCH,), resize),
        terminal.RawTerminal(streams.stdin if terminal.is_terminal(streams.stdin) else None),
    ):
        resize()
        return attach.stream(
            attachment, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, tty=True, detach_keys=keys
        )
