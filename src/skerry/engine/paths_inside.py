"""Paths in images and containers, for shell completion: what a half-typed one could become."""

from __future__ import annotations

import os
import stat

from skerry.engine.containers import state as states
from skerry.engine.containers.whole_root import in_whole_root
from skerry.engine.images.resolve import resolve
from skerry.errors import SkerryError
from skerry.linux.beneath import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def of_image(engine: Engine, name: str, typed: str) -> list[str]:
    """None where there is no such image, or nobody but root could look into it."""
    if not _may_look(engine):
        return []
    try:
        layers = resolve(engine, name)["layers"]
        with engine.builds.open_root(layers, writable=False) as root:
            return below(root.path, typed)
    except (SkerryError, OSError):
        return []


def of_container(engine: Engine, name: str, typed: str) -> list[str]:
    """As `of_image`; with the container's volumes."""
    if not _may_look(engine):
        return []
    try:
        record, _ = states.find(engine, name)
        return in_whole_root(engine, record, lambda root, _outside: below(root, typed))
    except (SkerryError, OSError):
        return []


def _may_look(engine: Engine) -> bool:
    """A user's would have to be mounted in their namespace, which completion does not enter; and it makes no store."""
    return not engine.settings.rootless and os.path.exists(engine.store.path("skerry.db"))


def below(root: str, typed: str) -> list[str]:
    """The entries of ``root`` that begin with ``typed``, which may be relative to it; a folder's end with a slash. Of a
    folder that is typed in full, what is in it. Never out of the root, whatever ``..`` and links there are."""
    base, begun = typed or "/", ""
    try:
        folder = open_in_root(root, base, _FOLDER)
    except OSError:
        base, _, begun = typed.rpartition("/")
        base += "/" if "/" in typed else ""
        folder = open_in_root(root, base or "/", _FOLDER)
    try:
        lead = base if not base or base.endswith("/") else base + "/"
        if base == typed and lead != base and not os.listdir(folder):
            return [lead]  # an empty folder
        names = sorted(name for name in os.listdir(folder) if name.startswith(begun))
        return [lead + name + ("/" if _is_folder(folder, name) else "") for name in names]
    finally:
        os.close(folder)


def _is_folder(folder: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
