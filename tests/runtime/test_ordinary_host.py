"""What a host with systemd and cgroup v2 taught, as far as it shows elsewhere."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.engine.containers.logs_journald import JournalReader, _entry
from skerry.engine.containers.state import _oom_in_slice
from skerry.errors import Invalid
from skerry.linux import cgroup
from skerry.runtime import cgroups, conmon
from skerry.runtime.oci import SESSION, Runtime

SCOPE = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-abc.scope"


def runtime(*, systemd: bool, user: bool = False, path: str = "/usr/bin/crun") -> Runtime:
    made = Runtime(path, "/run/x", systemd_cgroup=systemd)
    made.user_bus = user
    return made


def environment(runtime: Runtime) -> dict[str, str]:
    return conmon.environment(conmon.Launch(id="x", runtime=runtime, bundle="/"))


def test_roots_scopes_are_the_systems_and_not_those_of_roots_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SESSION:
        monkeypatch.setenv(name, "here")
    assert not set(SESSION) & environment(runtime(systemd=True)).keys()
    own = runtime(systemd=True).environment()
    assert own is not None
    assert not set(SESSION) & own.keys()
    for kept in (runtime(systemd=True, user=True), runtime(systemd=False)):
        assert set(SESSION) <= environment(kept).keys()
        assert kept.environment() is None


def test_a_shim_hears_of_systemd_after_its_command() -> None:
    shim = runtime(systemd=True, path="/usr/bin/containerd-shim-runc-v2")
    words = conmon.argv(conmon.Launch(id="x", runtime=shim, bundle="/"))
    assert "-s" not in words
    assert words.index("--runtime-arg=__shim") < words.index("--runtime-arg=--systemd-cgroup")
    crun = conmon.argv(conmon.Launch(id="x", runtime=runtime(systemd=True), bundle="/"))
    assert "-s" in crun
    assert "--runtime-arg=--systemd-cgroup" not in crun


@pytest.mark.parametrize("below", ["", "/container", "/init.scope"])
def test_a_scope_is_found_by_the_processs_own_path(monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    monkeypatch.setattr(cgroup, "own_paths", lambda _pid: {"": SCOPE + below})
    assert cgroups.real_path("user.slice:libpod:abc", 5) == SCOPE
    assert cgroups.real_path("/libpod_parent/libpod-abc", 5) == "/libpod_parent/libpod-abc"
    assert cgroups.real_path("machine.slice:libpod:other", 5) == "/machine.slice/libpod-other.scope"
    assert cgroups.real_path("machine.slice:libpod:abc", 0) == "/machine.slice/libpod-abc.scope"


@pytest.mark.parametrize(("sent", "text"), [("one\n", b"one"), ("one", b"one"), ("\n", b""), ("a\n\n", b"a\n")])
def test_conmons_newline_in_the_journal_is_not_the_programs(sent: str, text: bytes) -> None:
    assert _entry({"MESSAGE": sent})[2] == text


@pytest.mark.parametrize(
    ("manager", "parent", "words"),
    [
        ("systemd", "/foo", "did not receive systemd slice as cgroup parent when using systemd to manage cgroups"),
        ("systemd", ".slice", "did not receive systemd slice"),
        ("systemd", "foo.slice", ""),
        ("cgroupfs", "foo.slice", "systemd slice received as cgroup parent when using cgroupfs"),
        ("cgroupfs", "/foo", ""),
    ],
)
def test_a_parent_is_one_of_the_manager_that_the_container_was_created_with(
    monkeypatch: pytest.MonkeyPatch, manager: str, parent: str, words: str
) -> None:
    monkeypatch.setattr(cgroups, "systemd_runs", lambda: True)
    other = SimpleNamespace(cgroup_manager="cgroupfs" if manager == "systemd" else "systemd")
    config: Any = {"cgroup_manager": manager, "cgroup_parent": parent}
    with pytest.raises(Invalid, match=words) if words else contextlib.nullcontext():
        cgroups.check_parent(other, config)


def test_what_the_kernel_killed_is_known_after_its_scope_has_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cgroup, "own_paths", lambda _pid: {"": "/machine.slice/libpod-abc.scope/container"})
    monkeypatch.setattr(cgroup, "is_unified", lambda: True)
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    assert cgroups.slices_events("machine.slice:libpod:abc", 5) == ""
    (tmp_path / "machine.slice").mkdir()
    events = tmp_path / "machine.slice" / "memory.events"
    events.write_text("low 0\noom 9\noom_kill 2\noom_group_kill 7\n")
    file = cgroups.slices_events("machine.slice:libpod:abc", 5)
    assert file == str(events)
    assert cgroups.slices_events("/libpod_parent/libpod-abc", 5) == ""
    state: Any = {"exit_code": 137, "oom_file": file, "oom_count": cgroups.oom_kills(file)}
    assert not _oom_in_slice(state)
    events.write_text("oom_kill 3\n")
    assert _oom_in_slice(state)
    assert not _oom_in_slice({**state, "exit_code": 3})
    assert not _oom_in_slice({**state, "stopped_by_user": True})
    assert not _oom_in_slice({**state, "oom_file": str(tmp_path / "gone")})


def test_the_last_lines_may_reach_journald_after_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "journalctl"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *after-cursor=c1*) n=2;; *after-cursor=c2*) exit;; *) n=1;; esac\n'
        'echo \'{"__CURSOR":"c\'$n\'","MESSAGE":"line\'$n\'","PRIORITY":"6"}\'\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    record: Any = {"id": "a" * 64}
    once = JournalReader(record, -1)
    assert [entry[2] for batch in once.batches() for entry in batch] == [b"line1"]
    assert once.rest() == []
    followed = JournalReader(record, -1)
    monkeypatch.setattr(followed, "_looks", 1)
    assert [entry[2] for batch in followed.batches() for entry in batch] == [b"line1"]
    assert [entry[2] for entry in followed.rest()] == [b"line2"]
