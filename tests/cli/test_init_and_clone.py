"""``skerry init``, ``container clone``, ``container cleanup``, ``logs --clear`` and ``wait --exit-first-match``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
Eventually = Callable[..., None]


def inspect(skerry: Skerry, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(skerry("container", "inspect", name).stdout)[0]
    return found


def test_an_initialized_container_has_all_but_its_program(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "--network", "bridge", busybox, "sh", "-c", "echo ran; sleep 100")
    assert skerry("init", "box").stdout == "box\n"
    found = inspect(skerry, "box")
    assert found["State"]["Status"] == "initialized"
    assert found["State"]["Running"] is False
    assert found["NetworkSettings"]["IPAddress"]
    assert Path(f"/proc/{found['State']['Pid']}").exists()
    assert skerry("logs", "box").stdout == ""
    assert skerry("ps", "-a", "--format", "{{.Status}}").stdout == "Initialized\n"
    skerry("start", "box")
    assert inspect(skerry, "box")["State"]["Pid"] == found["State"]["Pid"]
    events = skerry("events", "--stream=false", "--filter", "container=box", "--format", "{{.Status}}").stdout.split()
    assert [word for word in events if word != "attach"] == ["create", "init", "start"]


def test_start_attached_shows_what_an_initialized_container_says(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox, "sh", "-c", "echo said; exit 4")
    skerry("init", "box")
    done = skerry("start", "-a", "box", check=False)
    assert (done.code, done.stdout) == (4, "said\n")


def test_a_program_is_let_go_when_its_output_is_sure_to_reach_us(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    # conmon would look for ended children before it looks who has connected, and write for nobody.
    skerry("create", "--name", "box", "-v", f"{tmp_path}:/seen", busybox, "sh", "-c", "touch /seen/ran; echo said")
    skerry("init", "box")
    conmon = inspect(skerry, "box")["State"]["ConmonPid"]
    os.kill(conmon, signal.SIGSTOP)
    starting = skerry.popen("start", "-a", "box")
    time.sleep(0.5)
    ran = (tmp_path / "ran").exists()
    os.kill(conmon, signal.SIGCONT)
    assert starting.communicate(timeout=20) == (b"said\n", b"")
    assert not ran


@pytest.mark.parametrize("command", [("stop",), ("rm",), ("rm", "-f")])
def test_an_initialized_container_ends_at_once(skerry: Skerry, busybox: str, command: tuple[str, ...]) -> None:
    skerry("create", "--name", "box", busybox, "sleep", "100")
    skerry("init", "box")
    skerry(*command, "box", timeout=8)


def test_what_runs_or_is_initialized_cannot_be_initialized(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox, "sleep", "100")
    skerry("init", "box")
    refused = skerry("init", "box", check=False)
    assert refused.code == 125
    assert "has already been created in runtime: container state improper" in refused.stderr
    skerry("start", "box")
    assert skerry("init", "-a").code == 0


def test_a_clone_is_like_the_other_but_for_what_is_given(skerry: Skerry, busybox: str) -> None:
    words = ("-v", "data:/data", "-e", "A=1", "-m", "64m", "--label", "l=1", "--cidfile", str(skerry.top / "cid"))
    skerry("create", "--name", "one", *words, busybox, "sleep", "100")
    new = skerry("container", "clone", "--memory", "80m", "--cpus", "0.5", "one", "two").id
    first, second = inspect(skerry, "one"), inspect(skerry, "two")
    assert (second["Id"], second["Config"]["Hostname"]) == (new, new[:12])
    for key in ("Env", "Cmd", "Labels", "Image"):
        assert second["Config"][key] == first["Config"][key]
    assert second["Mounts"] == first["Mounts"]
    limits = {key: second["HostConfig"][key] for key in ("Memory", "MemorySwap", "NanoCpus", "ContainerIDFile")}
    assert limits == {"Memory": 80 << 20, "MemorySwap": 160 << 20, "NanoCpus": 5 * 10**8, "ContainerIDFile": ""}
    assert (skerry.top / "cid").read_text() == first["Id"]


def test_clones_without_a_name_are_counted(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "one", busybox, "true")
    for _ in range(3):
        skerry("container", "clone", "one")
    skerry("container", "clone", "one-clone")
    skerry("container", "clone", "one-clone3")
    names = skerry("ps", "-a", "--format", "{{.Names}}", "--sort", "names").stdout.split()
    assert names == ["one", "one-clone", "one-clone1", "one-clone2", "one-clone3", "one-clone4"]


def test_a_clone_over_another_image_takes_the_others_place(skerry: Skerry, busybox: str) -> None:
    skerry("run", "--name", "base", busybox, "touch", "/marked")
    skerry("commit", "-q", "base", "marked")
    skerry("run", "-d", "--stop-timeout", "0", "--name", "old", busybox, "sh", "-c", "ls /marked; sleep 100")
    refused = skerry("container", "clone", "--destroy", "old", "new", check=False)
    assert refused.code == 125
    assert "cannot be removed without force" in refused.stderr
    skerry("container", "clone", "--destroy", "--force", "--run", "old", "new", "marked", timeout=30)
    assert skerry("container", "exists", "old", check=False).code == 1
    assert inspect(skerry, "new")["ImageName"] == "localhost/marked:latest"
    assert skerry("logs", "new").stdout == "/marked\n"


def test_a_clone_leaves_the_anonymous_volume_to_the_other(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "one", "-v", "/data", busybox, "true")
    skerry("container", "clone", "one", "two")
    assert skerry("container", "clone", "--name", "one", "two", check=False).code == 125
    skerry("rm", "-v", "two")
    assert len(skerry("volume", "ls", "-q").lines) == 1


def test_a_log_is_emptied_while_it_is_written_and_followed(
    skerry: Skerry, busybox: str, eventually: Eventually
) -> None:
    skerry(
        "run",
        "-d",
        "--name",
        "box",
        busybox,
        "sh",
        "-c",
        "seq 1000; while ! [ -e /go ]; do sleep .1; done; echo new; sleep 100",
    )
    eventually(lambda: skerry("logs", "box").stdout.endswith("1000\n"))
    with open(skerry.top / "followed", "wb") as file:
        follower = subprocess.Popen([*skerry.argv, "logs", "-f", "box"], stdout=file)
    eventually(lambda: (skerry.top / "followed").read_text().endswith("1000\n"))
    assert skerry("logs", "--clear", "box").stdout == "box\n"
    assert skerry("logs", "box").stdout == ""
    skerry("exec", "box", "touch", "/go")
    eventually(lambda: skerry("logs", "box").stdout == "new\n")
    eventually(lambda: (skerry.top / "followed").read_text().endswith("1000\nnew\n"))
    follower.terminate()
    follower.wait()


def test_a_log_that_cannot_be_emptied_is_said_so(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "none", "--log-driver", "none", busybox, "true")
    assert "'none' log driver" in skerry("logs", "--clear", "none", check=False).stderr
    (skerry.top / "victim").write_text("keep")
    (skerry.top / "link").symlink_to(skerry.top / "victim")
    skerry("create", "--name", "link", "--log-opt", f"path={skerry.top}/link", busybox, "true")
    assert skerry("logs", "--clear", "link", check=False).code == 125
    assert (skerry.top / "victim").read_text() == "keep"
    assert skerry("logs", "--clear", "--tail", "3", "none", check=False).code == 125


def test_cleanup_of_a_session_and_of_an_image(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "100")
    session = skerry("exec", "-d", "box", "sleep", "100").id
    refused = skerry("container", "cleanup", "--exec", session, "box", check=False)
    assert (refused.code, "is running" in refused.stderr) == (125, True)
    skerry("container", "cleanup", "--exec", "abc", "box")
    assert skerry("container", "cleanup", "--exec", "../..", "box", check=False).code == 125
    skerry("rm", "-f", "-t", "0", "box")
    skerry("create", "--name", "last", busybox, "true")
    assert skerry("container", "cleanup", "--rm", "--rmi", "last").stdout == "last\n"
    assert skerry("images", "-q").stdout == ""


def test_wait_ends_with_the_first_of_several(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "long", busybox, "sleep", "100")
    skerry("run", "-d", "--name", "short", busybox, "sh", "-c", "sleep 0.3; exit 7")
    assert skerry("wait", "--exit-first-match", "long", "short", timeout=10).stdout == "7\n"
    assert skerry("wait", "--exit-first-match", "--condition", "running", "short", "long").stdout == "-1\n"
    assert skerry("wait", "--exit-first-match", "--ignore", "nobody").stdout == "-1\n"
    assert skerry("wait", "--exit-first-match", "nobody", "long", check=False).code == 125
