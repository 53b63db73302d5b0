"""``--on-error=shell``: a shell in the root of a RUN that failed, with its mounts, environment, user and folder."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from skerry.build.events import Note, ShellClosed, ShellOpened
from skerry.errors import CommandNotFound, CommandNotRunnable

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
            for argv in dict.fromkeys((*((shell,) for shell in _SHELLS), tuple(step.state.shell[:1]))):
                try:
                    root.run(_request(request, list(argv)))
                except (CommandNotFound, CommandNotRunnable):
                    continue
                return
            step.solver.tell(Note("the step's image has no shell"))
        finally:
            step.solver.tell(ShellClosed(step.step))


def _request(request: RunRequest, argv: list[str]) -> RunRequest:
    env = [item for item in request.env if not item.startswith(("TERM=", "PS1="))]
    term = os.environ.get("TERM", "xterm")
    # Ctrl-C belongs to the shell, so the build's own cancelling is not asked meanwhile.
    return replace(
        request, argv=argv, env=[*env, f"TERM={term}", "PS1=build# "], terminal=True, output=None, cancelled=None
    )
