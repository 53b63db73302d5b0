"""rlimits, OOM scores and cgroup limits: clamped, never fatal."""

from __future__ import annotations

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import Invalid, Unsupported
from skerry.linux import capability
from skerry.runtime import limits
from skerry.runtime.limits import cgroup_resources, oom_score_adj, parse_ulimit, rlimits

UNLIMITED = 2**64 - 1


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_soft_and_hard_are_kept(first: int, second: int) -> None:
    soft, hard = sorted((first, second))
    assert parse_ulimit(f"nofile={soft}:{hard}") == ("nofile", soft, hard)


@given(st.text(max_size=30))
def test_any_text_is_a_limit_or_a_clear_error(text: str) -> None:
    try:
        name, soft, hard = parse_ulimit(text)
    except Invalid:
        return
    assert name
    assert 0 <= soft <= hard <= UNLIMITED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile", "invalid ulimit argument: nofile"),
        ("nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: soft: 5, hard: 3"),
        ("nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ("nofile=-1:3", "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 3"),
    ],
)
def test_mistakes_in_podmans_words(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_ulimit(text)
    assert caught.value.message == f'ulimit option "{text}" requires name=SOFT:HARD, failed to be parsed: {reason}'


@pytest.fixture
def cannot_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "has", lambda _name: False)


@pytest.mark.usefixtures("cannot_raise")
def test_a_limit_beyond_the_hosts_is_cut_with_a_warning() -> None:
    warnings: list[str] = []
    rows = {row["type"]: row for row in rlimits(["nofile=-1:-1"], warn=warnings.append)}
    assert rows["RLIMIT_NOFILE"]["hard"] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert len(warnings) == 1
    assert "ulimit nofile: unlimited is above this host's limit" in warnings[0]


@pytest.mark.usefixtures("cannot_raise")
def test_defaults_are_cut_silently() -> None:
    warnings: list[str] = []
    rows = {row["type"]: row for row in rlimits([], warn=warnings.append)}
    assert rows["RLIMIT_NOFILE"]["hard"] <= resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert set(rows) == {"RLIMIT_NOFILE", "RLIMIT_NPROC"}
    assert warnings == []


def test_host_means_no_limits_of_our_own() -> None:
    assert rlimits(["host"], warn=print) == []


def test_the_last_of_two_wins() -> None:
    rows = rlimits(["core=1", "core=0"], warn=print)
    assert [row["hard"] for row in rows if row["type"] == "RLIMIT_CORE"] == [0]


@pytest.mark.usefixtures("cannot_raise")
def test_an_oom_score_below_our_own_is_cut_with_a_warning() -> None:
    warnings: list[str] = []
    with open("/proc/self/oom_score_adj") as file:
        own = int(file.read())
    assert oom_score_adj(-1000, warn=warnings.append) == own
    assert len(warnings) == (1 if own > -1000 else 0)


def test_an_oom_score_out_of_range_is_refused() -> None:
    with pytest.raises(Invalid, match="out of range"):
        oom_score_adj(2000, warn=print)


def test_only_what_was_asked_for_is_limited() -> None:
    assert cgroup_resources({}, default_pids=0) == {}
    assert cgroup_resources({}, default_pids=2048) == {"pids": {"limit": 2048}}
    assert cgroup_resources({"pids_limit": -1}, default_pids=2048) == {}


def test_swap_is_twice_the_memory_unless_given() -> None:
    assert cgroup_resources({"memory": 100}, default_pids=0)["memory"] == {"limit": 100, "swap": 200}
    assert cgroup_resources({"memory": 100, "memory_swap": -1}, default_pids=0)["memory"] == {"limit": 100, "swap": -1}


def test_capabilities_are_known_by_name() -> None:
    assert capability.names_in(1 << capability.NAMES.index("CAP_BPF")) == ["CAP_BPF"]


def test_limits_without_a_cgroup_are_ignored_on_v1_and_refused_on_v2() -> None:
    told: list[str] = []
    limits.without_cgroup(
        {"memory": 1 << 20, "memory_swap": 2 << 20}, default_pids=0, cgroup_v2=False, warn=told.append
    )
    assert told == ["Resource limits are not supported and ignored on cgroups V1 rootless systems"]
    with pytest.raises(Unsupported, match="cannot limit memory, pids-limit: "):
        limits.without_cgroup({"memory": 1, "pids_limit": 10}, default_pids=0, cgroup_v2=True, warn=told.append)
    limits.without_cgroup({"pids_limit": 2048}, default_pids=2048, cgroup_v2=True, warn=told.append)
    limits.without_cgroup({"pids_limit": -1}, default_pids=0, cgroup_v2=True, warn=told.append)
    assert len(told) == 1
