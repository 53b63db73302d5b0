"""WORKDIR: the folder is made if it is not there."""

from __future__ import annotations

import time

from skerry.build.keys import step_key
from skerry.build.language.words import expand
from skerry.engine.builds.copying import owner_ids
from skerry.engine.builds.place import Metadata, Placer
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.language.instructions import Workdir
    from skerry.build.steps import StepWork


class WorkdirStep:
    """See `steps.Work`."""

    def __init__(self, step: StepWork, command: Workdir) -> None:
        self._step, self._command = step, command
        self.key = ""
        self.inputs: dict[str, Any] = {}

    def prepare(self) -> None:
        state = self._step.state
        path = expand(self._command.path, state.variables(), escape=self._command.instruction.escape).text
        self._path = state.absolute(path).rstrip("/") or "/"
        state.config["WorkingDir"] = self._path
        self._user = state.config.get("User") or ""
        self.key = step_key("workdir", self._step.parent, path=self._path, user=self._user)
        self.inputs = {"instruction": f"WORKDIR {self._path}"}

    def carry_out(self) -> str | None:
        step, now = self._step, time.time_ns()
        with step.engine.builds.open_root(step.state.layers) as root:
            uid = gid = 0
            if self._user:
                try:
                    uid, gid = owner_ids(root.path, self._user)
                except SkerryError:
                    uid = gid = 0  # a user that a later step makes
            with Placer(root.path, new_folders=Metadata(0o755, uid, gid, now)) as placer:
                if placer.kind(self._path) != "folder":
                    placer.folder(self._path, None)
            layer = root.commit(mtime_ns=step.mtime_ns)
        return layer["chain_id"] if layer else None

    def close(self) -> None:
        """Nothing stays open between."""

    def history(self) -> str:
        return f"/bin/sh -c #(nop) WORKDIR {self._path}"
