"""commit, export, diff, mount and image mount as a user: owners and removals survive, mounts are seen in unshare."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rootless.conftest import SKERRY, User

SCRIPT = "echo hi >/new; rm /etc/group; rm -r /var/spool; mkdir /var/spool; chown 33:44 /new"


@pytest.fixture
def made(user: User) -> User:
    user.skerry("image", "bootstrap", "-q")
    user.skerry("run", "--name", "c", "--network", "none", "busybox", "sh", "-c", SCRIPT)
    user.skerry("commit", "c", "made")
    return user


def test_a_user_commits(made: User) -> None:
    changes = made.skerry("diff", "c").stdout
    assert "A /new" in changes
    assert "D /etc/group" in changes
    assert made.skerry("image", "diff", "made").stdout == changes
    look = "stat -c '%u:%g' /new; ls /etc/group /var/spool"
    seen = made.skerry("run", "--rm", "--network", "none", "made", "sh", "-c", look, check=False)
    assert seen.stdout.splitlines()[0] == "33:44"
    assert "/etc/group: No such file" in seen.stderr
    made.skerry("commit", "-s", "c", "flat")
    assert made.skerry("diff", "flat", "made").stdout == ""


def test_a_user_exports_and_imports(made: User, tmp_path: Path) -> None:
    target = str(made.home / "c.tar")
    made.skerry("export", "-o", target, "c")
    made.skerry("import", target, "back")
    assert made.skerry("diff", "back", "made").stdout == ""


def test_a_user_sees_mounts_in_unshare(made: User) -> None:
    script = (
        f"cat $({SKERRY} mount c)/new $({SKERRY} image mount made)/new; {SKERRY} unmount -a; {SKERRY} image unmount -a"
    )
    assert made.skerry("unshare", "sh", "-c", script).stdout.startswith("hi\nhi\n")
    assert made.skerry("unshare", SKERRY, "mount").stdout == ""


@pytest.mark.parametrize(
    "command", [("mount",), ("mount", "c"), ("image", "mount", "made"), ("container", "mount", "c")]
)
def test_nothing_is_mounted_where_a_user_could_not_see_it(made: User, command: tuple[str, ...]) -> None:
    refused = made.skerry(*command, check=False)
    name = " ".join(word for word in command if word not in ("c", "made"))
    told = f'cannot run command "skerry {name}" in rootless mode, must execute `skerry unshare` first'
    assert (refused.returncode, told in refused.stderr) == (125, True)


@pytest.mark.parametrize(
    "place", ["oci:out:localhost/again:1", "docker-archive:out:again:1", "dir:out", "oci-archive:out"]
)
def test_a_user_moves_images_out_and_in(place: str, made: User) -> None:
    image = made.skerry("image", "inspect", "-f", "{{.Id}}", "made").stdout
    made.skerry("push", "-q", "made", place)
    assert (made.home / "out").stat().st_uid == made.uid
    made.skerry("rmi", "made")
    assert made.skerry("pull", "-q", place).stdout.splitlines()[0] == image.strip()
    seen = made.skerry("run", "--rm", "--network", "none", place, "stat", "-c", "%u:%g", "/new")
    assert seen.stdout == "33:44\n"


def test_a_users_aliases_are_in_their_cache(user: User) -> None:
    file = user.home / ".cache/containers/short-name-aliases.conf"
    user("mkdir", "-p", str(file.parent))
    file.write_text('[aliases]\n  "tool" = "nowhere.invalid/team/tool"\n')
    failed = user.skerry("pull", "tool:2", check=False)
    assert f'Resolved "tool" as an alias ({file})' in failed.stderr
    assert "Trying to pull nowhere.invalid/team/tool:2..." in failed.stderr
