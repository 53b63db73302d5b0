"""Names in filters: Podman takes regular expressions there."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def pattern(value: str) -> Callable[[str], bool]:
    """Whether a text matches somewhere; plain words need no ``re`` (4 ms)."""
    if not set(value) & set("^$.*+?[](){}|\\"):
        return lambda text: value in text
    import re

    try:
        compiled = re.compile(value)
    except re.error as error:
        raise Invalid(f'invalid filter value "{value}": {error}') from None
    return lambda text: compiled.search(text) is not None
