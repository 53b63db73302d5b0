"""A root file system, settings and a launcher that these tests share. Everything is private to one test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.runtime.boxes import APPLETS, Launcher, make_settings


@pytest.fixture(scope="session")
def rootfs_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    busybox = shutil.which("busybox") or "/bin/busybox"
    if not os.path.exists(busybox):
        pytest.skip("needs busybox-static")
    root = tmp_path_factory.mktemp("rootfs")
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "run", "var/tmp", "root", "home/user"):
        (root / name).mkdir(parents=True)
    shutil.copy2(busybox, root / "bin/busybox")
    for name in APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nuser:x:1000:\naudio:x:29:user\n")
    root.chmod(0o755)
    return root


@pytest.fixture
def rootfs(rootfs_template: Path, tmp_path: Path) -> Path:
    target = tmp_path / "root"
    shutil.copytree(rootfs_template, target, symlinks=True)
    return target


@pytest.fixture
def settings(tmp_path: Path) -> SimpleNamespace:
    return make_settings(tmp_path / "run")


@pytest.fixture
def launcher(rootfs: Path, settings: SimpleNamespace) -> Any:
    result = Launcher(rootfs, settings)
    yield result
    for box in result.boxes:
        box.remove()
        for folder in Path("/sys/fs/cgroup").glob(f"*/libpod_parent/libpod-{box.id}"):
            raise AssertionError(f"left behind: {folder}")
        assert not os.path.exists(os.path.join(box.runtime.state_root, box.id))
