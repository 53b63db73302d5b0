"""Where things are by default, for root and for a user."""

from __future__ import annotations

import os
import stat

from skerry.errors import Denied, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.identity import Identity

ROOT = "/var/lib/skerry"
RUNROOT = "/run/skerry"


def home() -> str:
    """$HOME, or what the user database says."""
    path = os.environ.get("HOME", "")
    if path:
        return path
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/"


def config_home() -> str:
    """$XDG_CONFIG_HOME, or ~/.config."""
    return os.environ.get("XDG_CONFIG_HOME") or home() + "/.config"


def data_root(identity: Identity) -> str:
    """The store's default root."""
    if not identity.rootless:
        return ROOT
    return (os.environ.get("XDG_DATA_HOME") or home() + "/.local/share") + "/skerry"


def run_root(identity: Identity) -> str:
    """The default folder of what a reboot may empty.

    For a user the first of $XDG_RUNTIME_DIR, /run/user/UID and /tmp/skerry-run-UID that is theirs alone. All of a
    user's commands must agree on it, those of cron and `su` as well, whose XDG_RUNTIME_DIR is unset or another's.
    """
    if not identity.rootless:
        return RUNROOT
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{identity.uid}"):
        if folder and _is_ours(folder):
            return os.path.realpath(folder) + "/skerry"  # mounts are listed by where they really are
    return f"/tmp/skerry-run-{identity.uid}"


def make_run_root(path: str, identity: Identity) -> None:
    """Make the run folder, private to its owner; `Denied` when somebody else's is in its place."""
    try:
        os.mkdir(path, 0o700 if identity.rootless else 0o711)
    except FileExistsError:
        pass  # the usual case: checked below
    except FileNotFoundError:
        try:
            os.makedirs(path, 0o711)
        except OSError as error:
            raise Unavailable(f"cannot create {path}: {error.strerror}") from error
    except PermissionError as error:
        raise Denied(f"cannot create {path}: {error.strerror}") from error
    except OSError as error:
        raise Unavailable(f"cannot create {path}: {error.strerror}") from error
    if not _is_ours(path):
        # In /tmp anybody may have made it first, to read or to forge what is kept there.
        raise Denied(f"{path} does not belong to this user", hint="set XDG_RUNTIME_DIR to a private folder")


def _is_ours(path: str) -> bool:
    """Whether ``path`` is a folder (no link) that we own and others cannot write to."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
