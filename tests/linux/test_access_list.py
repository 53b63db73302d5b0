"""Access lists: one more user passes through a folder, also after its mode was changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.child import fork, wait

from skerry.linux.access_list import let_pass

USER = 54321


def passes(folder: Path, uid: int) -> bool:
    fd = os.open(folder, os.O_PATH)

    def look() -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            os.stat("inside", dir_fd=fd)
        except PermissionError:
            os._exit(1)

    try:
        return wait(fork(look)) == 0
    finally:
        os.close(fd)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_who_was_let_through_is_let_through_again_after_a_chmod(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    (folder / "inside").touch()
    assert not passes(folder, USER)
    let_pass(str(folder), USER)
    assert passes(folder, USER)
    assert not passes(folder, USER + 1)
    folder.chmod(0o700)
    assert not passes(folder, USER)
    let_pass(str(folder), USER)
    assert passes(folder, USER)
    assert not passes(folder, USER + 1)
