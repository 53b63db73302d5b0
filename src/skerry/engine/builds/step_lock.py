"""The lock of one step: two builds that come to the same do it once."""

from __future__ import annotations

import time

from skerry.engine.builds.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.store.locks import Lock
    from skerry.store.store import Store

_LONGEST_PAUSE_S = 0.05


def wait_for_lock(
    store: Store, kind: str, name: str, cancelled: Callable[[], bool] | None, *, what: str
) -> tuple[Lock, bool]:
    """The lock, and whether somebody else had it first. `Interrupted` as soon as ``cancelled`` says so."""
    pause, waited = 0.001, False
    while True:
        try:
            return store.lock(kind, name, blocking=False, fleeting=True), waited
        except BlockingIOError:
            waited = True
        if cancelled is not None and cancelled():
            raise Interrupted(f"interrupted while waiting for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


class StepLock:
    """Held from ``with`` on. ``waited``: another build had it, so the step is likely done now. A builder that dies
    frees it."""

    def __init__(self, store: Store, key: str, cancelled: Callable[[], bool] | None = None) -> None:
        self._store = store
        self._key = key
        self._cancelled = cancelled
        self._lock: Lock | None = None
        self.waited = False

    def __enter__(self) -> StepLock:
        self._lock, self.waited = wait_for_lock(
            self._store, "build", self._key.replace(":", "-"), self._cancelled, what="another build's step"
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
