"""`Host`: the few ways in which checks look at the host, in one place so that tests can show them another."""

from __future__ import annotations

import os

from skerry.config.programs import find_program
from skerry.errors import SkerryError
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.config.settings import Settings


class Host:
    """``top`` is put before every path that is read: the host's own files with the default."""

    def __init__(self, top: str = "") -> None:
        self.top = top

    def read(self, path: str) -> str:
        """A file's text without the last newline; empty when it cannot be read."""
        try:
            with open(self.top + path, encoding="utf-8", errors="replace") as file:
                return file.read().rstrip("\n")
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(self.top + path)

    def accessible(self, path: str) -> bool:
        """Whether this user may read and write it."""
        return os.access(self.top + path, os.R_OK | os.W_OK)

    def find(self, name: str, settings: Settings) -> str:
        """The program's path, or empty."""
        return find_program(name, settings)

    def output(self, argv: list[str], data: bytes = b"") -> tuple[int, str]:
        """A program's exit code and what it said; 127 when it cannot be run or does not end."""
        try:
            done = run(argv, input=data, timeout_s=10)
        except SkerryError as error:
            return 127, str(error)
        return done.code, (done.stdout + done.stderr).decode("utf-8", "replace").strip()

    def attempt(self, action: Callable[[], None]) -> str:
        """Do ``action`` in a child, so that namespaces and mounts it makes end with it; the error's words, or empty."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            words = "it did not end well"
            try:
                action()
                words = ""
            except OSError as error:
                words = error.strerror or str(error)
            except BaseException as error:  # noqa: BLE001 - whatever it was must not run the parent's code
                words = str(error) or type(error).__name__
            finally:
                os.write(writer, words.encode("utf-8", "replace")[:4000])
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            text = answer.read().decode("utf-8", "replace")
        os.waitpid(pid, 0)
        return text

    @property
    def kernel(self) -> tuple[int, int]:
        """The running kernel's version."""
        major, _, rest = os.uname().release.partition(".")
        minor = "".join(c if c.isdigit() else " " for c in rest).split()
        return int(major), int(minor[0]) if minor else 0
