"""How other programs (conmon) call this very Skerry, and by what name it was called."""

from __future__ import annotations

import os
import sys

from skerry import __version__

PODMAN_VERSION = "6.0.0"  # the Podman whose commands, flags and output these are
BUILDAH_VERSION = "1.44.0"  # the Buildah that is in it


def launcher() -> list[str]:
    """The words before the flags: the script that was called, the installed one, or this interpreter."""
    script = os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    if os.path.basename(script) in ("skerry", "podman", "docker") and os.access(script, os.X_OK):
        return [script]
    for folder in ("/usr/local/bin", "/usr/bin"):
        if os.access(f"{folder}/skerry", os.X_OK):
            return [f"{folder}/skerry"]
    # Used as a library from a checkout: the same interpreter and the same path find the same code.
    start = f"import sys; sys.path[:] = {sys.path!r}; from skerry.cli.main import main; main()"
    return [sys.executable, "-c", start]


def identity_label() -> tuple[str, str]:
    """The label that says who built an image: as `spoken_version`."""
    if spoken_version()[0] == "podman":
        return "io.buildah.version", BUILDAH_VERSION
    return "io.skerry.version", __version__


def spoken_version() -> tuple[str, str]:
    """(name, version) of this program. Called as ``podman`` it is the Podman that it stands for: scripts compare the
    number with what they need."""
    name = spoken_name()
    return name, PODMAN_VERSION if name == "podman" else __version__


def spoken_name() -> str:
    """What errors about the command line call this program: as it was called, ``podman`` or ``skerry``."""
    called = os.path.basename(sys.argv[0]) if sys.argv else ""
    return "podman" if called == "podman" else "skerry"
