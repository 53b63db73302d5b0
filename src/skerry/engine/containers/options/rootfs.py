"""``--rootfs PATH[:O|:idmap[=…]]``: a folder to run from, as it is, under a layer of the container's own, or with its ids."""

from __future__ import annotations

import os

from skerry.engine.containers.idmap_option import read
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.types import ContainerConfig


def apply(text: str, config: ContainerConfig) -> None:
    """Put it into the container's configuration. `Invalid` when there is no such folder."""
    path, how = text, ""
    if not os.path.isdir(text):
        head, _, tail = text.rpartition(":")
        if head and (tail == "O" or tail.partition("=")[0] == "idmap"):
            path, how = head, tail
    absolute = os.path.abspath(path)
    if not os.path.isdir(absolute):
        raise Invalid(f"running container create option: faccessat {path}: no such file or directory")
    if not how:
        config["rootfs"] = absolute
        return
    if how.partition("=")[2]:
        every = {"containerID": 0, "hostID": 0, "size": 2**32 - 1}
        read(how, [every], [every])  # type: ignore[list-item]
    config["rootfs_lower"], config["rootfs_how"] = absolute, how
