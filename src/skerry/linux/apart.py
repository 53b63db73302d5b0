"""Mounts that nobody else sees: made in a mount namespace that ends at once, and held by a descriptor alone."""

from __future__ import annotations

from skerry.linux.mount import MS_PRIVATE, MS_REC, mount
from skerry.linux.namespaces import CLONE_NEWNS, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def made_apart(function: Callable[[], int]) -> int:
    """What ``function`` returns or raises, called in a thread with a mount namespace of its own that ends with it: what
    it mounts neither reaches the host nor, when it goes, takes the host's mounts along.

    To keep some of it, it returns `idmap.clone_tree`'s descriptor, which the kernel gives up when we die."""
    import threading

    result: list[int | BaseException] = []

    def call() -> None:
        try:
            unshare(CLONE_NEWNS)
            mount("none", "/", flags=MS_REC | MS_PRIVATE)
            result.append(function())
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            result.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join()
    outcome = result[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
