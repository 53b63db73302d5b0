"""What a step gets that must not be on a disk: secrets as files, and sockets that lead to an ssh agent.

Secrets are in a tmpfs of the step's own, unmounted with its bundle. A socket of the user's cannot simply be mounted:
the step's user may be another, who may not connect to it. So a thread listens on one with the owner and the mode that
were asked for, and carries.
"""

from __future__ import annotations

import os
import socket
import threading

from skerry.engine.builds.root import translated
from skerry.errors import NotFound
from skerry.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.builds.types import StepMount

_CHUNK = 65536


def serve(bundle: str, wanted: StepMount) -> tuple[str, AgentProxy | None]:
    """(what to mount, and what serves it) for a secret or an agent."""
    try:
        folder = _folder(bundle)
        path = f"{folder}/{len(os.listdir(folder))}"
        if wanted.type == "agent":
            return path, AgentProxy(wanted, path)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(wanted.data)
            os.fchown(fd, wanted.uid, wanted.gid)
            os.fchmod(fd, wanted.mode)
        return path, None
    except OSError as error:
        raise translated(error, "cannot prepare a secret") from error


def _folder(bundle: str) -> str:
    folder = bundle + "/secret"
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")
    return folder


class AgentProxy:
    """Listens at ``path`` and carries each connection to the socket that ``wanted`` names."""

    def __init__(self, wanted: StepMount, path: str) -> None:
        self._source = wanted.source
        if not os.path.exists(self._source):
            raise NotFound(f"ssh agent {self._source}: no such file or directory")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # A folder that is open gives every path a short name: sockaddr_un ends at 108 bytes.
        fd = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._listener.bind(f"/proc/self/fd/{fd}/{os.path.basename(path)}")
        finally:
            os.close(fd)
        os.chown(path, wanted.uid, wanted.gid)
        os.chmod(path, wanted.mode)
        self._listener.listen(16)
        threading.Thread(target=self._accept, name="ssh-agent", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return  # closed: the step is over
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                server.connect(self._source)
            except OSError:
                client.close()
                server.close()
                continue
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_carry, args=(source, target), name="ssh-agent", daemon=True).start()

    def close(self) -> None:
        """Listen no more. Connections end with the step's processes."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass  # nobody was connected
        self._listener.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # one of them has gone: the other shall know
        for each in (source, target):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
