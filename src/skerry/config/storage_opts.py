"""``--storage-opt`` and storage.conf's overlay options: what of them means something for a store of Skerry's.

Layers are mounted by the kernel's overlayfs, with whole files in the upper folder. So a mount program is not needed,
metacopy stays off, and options that other drivers or quotas would need are errors.
"""

from __future__ import annotations

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
_NOT_DONE = ("size", "inodes", "ignore_chown_errors", "force_mask")


def mount_attributes(options: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Which of `ATTRIBUTES` containers' root file systems are mounted with.

    `Invalid` for what is no option, `Unsupported` for what Skerry does not do; ``warn`` tells what was ignored."""
    words: list[str] = []
    for option in options:
        name, equals, value = option.partition("=")
        name = name.removeprefix("overlay2.").removeprefix("overlay.").removeprefix(".")
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
        elif name != "driver":
            raise Invalid(f'unknown option "{name}" in --storage-opt {option}')
    return [word for word in ATTRIBUTES if word in words]


def _mount_word(word: str, option: str) -> str:
    if word not in ATTRIBUTES and word.partition("=")[0] not in _MOOT:
        raise Invalid(f'unknown mount option "{word}" in {option}')
    return word
