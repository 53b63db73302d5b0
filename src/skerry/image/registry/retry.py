"""When to try again, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from threading import Event

from skerry.image.registry.failures import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAIT_S = 60.0


class Patience:
    """How often one thing is tried. A try that got something done does not count (`progressed`), within a bound."""

    def __init__(self, retries: int, delay_s: float, stop: Event, *, steady: bool = False) -> None:
        """``stop`` ends all waiting. Each wait is twice as long as the last, or as long (``steady``)."""
        self._steady = steady
        self._stop = stop
        self._retries = retries
        self._delay_s = delay_s
        self._failures = 0
        self._in_all = 0

    def progressed(self) -> None:
        """The failures up to here did not matter."""
        self._failures = 0

    def wait(self, error: Interrupted, tell: Callable[[str], None] | None = None) -> None:
        """Sleep before the next try, or raise ``error`` when there is none. ``tell`` is told so in Podman's words."""
        self._failures += 1
        self._in_all += 1
        if self._stop.is_set() or self._failures > self._retries or self._in_all > 20 * self._retries:
            raise error
        delay = self._delay_s if self._steady else min(self._delay_s * 2 ** (self._failures - 1), MAX_WAIT_S)
        if tell is not None:
            shown = f"{delay:g}s" if delay >= 1 else f"{delay * 1000:g}ms"
            tell(f"Failed, retrying in {shown} ... ({self._failures}/{self._retries}). Error: {error.message}")
        delay *= random.uniform(1.0, 1.1) if self._steady else random.uniform(0.75, 1.25)
        if error.wait_s is not None:
            if error.wait_s > MAX_WAIT_S:
                raise Interrupted(f"{error.message}; it wants to be asked again in {error.wait_s:.0f} seconds")
            delay = max(error.wait_s, 0.0)
        if self._stop.wait(delay):
            raise error


def retry_after_s(value: str) -> float | None:
    """Retry-After: seconds, or a date."""
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
