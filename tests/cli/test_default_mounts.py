"""mounts.conf: what the host puts into every container and every step of a build."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import Skerry


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """Two folders and a file for containers; the folder has a link that leads out of it."""
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/key").write_text("key\n")
    (tmp_path / "pki/key").chmod(0o640)
    (tmp_path / "pki/link").symlink_to("/etc/hostname")
    (tmp_path / "file").write_text("alone\n")
    path = tmp_path / "mounts.conf"
    path.write_text(
        f"# of the distribution\n\n{tmp_path}/pki:/run/pki\n{tmp_path}/pki:/taken\n{tmp_path}/file\n{tmp_path}/missing:/m\n"
    )
    return path


def test_copies_are_mounted_into_containers(skerry: Skerry, busybox: str, conf: Path, tmp_path: Path) -> None:
    script = f"cat /run/pki/key /run/pki/link {tmp_path}/file; stat -c %a /run/pki/key; echo x > /run/pki/new; ls -d /taken/key /m"
    own = tmp_path / "own"
    own.mkdir()
    flags = ("--name", "box", "--network", "none", "-v", f"{own}:/taken")
    done = skerry("--default-mounts-file", conf, "run", *flags, busybox, "sh", "-c", script, check=False)
    assert done.lines == ["key", Path("/etc/hostname").read_text().strip(), "alone", "640"]
    assert "missing" not in done.stderr
    assert not (tmp_path / "pki/new").exists()
    (tmp_path / "pki/key").write_text("newer\n")
    again = skerry("--default-mounts-file", conf, "start", "-a", "box", check=False)
    assert again.lines[0] == "newer"
    assert not list((skerry.top / "run").glob("**/default-mounts"))


def test_they_belong_to_the_containers_root(skerry: Skerry, busybox: str, conf: Path) -> None:
    flags = ("--rm", "--network", "none", "--uidmap", "0:100000:1000")
    done = skerry(
        "--default-mounts-file", conf, "run", *flags, busybox, "stat", "-c", "%u %a", "/run/pki", "/run/pki/key"
    )
    assert done.lines == ["0 755", "0 640"]


def test_steps_of_builds_have_them_too(skerry: Skerry, busybox: str, conf: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(
        f"FROM {busybox}\nRUN cat /run/pki/key\nRUN rm /run/pki/key && ls -a /taken\n"
    )
    lines = skerry("--default-mounts-file", conf, "build", "--network", "none", "-t", "built", context).lines
    assert "key" in lines
    assert skerry("run", "--rm", "--network", "none", "built", "ls", "/run").lines == []


def test_a_file_that_is_not_there_is_no_trouble(skerry: Skerry, busybox: str) -> None:
    done = skerry("--default-mounts-file", "/nowhere", "run", "--rm", "--network", "none", busybox, "true")
    assert done.stderr == ""
