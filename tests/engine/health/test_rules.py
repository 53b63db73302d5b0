"""What a check is, and what its results make of a container: pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.engine.health import has_check, is_timed
from skerry.engine.health.check import words
from skerry.engine.health.config import apply, change, command
from skerry.engine.health.results import Outcome, judged
from skerry.engine.times import go_duration
from skerry.errors import Invalid

GOOD, BAD = Outcome(1, 2, 0, "fine"), Outcome(1, 2, 1, "bad")


def fresh() -> Any:
    return {"run": 1, "status": "starting", "streak": 0, "log": []}


def judge(config: Any, *outcomes: Outcome, startup: bool = False, early: bool = False) -> Any:
    health = fresh()
    for outcome in outcomes:
        health = judged(config, health, outcome, startup=startup, in_start_period=early)
    return health


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("curl -f localhost", ["CMD-SHELL", "curl -f localhost"]),
        ("CMD curl -f localhost", ["CMD", "curl", "-f", "localhost"]),
        ("CMD-SHELL curl -f localhost || exit 1", ["CMD-SHELL", "curl -f localhost || exit 1"]),
        ('["curl", "-f", "localhost"]', ["CMD", "curl", "-f", "localhost"]),
        ('["CMD", "curl", "-f"]', ["CMD", "curl", "-f"]),
        ('["CMD-SHELL", "a | b"]', ["CMD-SHELL", "a | b"]),
        ('["one"]', ["CMD-SHELL", "one"]),
        ("none", ["NONE"]),
        ("[ -e /ready ]", ["CMD-SHELL", "[ -e /ready ]"]),
    ],
)
def test_commands_are_read_as_podman_reads_them(text: str, test: list[str]) -> None:
    assert command(text) == test


def test_what_is_executed() -> None:
    assert words(["CMD", "a", "b c"]) == ["a", "b c"]
    assert words(["CMD-SHELL", "a | b"]) == ["/bin/sh", "-c", "a | b"]


def test_the_image_is_asked_when_the_user_says_nothing() -> None:
    config: Any = {}
    apply({}, {"Healthcheck": {"Test": ["CMD", "x"], "Interval": 5}}, config)
    assert config["healthcheck"] == {
        "test": ["CMD", "x"], "interval_ns": 5, "timeout_ns": 30 * 10**9, "start_period_ns": 0, "retries": 3,
    }  # fmt: skip
    apply({"no_healthcheck": True}, {"Healthcheck": {"Test": ["CMD", "x"]}}, config)
    assert not has_check(config)


def test_times_of_the_user_go_over_the_images() -> None:
    config: Any = {}
    apply({"health_interval": "disable"}, {"Healthcheck": {"Test": ["CMD", "x"]}}, config)
    assert has_check(config)
    assert not is_timed(config)


def test_update_changes_only_what_was_given() -> None:
    config: Any = {}
    apply({"health_cmd": "x", "health_retries": 7, "health_on_failure": "kill"}, {}, config)
    change({"health_interval": "5s"}, config)
    assert config["healthcheck"]["interval_ns"] == 5 * 10**9
    assert config["healthcheck"]["retries"] == 7
    change({"no_healthcheck": True}, config)
    assert not has_check(config)
    with pytest.raises(Invalid):
        change({"health_interval": "5s"}, config)


def test_failures_in_a_row_make_it_unhealthy_and_one_success_healthy() -> None:
    config: Any = {"healthcheck": {"retries": 2}}
    assert judge(config, BAD)["status"] == "starting"
    assert judge(config, BAD, GOOD, BAD)["status"] == "healthy"
    assert judge(config, BAD, BAD)["status"] == "unhealthy"
    assert judge(config, BAD, BAD, GOOD) | {"log": [], "ended_ns": 0} == fresh() | {"status": "healthy", "ended_ns": 0}


def test_early_failures_do_not_count_but_early_successes_do() -> None:
    config: Any = {"healthcheck": {"retries": 1}}
    assert judge(config, BAD, BAD, early=True)["status"] == "starting"
    assert judge(config, BAD, GOOD, early=True)["status"] == "healthy"


def test_the_startup_check_is_passed_after_its_successes() -> None:
    config: Any = {"healthcheck": {"retries": 1}, "startup_healthcheck": {"successes": 2}}
    assert not judge(config, BAD, GOOD, startup=True).get("startup_passed")
    assert judge(config, BAD, GOOD, GOOD, startup=True)["startup_passed"]
    assert judge(config, BAD, startup=True)["streak"] == 0


def test_the_log_is_bounded() -> None:
    config: Any = {"healthcheck": {}, "health_max_log_count": 2, "health_max_log_size": 2}
    assert [entry["Output"] for entry in judge(config, BAD, GOOD, GOOD)["log"]] == ["fi", "fi"]
    config = {"healthcheck": {}, "health_max_log_count": 0, "health_max_log_size": 0}
    assert len(judge(config, *[GOOD] * 9)["log"]) == 9


def test_durations_in_gos_words() -> None:
    assert [go_duration(n * 10**6) for n in (300, 3000, 90_000, 3_600_000)] == ["300ms", "3s", "1m30s", "1h0m0s"]
