"""``--storage-opt`` and storage.conf's overlay options: what of them means something for a store of Skerry's.

Layers are mounted by the kernel's overlayfs, with whole files in the upper folder. So a mount program is not needed,
metacopy stays off, and options that other drivers or quotas would need are errors.
"""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ATTRIBUTES = ("nodev", "nosuid", "noexec")
# Accepted and without effect: they ask for what is so anyway, or allow what is not done.
_MOOT = ("metacopy", "redirect_dir", "index", "userxattr", "volatile", "xino", "fsync", "rw", "dev", "suid", "exec")
_IGNORED = {
    "mount_program": "overlay is mounted by the kernel",
    "skip_mount_home": "the store's folder is never bind mounted",
    "use_composefs": "composefs is not used",
}
# Read-only stores of other images; `image_stores`.
_STORES = ("imagestore", "additionalimagestore")
_PREFIXES = ("overlay2", "overlay", "vfs", "btrfs", "zfs", "")
_NOT_DONE = ("size", "inodes", "ignore_chown_errors", "force_mask")


def mount_attributes(options: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Which of `ATTRIBUTES` containers' root file systems are mounted with.

    `Invalid` for what is no option, `Unsupported` for what Skerry does not do; ``warn`` tells what was ignored."""
    words: list[str] = []
    for option in options:
        name, equals, value = _split(option)
        if not equals or not name:
            raise Invalid(f'invalid --storage-opt "{option}"', hint="overlay.mountopt=nodev")
        if name == "mountopt":
            words += [_mount_word(word, option) for word in value.split(",") if word]
        elif name in _IGNORED:
            warn(f"storage option {option} is ignored: {_IGNORED[name]}")
        elif name in _NOT_DONE:
            raise Unsupported(
                f"storage option {option} is not supported", hint="remove it from --storage-opt or storage.conf"
            )
        elif name not in ("driver", *_STORES):
            raise Invalid(f'unknown option "{name}" in --storage-opt {option}')
    return [word for word in ATTRIBUTES if word in words]


def image_stores(options: Sequence[str]) -> list[str]:
    """The additional image stores that the options name, in order. `Invalid` for a relative path."""
    found: dict[str, None] = {}
    for option in options:
        name, _, value = _split(option)
        if name in _STORES:
            for path in filter(None, value.split(",")):
                if not os.path.isabs(path):
                    raise Invalid(f'overlay: image path "{path}" is not absolute.  Can not be relative')
                found[os.path.normpath(path)] = None
    return list(found)


def _split(option: str) -> tuple[str, str, str]:
    """Name without the driver's, "=", value."""
    name, equals, value = option.partition("=")
    driver, dot, rest = name.partition(".")
    return (rest if dot and driver in _PREFIXES else name).lower(), equals, value


def _mount_word(word: str, option: str) -> str:
    if word not in ATTRIBUTES and word.partition("=")[0] not in _MOOT:
        raise Invalid(f'unknown mount option "{word}" in {option}')
    return word
