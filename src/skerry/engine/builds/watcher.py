"""Who ends a build's steps when the builder is killed: a shell that waits for the builder's end of a pipe to close.

Without it a step whose builder died would go on until the next command sweeps. The shell costs 2 ms and 0.1 MB per
builder process, and becomes that next command itself.
"""

from __future__ import annotations

import os
import threading

from skerry.errors import SkerryError
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

# A word on the pipe: the builder came to its end by itself. "$@" is a command of Skerry's, and each of them sweeps.
_SCRIPT = 'read -r word || exec "$@"'
_guard = threading.Lock()
_running: dict[str, tuple[int, int]] = {}  # root → (pid, the pipe's end)


def watch(engine: Engine) -> None:
    """Have somebody watch over this process's steps on this store, from the first to `end`."""
    with _guard:
        if engine.store.root in _running:
            return
        reader, writer = os.pipe()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        command = [*engine.command_line(), "builder", "prune", "--filter", "id=none", "--dry-run"]
        try:
            pid = spawn(
                ["/bin/sh", "-c", _SCRIPT, "sh", *command], stdin=reader, stdout=null, stderr=null, new_session=True
            )
            _running[engine.store.root] = (pid, writer)
        except SkerryError:
            os.close(writer)  # no shell: the next command does it
        finally:
            os.close(reader)
            os.close(null)


def end(engine: Engine) -> None:
    """The build is over. Idempotent."""
    with _guard:
        found = _running.pop(engine.store.root, None)
    if found is None:
        return
    pid, writer = found
    try:
        os.write(writer, b"over\n")
    except BrokenPipeError:
        pass  # somebody killed it
    os.close(writer)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # somebody else has waited for all children
