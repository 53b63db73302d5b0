"""Limits that this host's control groups lack are dropped with one warning."""

from __future__ import annotations

import pytest

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
