"""``--health-…``, ``healthcheck run``, and health in ps, inspect, events, wait: as Podman's own tests have it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Skerry

Eventually = Callable[..., None]
# What Podman's tests use: it fails while /bad exists, and once while /bad-once does.
CHECK = "if test -e /bad; then echo no >&2; exit 3; fi; if test -e /bad-once; then rm /bad-once; exit 1; fi; echo yes"


def health(skerry: Skerry, name: str = "box") -> dict[str, object]:
    found: dict[str, object] = json.loads(skerry("inspect", "-f", "{{json .State.Health}}", name).stdout)
    return found


def start(skerry: Skerry, image: str, *flags: str, check: str = CHECK) -> str:
    words = ("run", "-d", "--name", "box", "--health-cmd", check, *flags, image, "sleep", "1000")
    return skerry(*words).id


def test_checks_run_by_themselves(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(skerry, busybox, "--health-interval", "500ms", "--health-retries", "2")
    eventually(lambda: health(skerry)["Status"] == "healthy")
    skerry("exec", "box", "touch", "/bad")
    eventually(lambda: health(skerry)["Status"] == "unhealthy")
    found = health(skerry)
    assert found["FailingStreak"] >= 2  # type: ignore[operator]
    assert found["Log"][-1]["ExitCode"] == 1
    assert found["Log"][-1]["Output"] == "no\n"
    assert "(unhealthy)" in skerry("ps", "--format", "{{.Status}}").stdout
    skerry("exec", "box", "rm", "/bad")
    eventually(lambda: "(healthy)" in skerry("ps", "--format", "{{.Status}}").stdout)


def test_ps_shows_and_filters_by_health(skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable")
    skerry("run", "-d", "--name", "plain", busybox, "sleep", "1000")
    assert "(starting)" in skerry("ps", "--filter", "health=starting", "--format", "{{.Status}}").stdout
    skerry("healthcheck", "run", "box")
    assert skerry("ps", "--filter", "health=healthy", "--format", "{{.Names}}").lines == ["box"]
    assert skerry("ps", "--filter", "health=none", "--format", "{{.Names}}").lines == []


def test_healthcheck_run_tells_by_its_exit_code(skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable")
    assert skerry("healthcheck", "run", "box").stdout == ""
    skerry("exec", "box", "touch", "/bad")
    failed = skerry("healthcheck", "run", "box", check=False)
    assert (failed.code, failed.stdout) == (1, "unhealthy\n")
    # One failure of three: the container as a whole is still healthy.
    assert health(skerry)["Status"] == "healthy"
    assert health(skerry)["FailingStreak"] == 1
    assert skerry("healthcheck", "run", "--ignore-result", "box").stdout == "unhealthy\n"


def test_healthcheck_run_refuses_what_it_cannot_check(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "plain", busybox, "sleep", "1000")
    refused = skerry("healthcheck", "run", "plain", check=False)
    assert refused.code == 125
    assert "has no defined healthcheck" in refused.stderr
    skerry("create", "--name", "box", "--health-cmd", "true", busybox)
    refused = skerry("healthcheck", "run", "box", check=False)
    assert refused.code == 125
    assert "is not running" in refused.stderr
    refused = skerry("healthcheck", "run", "nobody", check=False)
    assert refused.code == 125
    assert "unable to look up nobody to perform a health check" in refused.stderr


def test_a_restart_begins_anew(skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable")
    skerry("exec", "box", "touch", "/bad-once")
    skerry("healthcheck", "run", "box", check=False)
    assert health(skerry)["FailingStreak"] == 1
    skerry("restart", "-t", "0", "box")
    assert health(skerry) == {"Status": "starting", "FailingStreak": 0, "Log": None}


@pytest.mark.parametrize("action", ["none", "kill", "stop", "restart"])
def test_what_is_done_on_failure(action: str, skerry: Skerry, busybox: str) -> None:
    start(
        skerry, busybox, "--health-interval", "disable", "--health-retries", "1", "--health-on-failure", action,
        "--stop-timeout", "0",
    )  # fmt: skip
    assert skerry("inspect", "-f", "{{.Config.HealthcheckOnFailureAction}}", "box").lines == [action]
    skerry("healthcheck", "run", "box")
    skerry("exec", "box", "touch", "/bad-once")
    failed = skerry("healthcheck", "run", "box", check=False)
    assert (failed.code, failed.stdout) == (1, "unhealthy\n")
    status, restarts = skerry("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "box").stdout.split()
    assert (status, restarts) == {"none": ("running", "0"), "restart": ("running", "1")}.get(action, ("exited", "0"))
    if action == "restart":
        assert health(skerry)["FailingStreak"] == 0


@pytest.mark.parametrize("action", ["kill", "stop", "restart"])
def test_it_is_done_by_itself(action: str, skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(
        skerry, busybox, "--health-interval", "300ms", "--health-retries", "1", "--health-on-failure", action,
        "--stop-timeout", "0", check="false",
    )  # fmt: skip
    if action == "restart":
        eventually(lambda: int(skerry("inspect", "-f", "{{.RestartCount}}", "box").stdout) >= 2)
    else:
        eventually(lambda: skerry("inspect", "-f", "{{.State.Status}}", "box").lines == ["exited"])


def test_killed_for_its_health_its_policy_starts_it_again(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(
        skerry, busybox, "--health-interval", "300ms", "--health-retries", "1", "--health-on-failure", "kill",
        "--restart", "always",
    )  # fmt: skip
    skerry("exec", "box", "touch", "/bad-once")
    eventually(lambda: skerry("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "box").lines == ["1 running"])


def test_a_check_that_hangs_is_ended_with_all_that_it_started(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    start(skerry, busybox, "--health-interval", "disable", "--health-timeout", "300ms", check="sleep 777; echo never")
    late = skerry("healthcheck", "run", "box", check=False)
    assert late.code == 125
    assert "healthcheck command exceeded timeout of 300ms" in late.stderr
    assert health(skerry)["Log"][-1]["ExitCode"] == -1  # type: ignore[index]
    eventually(lambda: "777" not in skerry("exec", "box", "ps").stdout)


def test_a_hanging_check_holds_no_other_up(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(skerry, busybox, "--health-interval", "200ms", "--health-timeout", "30s", check="sleep 777")
    skerry(
        "run", "-d", "--name", "quick", "--health-cmd", "true", "--health-interval", "200ms", busybox, "sleep", "1000"
    )
    eventually(lambda: len(health(skerry, "quick")["Log"] or ()) == 5)  # type: ignore[arg-type]
    assert health(skerry)["Log"] is None


def test_a_startup_check_comes_first(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(
        skerry, busybox, "--health-interval", "300ms", "--health-retries", "1", "--health-startup-cmd",
        "test -e /up && echo startup", "--health-startup-interval", "200ms", check="echo regular",
    )  # fmt: skip
    startup = skerry("inspect", "-f", "{{.Config.StartupHealthCheck.Test}}", "box").lines
    assert startup == ["[CMD-SHELL test -e /up && echo startup]"]
    eventually(lambda: len(health(skerry)["Log"] or ()) >= 2)  # type: ignore[arg-type]
    assert health(skerry)["Status"] == "starting"
    assert health(skerry)["FailingStreak"] == 0
    skerry("exec", "box", "touch", "/up")
    eventually(lambda: health(skerry)["Log"][-1]["Output"] == "regular\n")  # type: ignore[index]
    assert health(skerry)["Status"] == "healthy"


def test_a_startup_check_that_keeps_failing_restarts(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(
        skerry, busybox, "--health-startup-cmd", "false", "--health-startup-interval", "100ms",
        "--health-startup-retries", "2", "--stop-timeout", "0",
    )  # fmt: skip
    eventually(lambda: int(skerry("inspect", "-f", "{{.RestartCount}}", "box").stdout) >= 1)


def test_failures_of_the_start_period_do_not_count(skerry: Skerry, busybox: str) -> None:
    flags = ("--health-interval", "disable", "--health-retries", "1", "--health-start-period", "1h")
    start(skerry, busybox, *flags, check="false")
    skerry("healthcheck", "run", "box", check=False)
    assert health(skerry)["Status"] == "starting"
    assert health(skerry)["FailingStreak"] == 0


@pytest.mark.parametrize("condition", ["healthy", "unhealthy"])
def test_wait_for_health(condition: str, skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable", "--health-retries", "1")
    if condition == "unhealthy":
        skerry("exec", "box", "touch", "/bad")
    with skerry.popen("wait", "--condition", condition, "-i", "20ms", "box") as waiting:
        assert waiting.poll() is None
        skerry("healthcheck", "run", "box", check=False)
        assert waiting.communicate(timeout=20)[0] == b"-1\n"


def test_each_check_is_an_event(skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable", "--health-log-destination", "events_logger")
    skerry("healthcheck", "run", "box")
    words = ("events", "--stream=false", "--filter", "event=health_status", "--since", "1m")
    assert skerry(*words, "--format", "{{.Name}} {{.HealthStatus}}").lines == ["box healthy"]
    assert "health_status=healthy" in skerry(*words).stdout


def test_how_much_is_kept(skerry: Skerry, busybox: str) -> None:
    flags = ("--health-interval", "disable", "--health-max-log-count", "2", "--health-max-log-size", "4")
    start(skerry, busybox, *flags, check="echo 123456789")
    for _ in range(3):
        skerry("healthcheck", "run", "box")
    assert [entry["Output"] for entry in health(skerry)["Log"]] == ["1234", "1234"]  # type: ignore[attr-defined]
    shown = skerry("inspect", "-f", "{{.Config.HealthMaxLogCount}} {{.Config.HealthMaxLogSize}}", "box")
    assert shown.lines == ["2 4"]


def test_results_are_written_to_a_folder(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    box = start(skerry, busybox, "--health-interval", "disable", "--health-log-destination", str(tmp_path))
    skerry("healthcheck", "run", "box")
    written = json.loads((tmp_path / f"{box}-healthcheck.log").read_text())
    assert written["Status"] == "healthy"
    refused = skerry("create", "--health-cmd", "true", "--health-log-destination", "/nowhere", busybox, check=False)
    assert refused.code == 125
    assert "/nowhere" in refused.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--health-on-failure=kill",), "cannot set on-failure action to kill without a health check"),
        (("--health-cmd", "x", "--health-on-failure=dance"), "invalid on-failure action"),
        (("--health-cmd", "x", "--health-retries", "0"), "healthcheck-retries must be greater than 0"),
        (("--health-cmd", "x", "--health-timeout", "0s"), "healthcheck-timeout must be at least 1 second"),
        (("--health-cmd", "x", "--health-start-period", "-1s"), "healthcheck-start-period must be 0 seconds or greater"),
        (("--health-cmd", "x", "--no-healthcheck"), "cannot specify both --no-healthcheck and --health-cmd"),
        (("--health-cmd", "x", "--health-interval", "soon"), "invalid duration"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(flags: tuple[str, ...], words: str, skerry: Skerry, busybox: str) -> None:
    refused = skerry("create", *flags, busybox, check=False)
    assert refused.code == 125
    assert words in refused.stderr


def add_check(archive: Path, check: dict[str, object]) -> None:
    """Give the image in a docker-archive a HEALTHCHECK."""
    with tarfile.open(archive) as old:
        files = {item.name: old.extractfile(item) for item in old if item.isfile()}
        content = {name: file.read() for name, file in files.items() if file}
    manifest = json.loads(content["manifest.json"])
    config = json.loads(content.pop(manifest[0]["Config"]))
    config["config"]["Healthcheck"] = check
    text = json.dumps(config).encode()
    manifest[0].update(Config=hashlib.sha256(text).hexdigest() + ".json", RepoTags=["localhost/checked:latest"])
    content |= {manifest[0]["Config"]: text, "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(archive, "w") as new:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))


def test_the_images_check(skerry: Skerry, busybox: str, eventually: Eventually, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    skerry("save", "-o", str(archive), busybox)
    add_check(archive, {"Test": ["CMD-SHELL", "echo of the image"], "Interval": 300_000_000})
    skerry("load", "-i", str(archive))
    skerry("run", "-d", "--name", "box", "localhost/checked", "sleep", "1000")
    eventually(lambda: health(skerry)["Status"] == "healthy")
    assert health(skerry)["Log"][-1]["Output"] == "of the image\n"  # type: ignore[index]
    skerry("run", "-d", "--name", "off", "--no-healthcheck", "localhost/checked", "sleep", "1000")
    assert skerry("inspect", "-f", "{{.Config.Healthcheck.Test}}", "off").lines == ["[NONE]"]
    assert "(" not in skerry("ps", "--filter", "name=off", "--format", "{{.Status}}").stdout


def test_the_last_status_is_shown_while_it_is_paused_and_after_its_end(skerry: Skerry, busybox: str) -> None:
    start(skerry, busybox, "--health-interval", "disable", "--health-retries", "1")
    skerry("healthcheck", "run", "box")
    skerry("pause", "box")
    assert skerry("ps", "-a", "--format", "{{.Status}}").lines == ["Paused (healthy)"]
    skerry("unpause", "box")
    skerry("exec", "box", "touch", "/bad")
    skerry("healthcheck", "run", "box", check=False)
    skerry("stop", "-t", "0", "box")
    ended = skerry("ps", "-a", "--filter", "health=unhealthy", "--format", "{{.Status}}").stdout
    assert ended.startswith("Exited (137)")
    assert ended.endswith(" ago (unhealthy)\n")


def test_nothing_is_said_of_what_was_never_checked(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "--health-cmd", "true", busybox, "true")
    assert health(skerry) == {"Status": "", "FailingStreak": 0, "Log": None}
    skerry("start", "-a", "box")
    assert "(starting)" not in skerry("ps", "-a", "--format", "{{.Status}}").stdout


def test_a_template_may_ask_for_the_health_of_any_container(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "plain", busybox, "true")
    shown = skerry(
        "inspect", "-f", "{{if .State.Health}}checked{{else}}not{{end}} {{json .State.Healthcheck}}", "plain"
    )
    assert shown.lines == ["not null"]
    refused = skerry("inspect", "-f", "{{.State.Health.Status}}", "plain", check=False)
    assert refused.code == 125
    assert "nil pointer" in refused.stderr


def test_one_restart_for_its_health_is_one_event(skerry: Skerry, busybox: str) -> None:
    start(
        skerry, busybox, "--health-interval", "disable", "--health-retries", "1", "--health-on-failure", "restart",
        "--stop-timeout", "0",
    )  # fmt: skip
    for count in (1, 2, 3):
        skerry("exec", "box", "touch", "/bad-once")
        skerry("healthcheck", "run", "box", check=False)
        seen = skerry("events", "--stream=false", "--since", "1m", "--filter", "event=restart", "--format", "{{.Name}}")
        assert seen.lines == ["box"] * count


def test_a_paused_container_is_left_alone(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(skerry, busybox, "--health-interval", "200ms", "--health-timeout", "300ms", "--health-retries", "1")
    eventually(lambda: health(skerry)["Status"] == "healthy")
    skerry("pause", "box")
    before = health(skerry)["Log"][-1]["Start"]  # type: ignore[index]
    skerry("unpause", "box")
    eventually(lambda: health(skerry)["Log"][-1]["Start"] != before)  # type: ignore[index]
    assert health(skerry)["Status"] == "healthy"


def test_no_checks_after_the_end(skerry: Skerry, busybox: str, eventually: Eventually) -> None:
    start(skerry, busybox, "--health-interval", "100ms")
    eventually(lambda: "running" in skerry("system", "supervisor").stdout)
    skerry("stop", "-t", "0", "box")
    eventually(lambda: not os.listdir(skerry.runroot / "supervisor" / "wards"))
    eventually(lambda: skerry("system", "supervisor").stdout.startswith("not running"))


def test_a_check_on_time_does_not_end_one_that_was_asked_for(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    slow = "test -e /slow || { touch /slow; exit 0; }; sleep 2; echo yes"
    start(skerry, busybox, "--health-interval", "1500ms", check=slow)
    eventually(lambda: health(skerry)["Status"] == "healthy")
    asked = skerry("healthcheck", "run", "box", check=False)
    assert (asked.code, asked.stdout) == (0, "")
    log: list[dict[str, object]] = health(skerry)["Log"]  # type: ignore[assignment]
    assert {entry["ExitCode"] for entry in log} == {0}
