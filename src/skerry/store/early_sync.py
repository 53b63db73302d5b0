"""Letting the disk start while an unpack still goes on, so that the last sync is short (measured: 1.1 → .85 s)."""

from __future__ import annotations

from threading import Event, Thread

from skerry.linux.files import syncfs

_EVERY_S = 0.25


class EarlySync:
    """Syncs the file system of ``path`` four times a second while it is entered. The last sync is the caller's."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._done = Event()
        self._error: OSError | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> EarlySync:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        # The kernel tells a failed write to one caller only: what this thread was told must not be lost.
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while not self._done.wait(_EVERY_S):
            try:
                syncfs(self._path)
            except OSError as error:
                self._error = error
                return
