"""What a check finds: one shape for the store's and the engine's findings."""

from __future__ import annotations

from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.store.locks import Lock
    from skerry.store.store import Store
    from skerry.store.types import Finding


def finding(kind: str, name: str, message: str, *, lost: bool = False) -> Finding:
    """``lost``: data is gone, not only room or a name taken."""
    return {"kind": kind, "name": name, "message": message, "lost": lost, "repaired": False}


def mend(found: Finding, repair: bool, action: Callable[[], object]) -> Finding:
    """Do ``action`` if ``repair`` says so; its failure is told in the message."""
    if not repair:
        return found
    try:
        action()
        found["repaired"] = True
    except SkerryError as error:
        found["message"] += f"; not repaired: {error}"
    except OSError as error:
        found["message"] += f"; not repaired: {error.strerror}"
    return found


def try_lock(store: Store, kind: str, name: str) -> Lock | None:
    """The lock, or None while another command works on the object: then nothing about it is a finding."""
    try:
        return store.lock(kind, name, blocking=False, fleeting=True)
    except BlockingIOError:
        return None
