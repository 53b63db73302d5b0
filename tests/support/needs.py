"""What a test needs of the host and cannot make for itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support import child

from skerry.linux import namespaces


def _make_user_namespace() -> None:
    try:
        namespaces.unshare(namespaces.CLONE_NEWUSER)
    except OSError:
        os._exit(1)


# A kernel refuses it to all in a chroot, whoever asks: there is no way round.
USER_NAMESPACES = child.wait(child.fork(_make_user_namespace)) == 0
WITHOUT = "the kernel makes no user namespace here (a chroot, or switched off)"
# Whoever joins a mount namespace stands in its own root, and that of a chroot's program is outside of the chroot: crun,
# runc and so every engine's exec sees the machine's files there.
exec_in_chroot = pytest.mark.skipif(
    not USER_NAMESPACES and Path("/proc/sys/user/max_user_namespaces").read_text().strip() != "0",
    reason="in a chroot, what exec starts stands in the machine's root, not the container's",
)
needs_user_namespaces = pytest.mark.skipif(not USER_NAMESPACES, reason=WITHOUT)
