"""Which of our descriptors a container's stdio goes to. Its own module: ``exec`` needs it and nothing of ``run``."""

from __future__ import annotations

import os

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.runtime.types import ContainerConfig


class Streams:
    """Where a foreground container's stdio goes: descriptors (None: not connected)."""

    __slots__ = ("detach_keys", "sig_proxy", "stderr", "stdin", "stdout")

    def __init__(
        self, stdin: int | None = None, stdout: int | None = 1, stderr: int | None = 2, *,
        detach_keys: str | None = None, sig_proxy: bool = True,
    ) -> None:  # fmt: skip
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.detach_keys = detach_keys
        self.sig_proxy = sig_proxy


def require_descriptors(count: int, numbers: Sequence[str] = ()) -> list[int]:
    """The descriptors of --preserve-fds (3 and up) and of --preserve-fd, all of them passed to us. `Invalid` in Podman's
    words."""
    for fd in range(3, 3 + count):
        _require(fd, "preserve-fds")
    if not numbers:
        return list(range(3, 3 + count))
    from skerry.engine.containers.options.rare import descriptors

    single = descriptors(list(numbers))
    for fd in single:
        _require(fd, "preserve-fd")
    return sorted({*range(3, 3 + count), *single})


def _require(fd: int, flag: str) -> None:
    if not _is_given(fd):
        raise Invalid(
            f"file descriptor {fd} is not available - the {flag} option requires that file descriptors must be passed"
        )


def _is_given(fd: int) -> bool:
    """A descriptor of our own (the state database may be 3 by now) is not inheritable: it must never reach a container."""
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def passed_on(config: ContainerConfig) -> list[int]:
    """Of a container's --preserve-fds and --preserve-fd, and of systemd's sockets for it, those that this process has:
    all of them only when it is run."""
    count = max(config.get("preserve_fds", 0), _listening())
    return [fd for fd in sorted({*range(3, 3 + count), *config.get("preserve_fd", ())}) if _is_given(fd)]


def activation() -> list[str]:
    """How the program is told of sockets that systemd passed to us (socket activation)."""
    count = _listening()
    if not count:
        return []
    names = os.environ.get("LISTEN_FDNAMES")
    return [f"LISTEN_FDS={count}", "LISTEN_PID=1", *([f"LISTEN_FDNAMES={names}"] if names else [])]


def _listening() -> int:
    """How many they are: LISTEN_FDS, from descriptor 3 on.

    As in Podman LISTEN_PID may be that of a shell in between; but what is not there is not passed on."""
    text = os.environ.get("LISTEN_FDS", "")
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    return count if all(_is_given(fd) for fd in range(3, 3 + count)) else 0
