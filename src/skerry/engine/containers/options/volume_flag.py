"""``-v`` and ``--tmpfs``: what each says, as a mount. Sources are opened, safely, when the container starts."""

from __future__ import annotations

import os

from skerry.engine.containers.options.mount_words import checked, completed
from skerry.engine.containers.options.names import check_name
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.types import MountConfig


def clean(path: str) -> str:
    """An absolute path without dots and doubled slashes; `Invalid` when it isn't absolute."""
    if not path:
        raise Invalid("container directory cannot be empty")
    if not path.startswith("/"):
        raise Invalid(f'invalid container path "{path}", must be an absolute path')
    return "/" + os.path.normpath(path).lstrip("/")


def parse_volume(item: str) -> MountConfig:
    """``[SOURCE:]DESTINATION[:OPTIONS]``; a source that is no path is a volume's name."""
    parts = item.split(":")
    if len(parts) > 3:
        raise Invalid(f"{item}: incorrect volume format, should be [host-dir:]ctr-dir[:option]")
    words = checked(parts[2].split(",")) if len(parts) == 3 else []
    if len(parts) == 1:
        return anonymous(clean(parts[0]), words)
    source = parts[0]
    if source.startswith("./"):
        source = _resolved(source)
    if not source:
        raise Invalid("host directory cannot be empty")
    destination = clean(parts[1])
    if not source.startswith(("/", ".")):
        return named(source, destination, words)
    if "O" in words:
        check_overlay(words)
    return bind(source, destination, words)


def _resolved(source: str) -> str:
    try:
        return os.path.realpath(source, strict=True)
    except OSError as error:
        raise NotFound(f"lstat {source.removeprefix('./')}: {(error.strerror or '').lower()}") from None


def check_overlay(words: list[str]) -> None:
    """`Invalid` for what does not go with ``O``."""
    keys = {word.partition("=")[0] for word in words}
    if len(keys & {"upperdir", "workdir"}) == 1:
        raise Invalid("must set both `upperdir` and `workdir`")
    if keys - {"O", "U", "upperdir", "workdir", "idmap"}:
        raise Invalid("can't use 'O' with options other than 'U', 'upperdir', 'workdir' and 'idmap'")


def bind(source: str, destination: str, words: list[str]) -> MountConfig:
    """A folder or file of the host. `NotFound` when it isn't there."""
    path = os.path.abspath(source)
    if not (os.path.lexists if "no-dereference" in words else os.path.exists)(path):
        raise NotFound(f"statfs {path}: no such file or directory", hint="create it on the host first")
    return {"type": "bind", "source": path, "destination": destination, "options": completed(words, kind="bind", source=path)}  # fmt: skip


def named(name: str, destination: str, words: list[str]) -> MountConfig:
    """A volume by its name."""
    try:
        check_name(name)
    except Invalid as error:
        rule = error.message.partition(": ")[2]
        raise Invalid(f'creating named volume "{name[:100]}": running volume create option: {rule}') from None
    mount: MountConfig = {
        "type": "volume", "name": name, "source": "", "destination": destination,
        "options": completed([word for word in words if word != "nocreate"], kind="volume"),
        "copy_up": "nocopy" not in words,
    }  # fmt: skip
    if "nocreate" in words:
        mount["must_exist"] = True
    return mount


def anonymous(destination: str, words: list[str]) -> MountConfig:
    """A volume without a name of its user's, which goes with its container."""
    made = named(os.urandom(32).hex(), destination, [word for word in words if word != "nocreate"])
    return {**made, "anonymous": True}


def parse_tmpfs(item: str, *, rootless: bool = False) -> MountConfig:
    """``DESTINATION[:OPTIONS]``."""
    destination, _, rest = item.partition(":")
    words = [word for word in rest.split(",") if word]
    return tmpfs(clean(destination), words, rootless=rootless)


def tmpfs(destination: str, words: list[str], *, rootless: bool = False) -> MountConfig:
    """Files in memory."""
    options = completed(words, kind="tmpfs", rootless=rootless)
    return {"type": "tmpfs", "source": "tmpfs", "destination": destination, "options": options}
