"""cp of a user's containers: running, stopped, with ids of their own, with volumes and folders of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rootless.conftest import User


@pytest.mark.parametrize("flags", [(), ("--userns=keep-id",), ("--userns=auto",), ("--userns=nomap",)])
def test_in_and_out_running_and_stopped(user: User, flags: tuple[str, ...]) -> None:
    user.skerry("image", "bootstrap", "-q")
    folder = user.home / "d"
    folder.mkdir()
    (folder / "x").write_text("x\n")
    for path in (folder, folder / "x"):
        os.chown(path, user.uid, user.gid)
    user.skerry("run", "-d", "--name", "live", *flags, "-v", "vol:/v", "busybox", "sleep", "600")
    user.skerry("create", "--name", "still", *flags, "-v", "vol:/v", "busybox", "cat", "/v/x", "/tmp/x")
    for name in ("live", "still"):
        user.skerry("cp", str(folder / "x"), f"{name}:/tmp/")
        user.skerry("cp", str(folder / "x"), f"{name}:/v/x")
        user.skerry("cp", f"{name}:/tmp/x", str(user.home / f"from-{name}"))
        copied = Path(user.home / f"from-{name}")
        assert (copied.read_text(), copied.stat().st_uid) == ("x\n", user.uid)
    user.skerry("cp", "live:/tmp/x", "still:/tmp/y")
    assert user.skerry("start", "-a", "still").stdout == "x\nx\n"
    shown = "stat -c %u /tmp/x; id -u"
    mine, runs_as = user.skerry("exec", "live", "sh", "-c", shown).stdout.split()
    assert mine == runs_as
    user.skerry("rm", "-f", "-t0", "live", "still")
