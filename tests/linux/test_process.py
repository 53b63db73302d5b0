"""A pid alone proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skerry.linux import process


def test_this_process_is_itself() -> None:
    start = process.start_time(os.getpid())
    assert start is not None
    assert process.is_same(os.getpid(), start)
    assert not process.is_same(os.getpid(), start + 1)
    assert not process.is_same(os.getpid(), 0)
    assert process.owner(os.getpid()) == os.geteuid()


def test_a_zombie_has_ended_but_its_pid_exists() -> None:
    child = subprocess.Popen(["true"])
    while process.start_time(child.pid) is not None:
        time.sleep(0.01)
    assert process.exists(child.pid)
    child.wait()
    assert not process.exists(child.pid)
    assert process.owner(child.pid) is None


def test_a_name_with_parentheses_and_spaces() -> None:
    code = "open('/proc/self/comm', 'w').write(') R 1 (x'); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    start = process.start_time(child.pid)
    assert start is not None
    assert start >= (process.start_time(os.getpid()) or 0)
    child.communicate(b"\n")


def test_pids_that_are_none() -> None:
    for pid in (0, -1, 1 << 30):
        assert process.start_time(pid) is None
        assert not process.exists(pid)


def test_the_boot_has_an_id() -> None:
    assert len(process.boot_id()) == 36
    assert process.boot_id() is process.boot_id()


@pytest.mark.parametrize(("label", "enabled"), [("kernel\0", False), ("unconfined_u:unconfined_r:x:s0\n", True)])
def test_selinux_without_a_policy_confines_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, label: str, enabled: bool
) -> None:
    (tmp_path / "enforce").write_text("0")
    (tmp_path / "current").write_text(label)
    monkeypatch.setattr(process, "_LABEL", str(tmp_path / "current"))
    monkeypatch.setattr(process, "_SELINUX", str(tmp_path / "nowhere"))
    assert not process.has_selinux()
    monkeypatch.setattr(process, "_SELINUX", str(tmp_path / "enforce"))
    assert process.has_selinux() is enabled
