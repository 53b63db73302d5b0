"""Command lines in help and errors, with the name that this program was called by: they are there to be typed."""

from __future__ import annotations

from skerry.config.launcher import spoken_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re


def as_called(text: str) -> str:
    """``text``, where ``skerry run …`` is ``podman run …`` when that is what was called.

    Only before a command's name, a flag or a placeholder: a container, an image or a folder may be called skerry, too.
    """
    name = spoken_name()
    if name == "skerry" or "skerry " not in text:
        return text
    import re

    from skerry.cli.table import COMMANDS, GROUPS

    words = {path.partition(" ")[0] for path in (*COMMANDS, *GROUPS, *(o for c in COMMANDS.values() for o in c.also))}

    def renamed(found: re.Match[str]) -> str:
        following = found[1]
        typed = following in words or following.startswith(("[", "-", "COMMAND"))
        return f"{name} {following}" if typed else found[0]

    return re.sub(r"(?<![\w./-])skerry ([\w-]+|\[)", renamed, text)
