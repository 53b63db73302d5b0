"""What a host with systemd and cgroup v2 taught, as far as it shows elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.engine import rootless_setup
from skerry.engine.containers.logs_journald import JournalFollower, JournalReader, _entry
from skerry.engine.containers.state import _oom_in_slice
from skerry.errors import Invalid, Unavailable
from skerry.linux import cgroup
from skerry.linux.systemd import start_scope
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


def test_a_scope_is_asked_for_with_patience(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, words = tmp_path / "busctl", tmp_path / "words"
    program.write_text(f'#!/bin/sh\necho "$*" >> {words}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for slice_ in ("machine.slice", ""):
        with pytest.raises(Unavailable, match="did not move process 1 to a"):
            start_scope("a.scope", slice_, 1, user=True, timeout_s=0.5)
    placed, usual = words.read_text().splitlines()
    assert placed.startswith("--user --quiet --timeout=0.5 call ")
    assert placed.endswith(" a.scope fail 2 PIDs au 1 1 Slice s machine.slice 0")
    assert usual.endswith(" a.scope fail 1 PIDs au 1 1 0")


def test_a_users_containers_start_also_where_the_bus_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(name: str, *_words: object, **_more: object) -> None:
        asked.append(name)
        raise Unavailable("busctl did not end within 61 seconds")

    monkeypatch.setattr("skerry.linux.systemd.start_scope", refuse)
    monkeypatch.setattr(rootless_setup, "find_program", lambda _name: "/usr/bin/busctl")
    settings: Any = SimpleNamespace(cgroup_manager="systemd")
    rootless_setup._leave_session(settings, 7)
    assert asked == ["skerry-holder-7.scope"]


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


def journalctl(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A journalctl of ours; the file with the words of each call."""
    program, words = folder / "journalctl", folder / "words"
    program.write_text(f'#!/bin/bash\necho "$*" >> {words}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return words


def entry(text: str, cursor: str = "c", **fields: str) -> str:
    return "echo '" + json.dumps({"__CURSOR": cursor, "MESSAGE": text, "PRIORITY": "6", **fields}) + "'\n"


RECORD: Any = {"id": "a" * 64}


def follower(tail: int = -1, *, ran: bool = True) -> JournalFollower:
    return JournalFollower(RECORD, tail, 0, events_backend="journald", ran=ran)


def test_a_log_in_the_journal_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = journalctl(tmp_path, monkeypatch, entry("one") + entry("two"))
    reader = JournalReader(RECORD, 5, 1_700_000_000_500_000_000)
    assert [found[2] for batch in reader.batches() for found in batch] == [b"one", b"two"]
    assert reader.rest() == []
    (said,) = words.read_text().splitlines()
    assert "--since=@1700000000 -n 5 CONTAINER_ID_FULL=" in said
    assert "--all" in said  # or a line of 4 KB would be null


def test_the_event_of_its_end_tells_that_the_last_line_of_a_followed_log_was_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = entry("one") + "sleep 0.4\n" + entry("last") + entry("", PODMAN_EVENT="died") + "exec sleep 60\n"
    words = journalctl(tmp_path, monkeypatch, script)
    followed = follower()
    began = time.monotonic()
    assert [found[2] for found in [*(e for batch in followed.batches() for e in batch), *followed.rest()]] == [
        b"one",
        b"last",
    ]
    assert 0.3 < time.monotonic() - began < 1.9
    followed.close()
    assert len(words.read_text().splitlines()) == 1  # one program, which sleeps, instead of one for each look


def test_a_followed_tail_goes_on_after_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = f'case "$*" in *--follow*) {entry("", PODMAN_EVENT="died")} exec sleep 60;; esac\n'
    words = journalctl(tmp_path, monkeypatch, script + entry("old", "c7"))
    followed = follower(1)
    assert [found[2] for batch in followed.batches() for found in batch] == [b"old"]
    assert followed.rest() == []
    followed.close()
    assert "--follow" in words.read_text()
    assert "--after-cursor=c7" in words.read_text().splitlines()[-1]


def test_what_never_ran_has_no_last_line_to_wait_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    journalctl(tmp_path, monkeypatch, "exec sleep 60")
    followed = follower(ran=False)
    began = time.monotonic()
    assert list(followed.batches()) == []
    assert followed.rest() == []
    followed.close()
    assert time.monotonic() - began < 1.5


def test_a_followed_journal_needs_the_events_in_it() -> None:
    with pytest.raises(Invalid, match=r"without the journald --events-backend \(file\) is not supported"):
        JournalFollower(RECORD, -1, 0, events_backend="file", ran=True)
