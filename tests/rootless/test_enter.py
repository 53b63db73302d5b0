"""A real user's commands share one user namespace, whatever happens to its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.rootless.conftest import SKERRY, User

NAMESPACES = ("unshare", "readlink", "/proc/self/ns/user", "/proc/self/ns/mnt")


def holder(user: User) -> int:
    return int((user.run / "skerry" / "userns").read_text().split()[0])


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while os.path.exists(f"/proc/{pid}") and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.01)


def change_ids(user: User, how: str, ids: str = "") -> str:
    if not ids:
        lines = Path("/etc/subuid").read_text().splitlines()
        first, count = next(line.split(":")[1:] for line in lines if line.startswith(user.name + ":"))
        ids = f"{first}-{int(first) + int(count) - 1}"
    subprocess.run(["usermod", how, ids, user.name], check=True)
    return ids


def test_the_user_is_root_there_with_all_their_ids(user: User) -> None:
    maps = user.skerry("unshare", "cat", "/proc/self/uid_map").stdout.split()
    assert maps[:3] == ["0", str(user.uid), "1"]
    assert maps[3] == "1"
    assert user.skerry("unshare", "id", "-u").stdout == "0\n"


def test_every_command_finds_the_same_namespace_and_its_mounts(user: User) -> None:
    user.skerry("unshare", "sh", "-c", "mkdir m && mount -t tmpfs none m && touch m/here")
    assert user.skerry("unshare", "ls", "m").stdout == "here\n"
    assert user("ls", "m").stdout == ""


def test_overlay_mounts_natively(user: User) -> None:
    script = (
        "mkdir l u w m && echo low > l/f && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr none m"
        " && echo high > m/f && chown 33:33 m/f && cat l/f u/f && stat -c %u m/f"
    )
    assert user.skerry("unshare", "sh", "-c", script).stdout == "low\nhigh\n33\n"


def test_the_working_directory_environment_and_exit_code_stay(user: User) -> None:
    result = user.skerry("unshare", "sh", "-c", "pwd; echo $X $CONTAINERS_RUNROOT; exit 7", check=False, X="kept")
    assert result.stdout == f"{user.home}\nkept {user.run}/skerry\n"
    assert result.returncode == 7


def test_the_command_ends_when_nobody_reads_on(user: User) -> None:
    assert user.skerry("unshare", "sh", "-c", "grep SigIgn /proc/self/status").stdout.split()[1] == "0" * 16


def test_without_a_command_it_is_the_shell(user: User) -> None:
    assert user.skerry("unshare", SHELL="/usr/bin/whoami").stdout == "root\n"
    result = user.skerry("unshare", "no-such-program", check=False)
    assert result.returncode == 127
    assert "executable file not found in $PATH" in result.stderr
    for path, code, words in (("/no/such", 127, "no such file or directory"), ("/usr", 126, "permission denied")):
        result = user.skerry("unshare", path, check=False)
        assert (result.returncode, result.stderr) == (code, f"Error: exec {path}: {words}\n")


def test_twenty_first_commands_at_once_make_one_namespace(user: User) -> None:
    running = [user.start(str(SKERRY), *NAMESPACES) for _ in range(20)]
    answers = {process.communicate(timeout=60) for process in running}
    assert len(answers) == 1
    assert len(user.processes()) == 1


def test_a_dead_holder_is_replaced(user: User) -> None:
    user.skerry("unshare", "true")
    first = holder(user)
    end(first)
    user.skerry("unshare", "true")
    assert holder(user) != first


def test_a_pid_that_now_means_another_process_is_not_joined(user: User) -> None:
    user.skerry("unshare", "true")
    path = user.run / "skerry" / "userns"
    pid, start, boot, ids = path.read_text().split()
    other = user.start("sleep", "60")
    path.write_text(f"{other.pid} {start} {boot} {ids}\n")
    inside = user.skerry(*NAMESPACES).stdout.split()
    assert inside[0] != os.readlink(f"/proc/{other.pid}/ns/user")
    path.write_text(f"{pid} {int(start) + 1} {boot} {ids}\n")
    user.skerry("unshare", "true")
    path.write_text("x y z\n")
    user.skerry("unshare", "true")
    end(other.pid)
    other.communicate()


def test_a_process_of_root_is_never_joined(user: User) -> None:
    from skerry.linux import process

    user.skerry("unshare", "true")
    root = subprocess.Popen(["unshare", "-m", "sleep", "60"])
    path = user.run / "skerry" / "userns"
    ids = path.read_text().split()[3]
    path.write_text(f"{root.pid} {process.start_time(root.pid)} {process.boot_id()} {ids}\n")
    assert user.skerry("unshare", "head", "-1", "/proc/self/uid_map").stdout.split()[1] == str(user.uid)
    root.kill()
    root.wait()


def test_the_fallback_run_folder_must_be_ours(user: User) -> None:
    user.run.rmdir()
    folder = Path(f"/tmp/skerry-run-{user.uid}")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    result = user.skerry("unshare", "true", check=False, XDG_RUNTIME_DIR="")
    assert result.returncode == 125
    assert "does not belong to this user" in result.stderr
    folder.rmdir()
    assert user.skerry("unshare", "true", XDG_RUNTIME_DIR="").returncode == 0
    assert folder.stat().st_mode & 0o777 == 0o700


def test_cron_and_su_find_the_same_namespace(user: User) -> None:
    usual = user.skerry(*NAMESPACES).stdout
    assert user.skerry(*NAMESPACES, XDG_RUNTIME_DIR="").stdout == usual
    assert user.skerry(*NAMESPACES, XDG_RUNTIME_DIR="/run/user/0").stdout == usual


def test_without_subordinate_ids_only_the_user_exists_and_that_is_said_once(user: User) -> None:
    text = Path("/etc/subuid").read_text()
    first, count = next(line.split(":")[1:] for line in text.splitlines() if line.startswith(user.name + ":"))
    last = int(first) + int(count) - 1
    subprocess.run(["usermod", "--del-subuids", f"{first}-{last}", user.name], check=True)
    told = user.skerry("unshare", "cat", "/proc/self/uid_map")
    assert told.stdout.split() == ["0", str(user.uid), "1"]
    assert told.stderr.count("no subordinate ids") == 1
    assert user.skerry("unshare", "true").stderr == ""
    user.skerry("image", "bootstrap", "-q")
    assert user.skerry("run", "--rm", "busybox", "id", "-u").stdout == "0\n"
    for mode in ("keep-id", "keep-id:uid=5,gid=6", "nomap"):
        refused = user.skerry("run", "--rm", f"--userns={mode}", "busybox", "true", check=False)
        assert refused.returncode == 125
        assert f"{mode.partition(':')[0]} requires additional UIDs or GIDs defined in /etc/subuid" in refused.stderr


def test_new_subordinate_ids_count_as_soon_as_nothing_uses_the_old_ones(user: User) -> None:
    ids = change_ids(user, "--del-subuids")
    user.skerry("unshare", "true")
    busy = user.start(str(SKERRY), "unshare", "sleep", "60")
    while not any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in user.processes()):
        time.sleep(0.01)
    change_ids(user, "--add-subuids", ids)
    kept = user.skerry("unshare", "cat", "/proc/self/uid_map")
    assert len(kept.stdout.splitlines()) == 1
    assert "once all containers have stopped" in kept.stderr
    end(busy.pid)
    busy.communicate()
    change_ids(user, "--add-subuids", "900000000-900000999")
    assert len(user.skerry("unshare", "cat", "/proc/self/uid_map").stdout.splitlines()) == 3


def test_a_change_of_others_ids_changes_nothing(user: User) -> None:
    before = user.skerry(*NAMESPACES).stdout
    os.utime("/etc/subuid")
    assert user.skerry(*NAMESPACES).stdout == before


def test_within_unshare_skerry_knows_where_it_is(user: User) -> None:
    nested = user.skerry("unshare", str(SKERRY), *NAMESPACES).stdout
    assert nested == user.skerry(*NAMESPACES).stdout


def test_in_a_foreign_namespace_without_mounts_it_says_so(user: User) -> None:
    result = user("unshare", "-Ur", str(SKERRY), "unshare", "true", check=False)
    assert "no mount namespace of its own" in result.stderr
    assert user("unshare", "-Urm", str(SKERRY), "unshare", "id", "-u").stdout == "0\n"


def test_without_catatonit_something_else_sleeps(user: User) -> None:
    code = f"""
import os, sys
sys.path.insert(0, {str(SKERRY.parents[1] / "src")!r})
from skerry.config.settings import load_settings
from skerry.engine import rootless, rootless_setup
found = rootless_setup.find_program
rootless_setup.find_program = lambda name, *rest: "" if name == "catatonit" else found(name, *rest)
rootless.enter(load_settings())
print(os.getuid())
"""
    assert user("/usr/bin/python3", "-IS", "-c", code).stdout == "0\n"
    assert Path(f"/proc/{holder(user)}/comm").read_text() == "sleep\n"
    assert user.skerry("unshare", "id", "-u").stdout == "0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_root_has_no_use_for_it() -> None:
    result = subprocess.run([SKERRY, "unshare", "true"], capture_output=True, text=True, check=False)
    assert (result.returncode, "please use unshare with rootless" in result.stderr) == (125, True)


def test_migrate_ends_the_users_namespace(user: User) -> None:
    user.skerry("unshare", "true")
    before = holder(user)
    user.skerry("system", "migrate")
    assert not (user.run / "skerry/userns").exists()
    user.skerry("unshare", "true")
    assert holder(user) != before
