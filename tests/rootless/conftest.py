"""A real user of their own for these tests, with subordinate ids, a home and a run folder. Needs root to make one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support import needs

TOP = Path(__file__).resolve().parents[2]
SKERRY = TOP / "bin" / "skerry"


class User:
    """Run programs as this user. ``env`` is all of their environment."""

    def __init__(self, name: str) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid, self.home = name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir)
        # Where systemd has it: AppArmor lets pasta open network namespaces only there (and in /tmp).
        self.run = Path(f"/run/user/{self.uid}")
        shutil.rmtree(self.run, ignore_errors=True)  # a dead user's of the same number
        self.run.mkdir(mode=0o700, parents=True)
        os.chown(self.run, self.uid, self.gid)
        self.env = {
            "HOME": str(self.home), "USER": name, "SHELL": "/bin/sh", "PATH": "/usr/local/bin:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": str(self.run),
        }  # fmt: skip

    def start(self, *argv: str, **env: str) -> subprocess.Popen[str]:
        """A program, running."""
        return subprocess.Popen(
            argv, cwd=self.home, env={**self.env, **env}, user=self.uid, group=self.gid, extra_groups=[self.gid],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, *argv: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """A program, run to its end."""
        process = self.start(*argv, **env)
        stdout, stderr = process.communicate(timeout=120)
        if check:
            assert process.returncode == 0, f"{argv}: {process.returncode}\n{stdout}\n{stderr}"
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    def skerry(self, *args: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """A skerry command."""
        return self(str(SKERRY), *args, check=check, **env)

    def processes(self) -> list[int]:
        """Everything that runs as this user or as one of their subordinate ids, zombies not."""
        found = []
        ids = {self.uid, *_subordinate(self.name)}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    text = Path(f"/proc/{name}/status").read_text()
                except OSError:
                    continue
                lines = dict(line.partition(":\t")[::2] for line in text.splitlines())
                if int(lines["Uid"].split()[0]) in ids and not lines["State"].startswith("Z"):
                    found.append(int(name))
        return found

    def end(self) -> None:
        """Kill all that is left and remove the user."""
        for _ in range(100):
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it ended meanwhile
            if not left:
                break
            time.sleep(0.05)
        subprocess.run(["userdel", self.name], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)
        for folder in (self.run, Path(f"/tmp/skerry-run-{self.uid}")):
            shutil.rmtree(folder, ignore_errors=True)


def _subordinate(name: str) -> range:
    for line in Path("/etc/subuid").read_text().splitlines():
        owner, first, count = line.split(":")
        if owner == name:
            return range(int(first), int(first) + int(count))
    return range(0)


@pytest.fixture
def user() -> Iterator[User]:
    """A new user with subordinate ids; nothing of theirs is left afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a user to test as")
    if not shutil.which("newuidmap"):
        pytest.skip("newuidmap is not installed")
    if not needs.USER_NAMESPACES:
        pytest.skip(needs.WITHOUT)
    name = f"skt{os.getpid() % 100000}x{time.monotonic_ns() % 10000}"
    subprocess.run(["useradd", "-m", name], check=True, capture_output=True)
    made = User(name)
    try:
        yield made
    finally:
        made.end()


BUSYBOX = shutil.which("busybox") or ""
needs_programs = pytest.mark.skipif(
    not (BUSYBOX and shutil.which("crun") and shutil.which("conmon")), reason="needs busybox-static, crun and conmon"
)
WORDS = ("sh", "id", "cat", "sleep", "ls", "echo", "stat", "touch", "wget", "httpd", "nc", "ip", "true")


@pytest.fixture
def run(user: User) -> Callable[..., str]:
    """``skerry run ARGS --rootfs FOLDER COMMAND`` with no network: its output."""
    user("sh", "-c", "mkdir -p rootfs/bin rootfs/etc rootfs/proc rootfs/sys rootfs/dev rootfs/tmp")
    user("cp", BUSYBOX, "rootfs/bin/busybox")
    for word in WORDS:
        user("ln", "-s", "busybox", f"rootfs/bin/{word}")
    user("sh", "-c", "echo root:x:0:0:root:/:/bin/sh > rootfs/etc/passwd")

    def run(*args: str, command: tuple[str, ...], network: str = "none") -> str:
        return user.skerry("run", *args, "--network", network, "--rootfs", "rootfs", *command).stdout.strip()

    return run


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
