"""Programs of the administrator's that are asked before every command, as Podman's pre-exec hooks.

They are asked where /etc/containers/podman_preexec_hooks.txt is there (see `main`), in the order of their names: each is given the command line.
The first that does not end with 0 decides the exit code."""

from __future__ import annotations

import os
import sys

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDERS = ("/usr/libexec/podman/pre-exec-hooks", "/etc/containers/pre-exec-hooks")


def refusal(argv: Sequence[str]) -> int:
    """The exit code of the first hook that refuses; 0 when none does."""
    if os.geteuid() == 0 and os.environ.get("_CONTAINERS_USERNS_CONFIGURED"):
        return 0  # a user's command, which has just entered its namespace: they were asked before
    for folder in (*_FOLDERS, os.environ.get("PODMAN_PREEXEC_HOOKS_DIR", "")):
        for path in _programs(folder) if folder else ():
            code = _run(path, argv)
            if code:
                return code
    return 0


def _programs(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
            return sorted(entry.path for entry in files if entry.stat().st_mode & 0o111)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable(f"opendir {folder}: {(error.strerror or '').lower()}", exit_code=1) from error


def _run(path: str, argv: Sequence[str]) -> int:
    try:
        pid = os.posix_spawn(path, [path, sys.argv[0], *argv], os.environ)
    except FileNotFoundError:
        return 0  # deleted meanwhile
    except OSError:
        return 1
    status = os.waitpid(pid, 0)[1]
    return 127 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
