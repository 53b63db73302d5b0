"""Asking before something is deleted."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.output import Output


def confirmed(out: Output, warning: str) -> bool:
    """Print ``warning`` and ask, in Podman's words, whether to go on."""
    out.line(warning)
    out.write("Are you sure you want to continue? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
