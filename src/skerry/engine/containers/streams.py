"""Which of our descriptors a container's stdio goes to. Its own module: ``exec`` needs it and nothing of ``run``."""

from __future__ import annotations

import os

from skerry.errors import Invalid


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


def require_descriptors(count: int) -> None:
    """That 3 and up, ``count`` of them, were passed to us (--preserve-fds). `Invalid` in Podman's words.

    A descriptor of our own (the state database may be 3 by now) is not inheritable: it must never reach a container.
    """
    for fd in range(3, 3 + count):
        try:
            given = os.get_inheritable(fd)
        except OSError:
            given = False
        if not given:
            raise Invalid(
                f"file descriptor {fd} is not available - the preserve-fds option requires that file descriptors must "
                "be passed"
            )
