"""Additional image stores of a user: another one of theirs, their Podman's, and those of root that they may read or not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.rootless.conftest import User
from tests.support.command import Skerry


def option(path: Path | str) -> str:
    return f"--storage-opt=overlay.imagestore={path}"


def test_a_user_shares_an_image_between_two_stores(user: User) -> None:
    first = user.home / "first"
    user.skerry(f"--root={first}", "image", "bootstrap", "-q")
    text = "FROM busybox\nRUN echo hi >/new; rm -r /var/spool; mkdir /var/spool; chown 33:44 /new\n"
    (user.home / "Containerfile").write_text(text)
    user.skerry(f"--root={first}", "build", "-q", "-t", "made", "--network", "none", str(user.home))
    look = ("made", "stat", "-c", "%u:%g", "/new")
    seen = user.skerry(option(first), "run", "--rm", "--network", "none", *look)
    assert (seen.stdout, seen.stderr) == ("33:44\n", "")
    assert user.skerry(option(first), "images", "--filter", "readonly=false", "-q").stdout == ""


def test_a_users_podman_images_need_no_pull(user: User, busybox_archive: Path) -> None:
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    archive = user.home / "busybox.tar"
    shutil.copy(busybox_archive, archive)
    archive.chmod(0o644)
    podman = ("podman", "--storage-driver", "overlay")
    user(*podman, "load", "-q", "-i", str(archive))
    (user.home / "Containerfile").write_text(
        "FROM localhost/busybox\nRUN mkdir /d && echo old > /d/old && echo x > /x\nRUN rm -r /d /x && mkdir /d && chown 33:44 /d\n"
    )
    user(*podman, "build", "-q", "--layers", "-t", "made", "--isolation", "chroot", str(user.home))
    store = option(user.home / ".local/share/containers/storage")
    script = "stat -c %u:%g /d; ls /d; ls /x"
    seen = user.skerry(store, "run", "--rm", "--network", "none", "made", "sh", "-c", script, check=False)
    assert seen.stdout == "33:44\n", seen.stderr[:300]
    assert "/x: No such file" in seen.stderr
    user.skerry(store, "save", "-o", str(user.home / "made.tar"), "made")


def test_a_store_that_a_user_may_not_read_is_one_line(user: User, skerry: Skerry, busybox: str) -> None:
    result = user.skerry(option(skerry.root), "images", "-q")
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "cannot be used: " in result.stderr


def test_roots_store_can_be_opened_to_users(user: User, skerry: Skerry, busybox: str) -> None:
    """What containers/storage's documentation has administrators do. Its files are nobody's then: they can be read."""
    subprocess.run(["chmod", "-R", "a+rX", str(skerry.root), str(skerry.top)], check=True)
    target = user.home / "busybox.tar"
    assert user.skerry(option(skerry.root), "save", "-o", str(target), busybox).stderr == ""
    user.skerry("load", "-q", "-i", str(target))
    seen = user.skerry("run", "--rm", "--network", "none", busybox, "echo", "hi")
    assert (seen.stdout, seen.stderr) == ("hi\n", "")
