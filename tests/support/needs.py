"""What a test needs of the host and cannot make for itself."""

from __future__ import annotations

import os

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
needs_user_namespaces = pytest.mark.skipif(not USER_NAMESPACES, reason=WITHOUT)
