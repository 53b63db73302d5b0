"""Somewhere else than stdout and stderr for a build's lines: --logfile, or all of them on stderr."""

from __future__ import annotations

import os

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class LogFile:
    """What a plain view needs of an `Output`, into one file."""

    def __init__(self, path: str, *, fd: int = -1) -> None:
        self._path = path
        self._own = fd < 0
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644) if fd < 0 else fd
        except OSError as error:
            raise Unavailable(f"open {path}: {os.strerror(error.errno or 0).lower()}") from None

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            os.close(self._fd)

    def write(self, text: str) -> None:
        """Text as it is; control characters are shown where it is a terminal."""
        if not text.isprintable() and not self._own and os.isatty(self._fd):
            from skerry.cli.escape import printable

            text = printable(text, "\n\t")
        view = memoryview(text.encode("utf-8", "surrogateescape"))
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            if self._own:
                raise Unavailable(f"--logfile {self._path}: {os.strerror(error.errno or 0)}") from None

    def line(self, text: str) -> None:
        """One line."""
        self.write(text + "\n")

    def error_text(self, text: str) -> None:
        """What a program wrote to its stderr."""
        self.write(text)

    def warn(self, text: str) -> None:
        """A warning."""
        self.line(f"WARNING: {text}")
