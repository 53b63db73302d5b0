"""``--ssh``: the agents that RUN --mount=type=ssh may ask. Keys never leave them."""

from __future__ import annotations

import os
import stat

from skerry.errors import Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from types import TracebackType

    from skerry.engine.engine import Engine


def parse_ssh(text: str) -> list[tuple[str, str, list[str]]]:
    """``default``, ``ID[=SOCKET|KEY[,KEY…]]``: (id, socket, key files); one of the two is empty. `NotFound`."""
    name, equals, value = text.partition("=")
    if not name:
        raise Invalid(f'invalid --ssh "{text}": it has no id')
    paths = [os.path.abspath(os.path.expanduser(path)) for path in value.split(",") if path]
    if not equals or not paths:
        socket = os.environ.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise NotFound(f"--ssh {text}: SSH_AUTH_SOCK is not set", hint="start an ssh-agent, or name a key")
        paths = [socket]
    kinds = [_is_socket(path) for path in paths]
    if any(kinds):
        if len(paths) > 1:
            raise Invalid(f"--ssh {text}: only one socket is possible")
        return [(name, paths[0], [])]
    return [(name, "", paths)]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        raise NotFound(f"--ssh: {path}: {os.strerror(error.errno or 0).lower()}") from None


class Agents:
    """``with Agents(engine, keys) as sockets``: an ssh-agent for each id's key files, ended and forgotten afterwards."""

    def __init__(self, engine: Engine, keys: Mapping[str, list[str]]) -> None:
        self._engine = engine
        self._keys = keys
        self._agents: list[subprocess.Popen[bytes]] = []
        self._folder = ""

    def __enter__(self) -> dict[str, str]:
        if not self._keys:
            return {}
        import tempfile

        self._folder = tempfile.mkdtemp(prefix="skerry-ssh-")
        try:
            return {name: self._start(number, name, paths) for number, (name, paths) in enumerate(self._keys.items())}
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _start(self, number: int, name: str, paths: list[str]) -> str:
        import subprocess

        socket = f"{self._folder}/{number}"
        try:
            # In the foreground (-D) it is our child, and ends with us at the latest by its parent's death signal.
            agent = subprocess.Popen(
                ["ssh-agent", "-D", "-a", socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise Unavailable(
                "ssh-agent is not installed, and --ssh names keys", hint="install openssh-client"
            ) from None
        self._agents.append(agent)
        _wait_for(socket, agent)
        for path in paths:
            done = subprocess.run(
                ["ssh-add", "-q", "--", path], env={**os.environ, "SSH_AUTH_SOCK": socket, "SSH_ASKPASS_REQUIRE": "never"},
                stdin=subprocess.DEVNULL, capture_output=True, check=False, start_new_session=True,
            )  # fmt: skip
            if done.returncode:
                problem = done.stderr.decode("utf-8", "replace").strip().splitlines()
                raise Invalid(
                    f"--ssh {name}: {path}: {problem[-1] if problem else 'ssh-add failed'}",
                    hint="a key with a passphrase has to be in an agent: --ssh default",
                )
        return socket

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for agent in self._agents:
            agent.terminate()
            agent.communicate()
        self._agents.clear()
        if self._folder:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)


def _wait_for(socket: str, agent: subprocess.Popen[bytes]) -> None:
    import time

    end = time.monotonic() + 5
    while not _answers(socket):  # the socket is there a moment before somebody listens at it
        if agent.poll() is not None or time.monotonic() > end:
            raise Unavailable("ssh-agent did not start")
        time.sleep(0.005)


def _answers(path: str) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
