"""``skerry top`` and ``skerry stats``: what runs in a container, and what it uses."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def busy(skerry: Skerry, busybox: str) -> str:
    """A container with a memory limit and a user whose one program never rests."""
    skerry("run", "-d", "--name", "busy", "-m", "64m", "--user", "nobody", busybox, "sh", "-c", "while :; do :; done")
    return "busy"


def test_top_shows_processes_with_the_containers_names_and_numbers(skerry: Skerry, busy: str) -> None:
    header, row = skerry("top", busy).lines
    assert header.split() == ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"]
    assert row.split()[:3] == ["nobody", "1", "0"]
    assert row.endswith("sh -c while :; do :; done")


def test_top_has_columns_to_choose_from(skerry: Skerry, busy: str) -> None:
    header, row = skerry("top", busy, "hpid,pid", "capeff", "seccomp", "state", "rss").lines
    assert header.split() == ["HPID", "PID", "EFFECTIVE", "CAPS", "SECCOMP", "STATE", "RSS"]
    words = row.split()
    assert words[0] == skerry("inspect", "-f", "{{.State.Pid}}", busy).stdout.strip()
    assert words[1:4] == ["1", "none", "filter"]
    assert skerry("top", busy, "uid,huid").lines[1].split() == ["65534", "65534"]


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps on the host")
@pytest.mark.parametrize(
    "words", [["-eo", "pid,args"], ["-eo", "pid args"], ["ax -o pid,args"], ["ax", "-o", "pid,args"]]
)
def test_other_words_are_for_the_hosts_ps_which_sees_the_container_alone(
    skerry: Skerry, busybox: str, words: list[str]
) -> None:
    skerry("run", "-d", "--network=none", "--name", "busy", busybox, "sleep", "100")
    skerry("exec", "busy", "rm", "-f", "/bin/ps")
    header, row, *_ = skerry("top", "busy", *words).lines
    assert header.split() == ["PID", "COMMAND"]
    assert row.split() == ["1", "sleep", "100"]


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps on the host")
def test_ps_sees_the_containers_ids_and_its_mistakes_are_ours(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--network=none", "--uidmap=0:1000:1000", "--user=9", "--name", "busy", busybox, "sleep", "100")
    assert skerry("top", "busy", "-ef", "hn").lines[0].split()[:3] == ["9", "1", "0"]
    refused = skerry("top", "busy", "-eo", "nope", check=False)
    assert (refused.code, refused.stderr) == (
        125, 'Error: ps(1) failed with exit code 1: error: unknown user-defined format specifier "nope"\n'
    )  # fmt: skip


def test_who_may_trace_others_gets_no_program_of_the_host(skerry: Skerry, busybox: str) -> None:
    words = ("--network=none", "--cap-add=SYS_PTRACE", "--name", "tracer", busybox, "sleep", "100")
    skerry("run", "-d", *words)
    assert "sleep 100" in skerry("top", "tracer", "-o", "pid,args").stdout
    skerry("exec", "tracer", "rm", "-f", "/bin/ps")
    refused = skerry("top", "tracer", "aux", check=False)
    assert refused.code == 125
    assert "OCI runtime attempted to invoke a command that was not found" in refused.stderr


def test_containers_without_a_control_group_are_not_counted(skerry: Skerry, busybox: str) -> None:
    for name, words in (("free", ["--cgroups=disabled"]), ("held", [])):
        skerry("run", "-d", "--network=none", *words, "--name", name, busybox, "sleep", "100")
    assert skerry("stats", "-a", "--no-stream", "--format", "{{.Name}}").lines == ["held"]
    refused = skerry("stats", "--no-stream", "free", check=False)
    assert "this container did not create a cgroup" in refused.stderr


def test_top_sees_what_exec_started(skerry: Skerry, busy: str) -> None:
    skerry("exec", "-d", busy, "sleep", "600")
    assert sum("sleep 600" in line for line in skerry("top", busy, "pid", "args").lines) == 1


def test_of_what_does_not_run_there_is_nothing_but_noughts(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "still", busybox)
    assert "top can only be used on running containers" in skerry("top", "still", check=False).stderr
    for word in ("still", "-a"):
        (row,) = json.loads(skerry("stats", "--no-stream", word, "--format", "json").stdout)
        assert (row["name"], row["pids"]) == ("still", "0")


def test_stats_reads_limits_and_use(skerry: Skerry, busy: str, eventually: Callable[..., None]) -> None:
    (row,) = json.loads(skerry("stats", "--no-stream", "--format", "json", busy).stdout)
    assert row["mem_usage"].endswith(" / 67.11MB")
    assert row["pids"] == "1"
    fields = "{{.Name}} {{.PIDs}} {{.MemLimit}} {{.ContainerID}}"
    name, pids, limit, box = skerry("stats", "--no-stream", "--no-trunc", "--format", fields, busy).stdout.split()
    assert (name, pids, limit) == ("busy", "1", "67108864")
    assert box == skerry("inspect", "-f", "{{.Id}}", busy).id

    def works() -> bool:
        text = skerry("stats", "--no-stream", "--format", "{{.CPUPerc}}", busy).stdout
        return float(text.strip().rstrip("%")) > 1

    eventually(works)
