"""Which of our descriptors a container's stdio goes to. Its own module: ``exec`` needs it and nothing of ``run``."""

from __future__ import annotations


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
