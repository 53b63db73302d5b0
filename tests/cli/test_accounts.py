"""The container's users in its /etc/passwd and /etc/group: lines that are added, and whose home $HOME is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
RUN = ("run", "--rm", "--network=none")


def test_a_number_has_the_working_directory_as_its_home(skerry: Skerry, busybox: str) -> None:
    show = ("sh", "-c", "echo $HOME ~; tail -n1 /etc/passwd; tail -n1 /etc/group")
    found = skerry(*RUN, "--user", "1234:4321", "-w", "/tmp", busybox, *show).lines
    assert found == ["/tmp /tmp", "1234:*:1234:4321:container user:/tmp:/bin/sh", "4321:x:4321:1234"]
    assert skerry(*RUN, "--user", "1234", "--passwd=false", busybox, "sh", "-c", "echo $HOME").stdout == "/\n"
    assert skerry(*RUN, "--user", "1234", "-e", "HOME=/x", busybox, "sh", "-c", "echo $HOME").stdout == "/x\n"


def test_a_number_that_the_host_knows_has_its_name(skerry: Skerry, busybox: str) -> None:
    assert skerry(*RUN, "--user", "42", busybox, "id", "-un").stdout == "_apt\n"


def test_the_files_can_be_replaced_and_keep_their_lines(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--user", "1234", "--network=none", busybox, "sleep", "100")
    replace = "cp /etc/passwd /etc/new && echo more:x:7:7::/:/bin/sh >>/etc/new && mv /etc/new /etc/passwd"
    skerry("exec", "--user", "0", "box", "sh", "-c", replace)
    skerry("restart", "-t", "0", "box")
    text = skerry("exec", "box", "cat", "/etc/passwd").stdout
    assert text.count("1234:*:1234") == 1
    assert text.endswith("more:x:7:7::/:/bin/sh\n")
    assert skerry("exec", "box", "sh", "-c", "echo $HOME").stdout == "/\n"


def test_in_a_read_only_root_copies_are_mounted(skerry: Skerry, busybox: str) -> None:
    flags = ("--read-only", "-w", "/tmp", "--user")
    show = ("sh", "-c", "echo $HOME; mount | grep -o '/etc/[pg][^ ]*'")
    assert skerry(*RUN, *flags, "1234:4321", busybox, *show).lines == ["/tmp", "/etc/passwd", "/etc/group"]
    assert skerry(*RUN, *flags, "root", busybox, "sh", "-c", "mount | grep -c /etc/passwd", check=False).stdout == "0\n"
    skerry("run", "-d", "--name", "box", "--network=none", *flags, "1234", busybox, "sleep", "100")
    assert skerry("exec", "box", "sh", "-c", "echo $HOME").stdout == "/tmp\n"


def test_a_folder_of_the_host_keeps_its_files(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("create", "--name", "box", busybox)
    skerry("export", "-o", tmp_path / "root.tar", "box")
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "root.tar", "-C", root], check=True)
    before = (root / "etc" / "passwd").read_bytes()
    show = ("sh", "-c", "echo $HOME; grep -c ^1234: /etc/passwd")
    for path in (str(root), f"{root}:O"):
        assert skerry(*RUN, "--user", "1234", "-w", "/tmp", "--rootfs", path, *show).lines == ["/tmp", "1"]
        assert (root / "etc" / "passwd").read_bytes() == before


def test_templates_are_for_those_whom_the_image_does_not_know(skerry: Skerry, busybox: str) -> None:
    passwd = ("--passwd-entry", "$USERNAME:x:$UID:$GID:$NAME:/foo:$HOME")
    found = skerry(*RUN, *passwd, "--user", "1234:56", busybox, "sh", "-c", "echo $HOME; tail -n1 /etc/passwd").lines
    assert found == ["/foo", "1234:x:1234:56:container user:/foo:/"]
    assert "/foo" not in skerry(*RUN, *passwd, "--user", "root", busybox, "cat", "/etc/passwd").stdout
    group = ("--group-entry", "new$GROUPNAME:x:$GID:$USERLIST")
    assert skerry(*RUN, *group, "--user", "1:56", busybox, "tail", "-n1", "/etc/group").stdout == "new:x:56:\n"
    assert "new" not in skerry(*RUN, *group, "--user", "1234", busybox, "cat", "/etc/group").stdout


def test_a_passwd_file_that_is_mounted_is_the_one_that_counts(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("me:x:77:78:Me:/srv:/bin/sh\n")
    mount = ("-v", f"{tmp_path}/passwd:/etc/passwd")
    assert skerry(*RUN, *mount, "--user", "me", busybox, "sh", "-c", "id -u; echo $HOME").stdout == "77\n/srv\n"
    assert skerry(*RUN, *mount, "--user", "5", busybox, "cat", "/etc/passwd").stdout == "me:x:77:78:Me:/srv:/bin/sh\n"
    skerry("run", "-d", "--name", "box", "--network=none", *mount, busybox, "sleep", "100")
    assert skerry("exec", "--user", "me", "box", "id", "-g").stdout == "78\n"


@pytest.mark.parametrize(
    ("made", "read_only"),
    [("rm /etc/passwd", True), ("rm /etc/passwd; ln -s /no/such /etc/passwd", True),
     ("printf x:x:1:1::/: >/etc/passwd", True), ("ln -sf /dev/null /etc/passwd", False),
     ("rm /etc/passwd; mkdir /etc/passwd", False)],
)  # fmt: skip
def test_an_image_may_have_made_anything_of_its_files(skerry: Skerry, busybox: str, made: str, read_only: bool) -> None:
    skerry("run", "--name", "maker", "--network=none", busybox, "sh", "-c", made)
    skerry("commit", "-q", "maker", "odd")
    assert skerry(*RUN, "--user", "1234", "odd", "id", "-u").stdout == "1234\n"
    if read_only:
        assert skerry(*RUN, "--read-only", "--user", "1234", "odd", "id", "-u").stdout == "1234\n"
