"""What puts links in the place of folders while they are copied gets neither the host's files read nor written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.builds.select import Tree, xattrs_of
from skerry.errors import Unavailable

HOW = Metadata(0o777, os.geteuid(), os.getegid(), 0)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)
    (folder / "secret").write_text("secret")
    os.setxattr(folder / "secret", "user.told", b"secret")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/top/sub").mkdir(parents=True)
    (tmp_path / "root/top/sub/secret").write_text("ours")
    (tmp_path / "root/top/link").symlink_to("sub")
    return tmp_path / "root"


def swap(folder: Path, target: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.symlink_to(target)


@pytest.mark.parametrize("after", ["top", "top/sub", "top/sub/secret"])
def test_reading(root: Path, outside: Path, after: str) -> None:
    read = []
    with Tree(str(root)) as tree:
        (chosen,) = tree.choose("/top")
        try:
            for item in tree.items(chosen):
                if item.path == after:
                    swap(root / "top/sub", outside)
                read += xattrs_of(tree, item).values()
                if item.name.endswith("secret"):
                    fd = tree.open(item)
                    read.append(os.read(fd, 100))
                    os.close(fd)
        except Unavailable:
            pass  # what changes while it is copied may be an error
    assert b"secret" not in read


def test_a_links_own_attributes_are_asked_for(root: Path) -> None:
    os.setxattr(root / "top/sub", "user.told", b"of the folder")
    with Tree(str(root)) as tree:
        (chosen,) = tree.choose("/top")
        found = {item.name: xattrs_of(tree, item) for item in tree.items(chosen)}
    assert found["link"] == {}
    assert found["sub"] == {"user.told": b"of the folder"}


@pytest.mark.parametrize("what", ["folder", "node"])
def test_making(root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    call = "mkdir" if what == "folder" else "mknod"
    genuine = getattr(os, call)

    def racing(name: str, *args: object, dir_fd: int) -> None:
        genuine(name, *args, dir_fd=dir_fd)
        swap(root / "new", outside)

    monkeypatch.setattr(os, call, racing)
    with Placer(str(root), new_folders=HOW) as placer:
        try:
            if what == "folder":
                placer.folder("/new", HOW)
            else:
                placer.node("/new", 0o010000, 0, HOW)
        except (OSError, Unavailable):
            pass
    assert outside.stat().st_mode & 0o777 == 0o700


def test_links_below_a_folder_of_the_host_are_not_followed(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/sub").symlink_to(outside)
    with Placer("/", new_folders=HOW) as placer:
        placer.follow_no_links_below(f"{tmp_path}/here")
        assert placer.is_taken(f"{tmp_path}/here/sub")
        assert not placer.is_taken(f"{tmp_path}/here/none")
        source = os.open(__file__, os.O_RDONLY)
        with pytest.raises(Exception):  # noqa: B017 - whichever, nothing is written
            placer.file(f"{tmp_path}/here/sub/secret", source, HOW)
        os.close(source)
    assert (outside / "secret").read_text() == "secret"
