"""--user and --group-add against /etc/passwd and /etc/group of an image that may be hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import Invalid, NotFound
from skerry.runtime.users import MAX_ID, resolve

PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/false\nodd:x:12:notanumber::\n1234:x:77:78::/n:\n"
GROUP = "root:x:0:\nweb:x:34:\naudio:x:29:web,root\nvideo:x:44:web\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


@pytest.mark.parametrize(
    ("user", "uid", "gid", "groups", "home"),
    [
        ("", 0, 0, [29], "/root"),
        ("root", 0, 0, [29], "/root"),
        ("web", 33, 34, [29, 44], "/srv"),
        ("33", 33, 34, [29, 44], "/srv"),
        ("web:audio", 33, 29, [], "/srv"),
        ("web:5", 33, 5, [], "/srv"),
        ("5000", 5000, 0, [], "/"),
        ("5000:6000", 5000, 6000, [], "/"),
        ("0:web", 0, 34, [], "/root"),
        ("1234", 1234, 0, [], "/"),  # a number is an id, even if a name looks like it
        ("odd", 12, 0, [], "/"),
    ],
)
def test_users_as_podman_reads_them(root: Path, user: str, uid: int, gid: int, groups: list[int], home: str) -> None:
    found = resolve(str(root), user)
    assert (found["uid"], found["gid"], found["additional_gids"], found["home"]) == (uid, gid, groups, home)


def test_added_groups_by_name_and_number(root: Path) -> None:
    assert resolve(str(root), "web", ["video", "4711"])["additional_gids"] == [29, 44, 4711]


@pytest.mark.parametrize(
    ("user", "groups", "text"),
    [
        ("nobody", [], "unable to find user nobody: no matching entries in passwd file"),
        ("web:nogroup", [], "unable to find group nogroup: no matching entries in group file"),
        ("web", ["nogroup"], "unable to find group nogroup: no matching entries in group file"),
    ],
)
def test_unknown_names_are_said_in_podmans_words(root: Path, user: str, groups: list[str], text: str) -> None:
    with pytest.raises(NotFound) as caught:
        resolve(str(root), user, groups)
    assert caught.value.message == text


@pytest.mark.parametrize("user", [str(MAX_ID + 1), "0:3000000000", "99999999999"])
def test_ids_beyond_the_range_are_refused(root: Path, user: str) -> None:
    with pytest.raises(Invalid, match="uids and gids must be in range 0-2147483647"):
        resolve(str(root), user)


def test_without_files_numbers_still_work(tmp_path: Path) -> None:
    assert resolve(str(tmp_path), "7:8")["gid"] == 8
    assert resolve(str(tmp_path))["home"] == "/"


def test_a_link_cannot_lead_out_of_the_image(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "passwd"
    outside.write_text("evil:x:666:666::/:\n")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("../" * 20 + str(outside).lstrip("/"))
    with pytest.raises(NotFound):
        resolve(str(root), "evil")


def test_an_absolute_link_stays_inside_the_image(root: Path) -> None:
    (root / "real").write_text(PASSWD)
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("/real")
    assert resolve(str(root), "web")["uid"] == 33


def test_a_fifo_or_folder_in_place_of_the_file_does_not_hang(root: Path) -> None:
    (root / "etc/passwd").unlink()
    os.mkfifo(root / "etc/passwd")
    (root / "etc/group").unlink()
    (root / "etc/group").mkdir()
    assert resolve(str(root), "5")["uid"] == 5


def test_a_terabyte_of_nothing_is_read_in_bounds(root: Path) -> None:
    with open(root / "etc/passwd", "r+b") as file:
        file.truncate(1 << 40)
    assert resolve(str(root), "web")["uid"] == 33


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400), user=st.text(max_size=20))
def test_any_bytes_give_an_id_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, user: str
) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "etc").mkdir()
    (root / "etc/passwd").write_bytes(content)
    (root / "etc/group").write_bytes(content)
    try:
        found = resolve(str(root), user)
    except (NotFound, Invalid):
        return
    assert 0 <= found["uid"] <= MAX_ID
    assert 0 <= found["gid"] <= MAX_ID
