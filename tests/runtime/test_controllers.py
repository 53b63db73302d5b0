"""Limits that this host's control groups lack are dropped with one warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.errors import Unsupported
from skerry.linux import cgroup
from skerry.runtime import controllers


@pytest.fixture
def v1(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    present = {"memory.limit_in_bytes", "cpu.shares"}
    monkeypatch.setattr(cgroup, "is_unified", lambda: False)
    monkeypatch.setattr(controllers, "_v1_has", lambda _controller, file: file in present)
    return present


@pytest.mark.usefixtures("v1")
def test_one_warning_names_all_that_is_dropped() -> None:
    warnings: list[str] = []
    asked = {"memory": {"limit": 1, "swappiness": 5}, "blockIO": {"weight": 10}, "unified": {"memory.high": "1"}}
    assert controllers.prune(asked, warn=warnings.append) == {"memory": {"limit": 1}}
    assert warnings == [
        "this host's control groups cannot set: memory swappiness, block I/O weight, --cgroup-conf (needs cgroup v2); running without"
    ]


@pytest.mark.usefixtures("v1")
def test_what_can_be_set_stays_without_a_word() -> None:
    warnings: list[str] = []
    asked = {"memory": {"limit": 1}, "cpu": {"shares": 2}}
    assert controllers.prune(asked, warn=warnings.append) == {"memory": {"limit": 1}, "cpu": {"shares": 2}}
    assert warnings == []


def test_v2_lacks_real_time_and_swappiness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "is_unified", lambda: True)
    monkeypatch.setattr(controllers, "_v2_controllers", lambda: frozenset(("cpu", "memory")))
    asked = {
        "memory": {"limit": 1, "swappiness": 5},
        "cpu": {"realtimeRuntime": 5, "quota": 7},
        "pids": {"limit": 3},
        "unified": {"a": "b"},
    }
    assert controllers.prune(asked, warn=lambda _text: None) == {
        "memory": {"limit": 1},
        "cpu": {"quota": 7},
        "unified": {"a": "b"},
    }


def delegate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, controllers_: str) -> None:
    folder = tmp_path / "user.slice/user-7.slice/user@7.service"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text(controllers_)
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))


def test_a_limit_without_its_controller_delegated_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate(tmp_path, monkeypatch, "cpu memory pids")
    with pytest.raises(Unsupported) as caught:
        controllers.require_delegated({"cpu": {"cpus": "0"}, "blockIO": {"weight": 5}}, 7, default_pids=9)
    assert "cannot set the cpuset CPUs, block I/O weight: " in str(caught.value)
    assert "Delegate=cpu cpuset io memory pids in /etc/systemd/system/user@.service.d/" in str(caught.value)


def test_only_the_default_limit_of_processes_is_dropped_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate(tmp_path, monkeypatch, "memory")
    resources = {"memory": {"limit": 5}, "pids": {"limit": 9}}
    controllers.require_delegated(resources, 7, default_pids=9)
    assert resources == {"memory": {"limit": 5}}
    with pytest.raises(Unsupported, match="process limit"):
        controllers.require_delegated({"pids": {"limit": 8}}, 7, default_pids=9)
