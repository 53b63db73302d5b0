"""Starting a shim, and where what is known about it is kept: a folder per container below the runtime's root."""

from __future__ import annotations

import os
import select

from skerry import fastjson
from skerry.errors import Invalid, NotFound, Unavailable
from skerry.linux.spawn import DEFAULT_PATH, run, spawn
from skerry.runtime.shim.task import Task, any_of
from skerry.runtime.shim.ttrpc import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class Known(TypedDict):
        """What the folder's file says. ``address`` is empty while the shim is being started."""

        address: str
        version: int
        bundle: str


NAMESPACE = "skerry"
_FILE = "shim.json"
_START_S = 30
_CALL_S = 60


class Place:
    """One container's shim. ``shim``: the shim's program."""

    def __init__(self, root: str, container_id: str, shim: str) -> None:
        self.folder = os.path.join(root, container_id)
        self.id = container_id
        self.shim = shim

    def write(self, known: Known) -> None:
        """Keep it, whole or not at all."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        beside = f"{self.folder}/.{_FILE}.{os.getpid()}"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(fastjson.dumps(known))
        os.rename(beside, f"{self.folder}/{_FILE}")

    def read(self) -> Known:
        """`NotFound`, in runc's words, when there is no such container."""
        try:
            with open(f"{self.folder}/{_FILE}", "rb") as file:
                known: Known = fastjson.loads(file.read())
            return known
        except (FileNotFoundError, Invalid):
            raise NotFound("container does not exist") from None

    def remove_socket(self) -> None:
        """Of a shim that was killed; others remove their own. Idempotent."""
        try:
            path = self.read()["address"].removeprefix("unix://").removeprefix("unix:")
            if path.startswith("/run/containerd/"):
                os.unlink(path)
        except (FileNotFoundError, NotFound):
            pass  # it has

    def forget(self) -> None:
        """Remove what is kept. Idempotent."""
        try:
            for name in os.listdir(self.folder):
                os.unlink(f"{self.folder}/{name}")
            os.rmdir(self.folder)
        except FileNotFoundError:
            pass  # somebody else did it

    def task(self, exec_id: str = "", *, timeout_s: float | None = _CALL_S) -> Task:
        """A new connection. `NotFound` without a container, `ttrpc.Closed` without its shim."""
        known = self.read()
        return Task(
            Connection(known["address"], timeout_s=timeout_s), self.id, exec_id, version=min(known["version"], 3)
        )

    def find_shim(self, bundle: str) -> None:
        """Start the shim, or find the one that runs already (a shim's address follows from its id), and keep where."""
        address, version = self.start_shim(bundle)
        self.write({"address": address, "version": version, "bundle": bundle})

    def kill_starters(self) -> None:
        """End what still starts this container's shim, whoever began it is gone: two at once would make two shims.

        What they have started listens already, and is found by `find_shim`."""
        wanted = os.fsencode(self.id)
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read(16384).rstrip(b"\0").split(b"\0")
                if b"-namespace" in words and wanted in words and words[-1] == b"start":
                    fd = os.pidfd_open(int(entry))
                    os.kill(int(entry), 9)
                    select.select([fd], [], [], 5)
                    os.close(fd)
            except OSError:
                continue  # it has ended

    def start_shim(self, bundle: str) -> tuple[str, int]:
        """Start the shim in the bundle: the address of its socket, and its version of the Task service."""
        done = run(self._argv("start"), env=self._env(), timeout_s=_START_S, cwd=bundle)
        text = done.stdout.decode("utf-8", "replace").strip()
        if done.code or not text:
            words = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise Unavailable(f"{os.path.basename(self.shim)} does not start: {words or f'exit code {done.code}'}")
        if text.startswith("{"):  # containerd 2's shims say it in JSON
            answer: dict[str, Any] = fastjson.loads(text)
            if answer.get("protocol", "ttrpc") != "ttrpc":
                raise Unavailable(f"{os.path.basename(self.shim)} speaks {answer['protocol']}, not ttrpc")
            return str(answer["address"]), int(answer.get("version", 2))
        return text, 2

    def delete_by_shim(self, bundle: str) -> None:
        """The shim's own clean-up of a container whose shim was killed: kills what runs and removes what is left."""
        argv = self._argv("delete", "-bundle", bundle)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.waitpid(spawn(argv, env=self._env(), stdin=null, stdout=null, stderr=null, cwd=bundle), 0)
        finally:
            os.close(null)

    def _argv(self, action: str, *flags: str) -> list[str]:
        nobody = f"{self.folder}/no-events"  # no daemon takes the shim's events
        return [self.shim, "-namespace", NAMESPACE, "-id", self.id, "-address", nobody,
                "-publish-binary", "/bin/true", *flags, action]  # fmt: skip

    def _env(self) -> dict[str, str]:
        path = os.environ.get("PATH", DEFAULT_PATH)
        return {"PATH": path, "TTRPC_ADDRESS": f"{self.folder}/no-events", "NAMESPACE": NAMESPACE}

    def options(self, *, systemd_cgroup: bool) -> bytes:
        """runc's shims are told how to call runc; others know for themselves."""
        from skerry.runtime.shim import protobuf

        if "-runc-" not in os.path.basename(self.shim):
            return b""
        root = os.path.dirname(self.folder) + "-runc"
        return any_of("containerd.runc.v1.Options", protobuf.encode([(7, root), (9, systemd_cgroup)]))
