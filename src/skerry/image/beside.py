"""A file that appears whole or not at all: written without a name (O_TMPFILE), synced, then put where it belongs.

Killed before that, nothing is left: the kernel frees a file that never had a name. Where the file system cannot do
so, it is written beside under a name of its own, which is removed on errors. What is reported as done is on disk; a
thread has it written while more of it comes, so that there is little to wait for at the end.
"""

from __future__ import annotations

import os
import stat
from threading import Event, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


_EVERY_S = 0.1


class Beside:
    """``with Beside(path) as file``: at the end, without an exception, ``path`` is the new file; before, what it was.

    ``OSError`` as from `open`. A path that is no regular file (a pipe, a device), or whose folder takes no new files,
    is written in place."""

    def __init__(self, path: str, mode: int = 0o644) -> None:
        # /dev/stdout and its like are what somebody opened already, whatever that is.
        self._in_place = path.startswith(("/dev/", "/proc/"))
        self._path = path if self._in_place else os.path.realpath(path)
        self._mode = mode
        self._folder, name = os.path.split(self._path)
        self._temporary = os.path.join(self._folder, f".{name[:200]}.{os.getpid()}")
        self._named = False
        self._file: BinaryIO | None = None
        self._error: OSError | None = None
        self._done = Event()
        self._syncer = Thread(target=self._sync_early, daemon=True)

    def __enter__(self) -> BinaryIO:
        self._file = os.fdopen(self._open(), "wb")
        if not self._in_place:
            self._syncer.start()
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        assert self._file
        self._done.set()
        if not self._in_place:
            self._syncer.join()
        try:
            if kind is None:
                self._file.flush()
                self._publish(self._file.fileno())
        except BaseException:
            self._give_up()
            raise
        finally:
            self._close()
        if kind is not None:
            self._give_up()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            if not stat.S_ISREG(os.stat(self._path).st_mode):
                self._in_place = True
        except FileNotFoundError:
            pass
        if not self._in_place:
            try:
                return os.open(self._folder, flags | os.O_TMPFILE, self._mode)
            except PermissionError:
                self._in_place = True
            except OSError:
                pass  # not every file system has nameless files
        if self._in_place:
            return os.open(self._path, flags | os.O_CREAT | os.O_TRUNC, self._mode)
        try:
            fd = os.open(self._temporary, flags | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, self._mode)
        except OSError as error:
            error.filename = self._path
            raise
        self._named = True
        return fd

    def _sync_early(self) -> None:
        assert self._file
        while not self._done.wait(_EVERY_S):
            try:
                os.fdatasync(self._file.fileno())
            except OSError as error:
                self._error = error  # the kernel tells a failed write to one caller only
                return

    def _publish(self, fd: int) -> None:
        if self._in_place:
            return
        if self._error is not None:
            raise self._error
        os.fsync(fd)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not self._named:
                # With a folder's descriptor it is linkat(2), which can follow /proc's link; link(2) cannot.
                os.link(f"/proc/self/fd/{fd}", self._temporary, src_dir_fd=folder, follow_symlinks=True)
                self._named = True
            os.rename(self._temporary, self._path)
            self._named = False
            os.fsync(folder)
        finally:
            os.close(folder)

    def _close(self) -> None:
        assert self._file
        try:
            self._file.close()
        except OSError:
            pass  # what could not be flushed was an error before

    def _give_up(self) -> None:
        if self._named:
            try:
                os.unlink(self._temporary)
            except OSError:
                pass  # the folder went away with it
