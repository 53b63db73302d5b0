"""``skerry run``: create, attach, start, and in the foreground stay until the end."""

from __future__ import annotations

from skerry.engine.containers import exits
from skerry.engine.containers import state as states
from skerry.engine.containers.create import create
from skerry.engine.containers.remove import remove_ended
from skerry.engine.containers.start import start
from skerry.engine.containers.streams import Streams, require_descriptors
from skerry.engine.containers.wait import wait
from skerry.errors import NotFound, SkerryError, Unsupported
from skerry.runtime.conmon import PASSTHROUGH
from skerry.store.locks import Lock

__all__ = ["Streams", "attach", "run", "run_detached", "start_existing", "start_existing_attached"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.attach import Attachment


def run_detached(engine: Engine, options: ContainerRequest) -> ContainerRecord:
    """Create and start in the background. If it cannot start, ``--rm`` removes it again."""
    require_descriptors(options.get("preserve_fds", 0), options.get("preserve_fd", ()))
    record = create(engine, options)
    return _start(engine, record)


def _start(engine: Engine, record: ContainerRecord) -> ContainerRecord:
    try:
        return start(engine, record["id"])
    except SkerryError as error:
        _not_started(engine, record, error)
        raise


def start_existing(engine: Engine, container_id: str) -> ContainerRecord:
    """``skerry start``: as `start`; what was made with ``--rm`` and cannot start is removed."""
    try:
        return start(engine, container_id)
    except SkerryError:
        _remove_unstarted(engine, container_id)
        raise


def start_existing_attached(engine: Engine, record: ContainerRecord, streams: Streams) -> int:
    """``skerry start --attach``: as `start_attached`. Its exit code is the program's, or 125 where there was none."""
    try:
        return start_attached(engine, record, streams)
    except SkerryError as error:
        _remove_unstarted(engine, record["id"])
        error.exit_code = min(error.exit_code, 125)
        raise


def _remove_unstarted(engine: Engine, container_id: str) -> None:
    try:
        record, state = states.find(engine, container_id)
    except NotFound:
        return
    if record["auto_remove"] and state["status"] in ("created", "exited"):
        remove_ended(engine, container_id)


def _not_started(engine: Engine, record: ContainerRecord, error: SkerryError) -> None:
    """The exit code that Podman gives when the container exists and cannot start: 127 for what is missing, else 126."""
    if error.exit_code == 125:
        words = error.message.lower()
        error.exit_code = 127 if "no such file or directory" in words or "file not found" in words else 126
    if record["auto_remove"]:
        remove_ended(engine, record["id"])


def run(
    engine: Engine, options: ContainerRequest, streams: Streams | None = None, *,
    created: Callable[[ContainerRecord], None] | None = None,
) -> int:  # fmt: skip
    """Create, start and stay with a container until it ends (its exit code) or the detach keys are typed (0).

    ``created`` is told what was created, before it starts."""
    require_descriptors(options.get("preserve_fds", 0), options.get("preserve_fd", ()))
    record = create(engine, options)
    if created is not None:
        created(record)
    try:
        return start_attached(engine, record, streams or Streams())
    except SkerryError as error:
        _not_started(engine, record, error)
        raise


def start_attached(engine: Engine, record: ContainerRecord, streams: Streams) -> int:
    """Start a container with its stdio on ``streams``; its exit code, or 0 when detached."""
    from skerry.engine.containers.attach import accompany, open_attachment, serve

    container_id = record["id"]
    attachments: list[Attachment] = []

    def connect(_: ContainerRecord) -> None:
        attachments.append(open_attachment(engine, record))
        attachments[0].wait_accepted()

    direct = record["config"]["log_driver"] in PASSTHROUGH
    # conmon's exit command waits for this lock: as long as we live, the clean-up is ours (and we have it loaded).
    with Lock(exits.client_lock_path(engine, container_id)):
        start(engine, container_id, foreground=True, window=_window(record, streams), ready=None if direct else connect)
        if direct:
            code = accompany(engine, record, streams)
        elif serve(engine, record, attachments[0], streams) == "detached":
            return 0
        else:
            code = wait(engine, container_id)
        exits.clean_up(engine, container_id)
    return code


def _window(record: ContainerRecord, streams: Streams) -> tuple[int, int] | None:
    """The size that a container's terminal has when its program starts: one that asks at once must not see 0 x 0."""
    if not record["config"]["terminal"]:
        return None
    from skerry.linux import terminal

    return terminal.window_size(streams.stdin, streams.stdout, streams.stderr)


def attach(engine: Engine, name: str, streams: Streams) -> int:
    """Connect ``streams`` to a running container; its exit code, or 0 when detached."""
    from skerry.engine.containers.attach import open_attachment, serve

    record, written = states.find(engine, name)
    states.require("attach", record, states.observe(engine, record["id"], written))
    if (driver := record["config"]["log_driver"]) in PASSTHROUGH:
        raise Unsupported(
            f"this container is using the '{driver}' log driver, cannot attach: this container is not logging output"
        )
    if serve(engine, record, open_attachment(engine, record), streams) == "detached":
        return 0
    return wait(engine, record["id"])
