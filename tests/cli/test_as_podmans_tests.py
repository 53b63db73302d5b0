"""Details that scripts written for Podman rely on."""

from __future__ import annotations

import pytest


@pytest.fixture
def box(skerry, busybox):
    return skerry("run", "-d", "--network", "none", "--name", "box", "-l", "x=42", busybox, "sleep", "1000").id


def test_a_label_is_asked_for_by_name(skerry, box):
    assert skerry("ps", "--format", '{{.Label "x"}} {{.Label "none"}}.').stdout == "42 .\n"


def test_names_may_be_written_with_a_slash(skerry, box):
    assert skerry("ps", "-q", "--no-trunc", "--filter", "name=^/box$").lines == [box]
    assert skerry("rm", "-f", "-t", "0", "/box").stdout == "/box\n"


def test_stop_says_when_it_had_to_kill(skerry, box):
    result = skerry("stop", "-t", "1", "box")
    assert 'level=warning msg="StopSignal SIGTERM failed to stop container box in 1 seconds, resorting to SIGKILL"' in (
        result.stderr
    )


def test_rm_with_depend_names_what_went_along(skerry, box, busybox):
    other = skerry("create", "--network", "container:box", busybox, "true").id
    assert skerry("rm", "--depend", "-f", "-t", "0", "box").lines == [other, "box"]


def test_a_missing_cidfile_is_an_error_or_ignored(skerry):
    result = skerry("stop", "--cidfile", "/no/such", check=False)
    assert (result.code, result.stderr) == (125, "Error: reading CIDFile: open /no/such: no such file or directory\n")
    assert skerry("stop", "--cidfile", "/no/such", "--ignore").stdout == ""


def test_exec_without_a_command(skerry, box):
    result = skerry("exec", "box", check=False)
    assert result.code == 125
    assert "must provide a non-empty command to start an exec session" in result.stderr


def test_a_timeout_ends_with_255_and_shows_minus_one(skerry, busybox):
    assert (
        skerry("run", "--network", "none", "--name", "late", "--timeout", "1", busybox, "sleep", "60", check=False).code
        == 255
    )
    assert skerry("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "late").stdout == "exited -1\n"


@pytest.mark.parametrize("policy", ["always", "on-failure"])
def test_wait_does_not_wait_through_restarts(skerry, busybox, policy):
    skerry("run", "-d", "--network", "none", "--name", "again", "--restart", policy, busybox, "false")
    assert skerry("wait", "again", timeout=20).stdout == "1\n"
    skerry("rm", "-f", "-t", "0", "again")


def test_an_unknown_flag_of_the_runtime_is_shown(skerry, busybox):
    result = skerry("--runtime-flag", "invalidflag", "run", "--rm", "--network", "none", busybox, "true", check=False)
    assert result.code == 126
    assert "invalidflag" in result.stderr


def test_discarded_ports_are_said_before_the_output(skerry, busybox):
    result = skerry("run", "--rm", "-p", "8080", "--network", "none", busybox, "echo", "out")
    assert result.stdout == "out\n"
    assert result.stderr == (
        'Port mappings have been discarded because "none" network namespace mode does not support them\n'
    )


def test_noout_prints_nothing(skerry, box):
    assert skerry("--noout", "stop", "-t", "0", "box").stdout == ""


def test_a_lost_conmon_is_an_error_of_stop(skerry, box):
    import os
    import signal

    pid = int(skerry("inspect", "--format", "{{.State.ConmonPid}}", "box").stdout)
    os.kill(pid, signal.SIGKILL)
    result = skerry("stop", "-t", "0", "box", check=False)
    assert result.code == 125
    assert "conmon exited prematurely, exit code could not be retrieved" in result.stderr
    assert skerry("inspect", "--format", "{{.State.Status}}", "box").stdout == "exited\n"
