"""``--on-error=shell``: a shell in the root of a RUN that failed, with its mounts, environment, user and folder."""

from __future__ import annotations

import os
import threading

from skerry.build.events import Note, ShellClosed, ShellOpened
from skerry.errors import SkerryError
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.steps import StepWork
    from skerry.engine.builds.root import WorkingRoot
    from skerry.engine.builds.types import RunRequest

_SHELLS = ("/bin/bash", "/bin/sh", "/busybox/sh")
_terminal = threading.Lock()  # there is one, and several steps may fail


def open_shell(step: StepWork, root: WorkingRoot, request: RunRequest, code: int) -> None:
    """Until the user leaves it. Without a terminal it is only said that there is none."""
    if not (os.isatty(0) and os.isatty(1)):
        step.solver.tell(Note("--on-error=shell needs a terminal, and there is none"))
        return
    with _terminal:
        step.solver.tell(ShellOpened(step.step, code))
        try:
            for program in dict.fromkeys((*_SHELLS, *step.state.shell[:1])):
                # A runtime that finds no program on a terminal does not always say so.
                if _is_there(step, root, program):
                    root.run(_request(request, [program]))
                    return
            step.solver.tell(Note("the step's image has no shell"))
        except SkerryError as error:
            step.solver.tell(Note(f"no shell: {error}"))  # the step's own error is the one to end with
        finally:
            step.solver.tell(ShellClosed(step.step))


def _is_there(step: StepWork, root: WorkingRoot, program: str) -> bool:
    folder, _slash, name = program.rpartition("/")
    try:
        return os.path.lexists(f"{step.engine.builds.folder_in(root.path, folder or '/')}/{name}")
    except SkerryError:
        return False


def _request(request: RunRequest, argv: list[str]) -> RunRequest:
    env = [item for item in request.env if not item.startswith(("TERM=", "PS1="))]
    term = os.environ.get("TERM", "xterm")
    # Ctrl-C belongs to the shell, so the build's own cancelling is not asked meanwhile.
    return replace(
        request, argv=argv, env=[*env, f"TERM={term}", "PS1=build# "], terminal=True, output=None, cancelled=None
    )
