"""What filters take: regular expressions for names, stars in the keys of labels, as Podman."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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


def labelled(value: str) -> Callable[[Mapping[str, str]], bool]:
    """Whether labels have one that ``KEY[=TEXT]`` means: a KEY with a star may be a part of theirs."""
    key, _, text = value.partition("=")
    if "*" not in key:
        return lambda labels: key in labels and text in ("", labels[key])
    from fnmatch import fnmatchcase

    return lambda labels: any(text in ("", labels[name]) and fnmatchcase(name, f"*{key}*") for name in labels)
