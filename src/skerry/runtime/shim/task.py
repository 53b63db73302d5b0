"""The Task service of containerd's shims (containerd.task.v2; .v3 has the same messages): what Skerry needs of it."""

from __future__ import annotations

from skerry import fastjson
from skerry.runtime.shim import protobuf
from skerry.runtime.shim.ttrpc import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.runtime.shim.protobuf import Value

    Fields = list[tuple[int, Value]]

_OCI = "types.containerd.io/opencontainers/runtime-spec/1/"
_STATES = {1: "created", 2: "running", 3: "stopped", 4: "paused", 5: "paused"}


class Stdio:
    """Paths that the shim opens for a process's streams; empty for none."""

    __slots__ = ("stderr", "stdin", "stdout", "terminal")

    def __init__(self, stdin: str, stdout: str, stderr: str, *, terminal: bool = False) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.terminal = terminal


class Task:
    """The container (or with ``exec_id`` a further program in it) behind one connection."""

    def __init__(self, connection: Connection, container_id: str, exec_id: str = "", *, version: int = 2) -> None:
        self.connection = connection
        self.id = container_id
        self.exec_id = exec_id
        self._service = f"containerd.task.v{version}.Task"

    def _call(self, method: str, fields: Fields) -> dict[int, list[int | bytes]]:
        return protobuf.decode(self.connection.call(self._service, method, protobuf.encode(fields)))

    def create(self, bundle: str, stdio: Stdio, options: bytes) -> int:
        """Create the container from its bundle; its first process. ``options``: a protobuf Any, or empty."""
        fields: Fields = [
            (1, self.id), (2, bundle), (4, stdio.terminal), (5, stdio.stdin), (6, stdio.stdout), (7, stdio.stderr),
            (10, options),
        ]  # fmt: skip
        return protobuf.number(self._call("Create", fields), 1)

    def add_exec(self, process: dict[str, Any], stdio: Stdio) -> None:
        """Prepare a further program (OCI process); `start` executes it."""
        text = fastjson.encode(process)
        fields: Fields = [
            (1, self.id), (2, self.exec_id), (3, stdio.terminal), (4, stdio.stdin), (5, stdio.stdout),
            (6, stdio.stderr), (7, any_of(_OCI + "Process", text)),
        ]  # fmt: skip
        self._call("Exec", fields)

    def start(self) -> int:
        """Let it run; its pid."""
        return protobuf.number(self._call("Start", [(1, self.id), (2, self.exec_id)]), 1)

    def begin_wait(self) -> None:
        """Ask for its end; `end_wait` gets the answer."""
        self.connection.send(self._service, "Wait", protobuf.encode([(1, self.id), (2, self.exec_id)]))

    def end_wait(self) -> int:
        """Its exit code, 128 + signal when one killed it."""
        return protobuf.number(protobuf.decode(self.connection.receive()), 1)

    def kill(self, signal: int, *, everyone: bool = False) -> None:
        """Send a signal."""
        self._call("Kill", [(1, self.id), (2, self.exec_id), (3, signal), (4, everyone)])

    def state(self) -> dict[str, Any]:
        """``status`` in OCI's words, ``pid``, ``bundle``, ``exit_status``."""
        found = self._call("State", [(1, self.id), (2, self.exec_id)])
        return {
            "status": _STATES.get(protobuf.number(found, 4), "unknown"), "pid": protobuf.number(found, 3),
            "bundle": protobuf.text(found, 2), "exit_status": protobuf.number(found, 9),
        }  # fmt: skip

    def shim_pid(self) -> int:
        """The shim's own process."""
        return protobuf.number(self._call("Connect", [(1, self.id)]), 1)

    def pids(self) -> list[int]:
        """All processes of the container."""
        found = self._call("Pids", [(1, self.id)])
        return [protobuf.number(protobuf.decode(item), 1) for item in found.get(1, []) if isinstance(item, bytes)]

    def pause(self) -> None:
        """Freeze it."""
        self._call("Pause", [(1, self.id)])

    def resume(self) -> None:
        """Thaw it."""
        self._call("Resume", [(1, self.id)])

    def update(self, resources: dict[str, Any]) -> None:
        """Other OCI ``linux.resources``."""
        text = fastjson.encode(resources)
        self._call("Update", [(1, self.id), (2, any_of(_OCI + "LinuxResources", text))])

    def resize(self, columns: int, rows: int) -> None:
        """Its terminal's size."""
        self._call("ResizePty", [(1, self.id), (2, self.exec_id), (3, columns), (4, rows)])

    def close_stdin(self) -> None:
        """Tell it that nothing more comes."""
        self._call("CloseIO", [(1, self.id), (2, self.exec_id), (3, True)])

    def delete(self) -> None:
        """Forget a program that has ended."""
        self._call("Delete", [(1, self.id), (2, self.exec_id)])

    def shutdown(self) -> None:
        """End the shim, when it has no container left."""
        self._call("Shutdown", [(1, self.id), (2, True)])


def any_of(type_url: str, value: bytes) -> bytes:
    """google.protobuf.Any."""
    return protobuf.encode([(1, type_url), (2, value)])
