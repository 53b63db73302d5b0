"""Whole containers on the real conmon, crun and runc, without an engine around them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.runtime.boxes import Box, Launcher, make_config, needs

from skerry import fastjson
from skerry.errors import CommandNotFound, CommandNotRunnable, NotFound
from skerry.linux import cgroup
from skerry.linux.process import exists
from skerry.runtime import cgroups, conmon, conmon_exec, oci, users
from skerry.runtime.spec_process import exec_process

pytestmark = needs("crun", "conmon")
RUNTIMES = ["crun", pytest.param("runc", marks=needs("runc"))]


@pytest.fixture(params=RUNTIMES)
def any_runtime(request: pytest.FixtureRequest, launcher: Launcher) -> Launcher:
    launcher.settings.runtime = request.param
    return launcher


def test_output_and_exit_code(any_runtime: Launcher) -> None:
    box = any_runtime.run("sh", "-c", "echo out; echo err >&2; exit 42")
    assert box.code == 42
    assert set(box.output.splitlines()) == {"out", "err"}


def test_death_by_a_signal(any_runtime: Launcher) -> None:
    assert any_runtime.run("sh", "-c", "kill -9 $$", namespaces={"pid": "host"}).code == 137


@pytest.mark.parametrize("program", ["nonesuch", "/nonesuch"])
def test_a_missing_program_is_127(any_runtime: Launcher, program: str) -> None:
    with pytest.raises(CommandNotFound, match="OCI runtime attempted to invoke a command that was not found") as caught:
        any_runtime.create(program)
    assert caught.value.exit_code == 127
    assert program in caught.value.message or any_runtime.settings.runtime == "crun"


def test_a_folder_as_program_is_126(any_runtime: Launcher) -> None:
    with pytest.raises(CommandNotRunnable, match=r"OCI permission denied|is a directory") as caught:
        any_runtime.create("/etc")
    assert caught.value.exit_code == 126


def test_a_failed_create_leaves_no_process(launcher: Launcher) -> None:
    with pytest.raises(CommandNotFound):
        launcher.create("nonesuch")
    box = launcher.boxes[-1]
    assert not os.path.exists(os.path.join(box.runtime.state_root, box.id))


def test_nothing_runs_before_start(any_runtime: Launcher, rootfs: Path) -> None:
    box = any_runtime.create("touch", "/started")
    time.sleep(0.05)
    assert not (rootfs / "started").exists()
    assert oci.state(box.runtime, box.id)["status"] == "created"
    box.start()
    assert box.wait() == 0
    assert (rootfs / "started").exists()


def test_state_pause_resume_kill(any_runtime: Launcher) -> None:
    box = any_runtime.create("sleep", "60")
    box.start()
    assert oci.state(box.runtime, box.id)["status"] == "running"
    oci.pause(box.runtime, box.id)
    assert oci.state(box.runtime, box.id)["status"] == "paused"
    oci.resume(box.runtime, box.id)
    oci.kill(box.runtime, box.id, 9)
    assert box.wait() == 137


def test_a_container_that_is_gone(any_runtime: Launcher) -> None:
    box = any_runtime.run("true")
    box.remove()
    oci.delete(box.runtime, box.id)  # idempotent
    for operation in (oci.state, oci.start, oci.pause):
        with pytest.raises(NotFound):
            operation(box.runtime, box.id)


def test_delete_ends_what_still_runs(any_runtime: Launcher) -> None:
    box = any_runtime.create("sleep", "60")
    box.start()
    oci.delete(box.runtime, box.id)
    assert box.wait() == 137
    assert not exists(box.pid)


def test_delete_ends_children_in_the_hosts_pid_namespace(launcher: Launcher, rootfs: Path) -> None:
    box = launcher.create("sh", "-c", "sleep 61 & echo $! >/child; exit 0", namespaces={"pid": "host"})
    box.start()
    child = 0
    box.wait()
    child = int((rootfs / "child").read_text())
    assert exists(child)
    oci.delete(box.runtime, box.id)
    deadline = time.monotonic() + 5
    while exists(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not exists(child)


def test_a_terminal_is_made(any_runtime: Launcher) -> None:
    def wants_terminal(box: Box) -> None:
        box.launch.terminal = True

    box = any_runtime.run(
        "sh", "-c", "test -t 0 && echo yes; stat -c %g /dev/pts/0", terminal=True, before=wants_terminal
    )
    assert box.output.split() == ["yes", "5"]


def test_the_hosts_descriptors_stay_outside(launcher: Launcher) -> None:
    assert launcher.run("sh", "-c", "echo /proc/self/fd/*").output.split()[:3] == [
        f"/proc/self/fd/{n}" for n in range(3)
    ]
    assert len(launcher.boxes[-1].output.split()) <= 4


def test_conmon_stands_in_its_own_group(launcher: Launcher) -> None:
    box = launcher.create("true")
    with open("/proc/self/cgroup") as ours, open(f"/proc/{box.conmon_pid}/cgroup") as theirs:
        pairs = zip(sorted(ours), sorted(theirs), strict=True)
        moved = [their.rstrip() for our, their in pairs if not our.rstrip().endswith(":/")]
    wanted = (
        f"libpod-conmon-{box.id}.scope" if cgroups.manager(launcher.settings) == "systemd" else "/libpod_parent/conmon"
    )
    assert all(line.endswith(wanted) for line in moved if not line.startswith("0::") or cgroup.is_unified())


def test_an_exec_session_under_conmon(any_runtime: Launcher, tmp_path: Path) -> None:
    box = any_runtime.create("sleep", "60", user="user")
    box.start()
    config = make_config(user="user")
    user = users.resolve(str(any_runtime.rootfs), "user")
    process = exec_process(
        config,
        user,
        any_runtime.settings,
        args=["sh", "-c", "id -u; echo $HOME; grep Seccomp: /proc/self/status; exit 5"],
    )
    session = tmp_path / "session"
    session.mkdir()
    (session / "process").write_text(fastjson.dumps(process))
    launch = conmon.Launch(id=box.id, runtime=box.runtime, bundle=str(session))
    launch.session_id, launch.exec_process = "s" * 64, str(session / "process")
    launch.exit_dir, launch.log_path = str(session / "exit"), str(session / "log")
    (session / "exit").mkdir()
    assert conmon_exec.launch(launch).pid > 0
    deadline = time.monotonic() + 5
    while not (session / "exit" / box.id).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (session / "exit" / box.id).read_text() == "5"
    words = " ".join(line.split(" ", 3)[3] for line in (session / "log").read_text().splitlines())
    assert words.split() == ["1000", "/home/user", "Seccomp:", "2"]


@pytest.mark.parametrize("driver", ["none", "passthrough", "json-file"])
def test_log_drivers(launcher: Launcher, driver: str) -> None:
    def choose(box: Box) -> None:
        box.launch.log_driver = driver

    box = launcher.run("true", before=choose)
    assert box.code == 0


def test_memory_and_process_limits_reach_the_groups(launcher: Launcher) -> None:
    box = launcher.create("sleep", "60", resources={"memory": 64 << 20, "pids_limit": 77})
    paths = cgroup.own_paths(box.pid)
    if cgroup.is_unified():
        folder = Path(cgroup.ROOT + paths[""])
        # crun with systemd puts the processes one below the scope that has the limits.
        folders = [folder, folder.parent]
        values = [
            (each / name).read_text().strip()
            for each in folders
            for name in ("memory.max", "pids.max")
            if (each / name).exists()
        ]
    else:
        values = [Path(f"{cgroup.ROOT}/{kind}{paths[kind]}/{file}").read_text().strip()
                  for kind, file in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max"))]  # fmt: skip
    assert {"67108864", "77"} <= set(values)


def test_a_privileged_container_sees_the_hosts_devices(launcher: Launcher) -> None:
    box = launcher.run("sh", "-c", "grep CapEff /proc/self/status; ls /dev", privileged=True)
    assert box.code == 0
    with open("/proc/self/status") as file:
        bounding = next(line.split()[1] for line in file if line.startswith("CapBnd"))
    assert bounding in box.output
    assert "loop-control" in box.output or not os.path.exists("/dev/loop-control")


def test_a_device_can_be_used_and_others_cannot(launcher: Launcher) -> None:
    box = launcher.run("sh", "-c", "dd if=/dev/z bs=1 count=1 2>/dev/null | wc -c || :; mknod /b b 7 0 && cat /b", devices=["/dev/zero:/dev/z"], cap_add=["mknod"])  # fmt: skip
    assert box.code != 0
    assert "ermitted" in box.output or "denied" in box.output


def test_read_only_with_and_without_its_tmpfs(launcher: Launcher) -> None:
    script = "for d in / /tmp /run /var/tmp /dev/shm; do touch $d/x 2>/dev/null && echo $d; done; true"
    assert launcher.run("sh", "-c", script, read_only=True).output.split() == ["/tmp", "/run", "/var/tmp", "/dev/shm"]
    box = launcher.run("sh", "-c", script, read_only=True, read_only_tmpfs=False)
    assert (box.bundle / "ctr.log").read_text() == ""


def test_sharing_and_joining_namespaces(launcher: Launcher) -> None:
    script = "for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done"
    box = launcher.run("sh", "-c", script, namespaces={"pid": "host", "ipc": "host", "uts": "host", "net": "host"})
    if "readlink" not in box.output:
        ours = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "net", "ipc", "uts")]
        assert box.output.split()[:4] == ours


def test_umask_and_ulimit(launcher: Launcher) -> None:
    box = launcher.run("sh", "-c", "umask; ulimit -n", umask="0077", ulimits=["nofile=100:200"])
    assert box.output.split() == ["0077", "100"]
