"""Finding the programs that do part of the work: conmon, pasta, aardvark-dns, catatonit, …"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

# An ordinary user's PATH lacks the sbin folders on Debian, and that of cron or systemd has less still.
_ALWAYS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def find_program(name: str, settings: Settings | None = None) -> str:
    """The absolute path of ``name``: in containers.conf's helper_binaries_dir, then PATH, then the usual folders.

    ``name`` may be a path. Empty when there is no such program."""
    if "/" in name:
        return os.path.abspath(name) if is_program(name) else ""
    helpers = settings.helper_dirs if settings is not None else ()
    for folder in (*helpers, *os.environ.get("PATH", "").split(":"), *_ALWAYS):
        # A relative folder in PATH would make the answer depend on where the user stands.
        if folder.startswith("/") and is_program(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return ""


def is_program(path: str) -> bool:
    """Whether ``path`` is a file that we may execute."""
    return os.access(path, os.X_OK) and not os.path.isdir(path)
