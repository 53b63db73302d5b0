"""The fixtures that all tests rest on: the private store works, and leaks are found."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.command import Skerry, eventually
from tests.support.leaks import Leaks


def test_a_container_runs_on_the_private_store(skerry: Skerry, busybox: str) -> None:
    assert skerry("run", "--rm", "--network", "none", busybox, "echo", "hello").lines == ["hello"]


def test_what_runs_on_is_removed_with_its_port(skerry: Skerry, busybox: str) -> None:
    box = skerry("run", "-d", "-p", "18467:80", busybox, "sleep", "60").id
    assert box in skerry.container_ids()


def test_a_mount_and_a_process_left_behind_are_found(skerry: Skerry) -> None:
    point = skerry.top / "left"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "left", point], check=True)
    process = subprocess.Popen(["sh", "-c", "read line", f"{skerry.top}/x"], stdin=subprocess.PIPE)
    leaks = Leaks(skerry)
    assert leaks.mounts() == [str(point)]
    eventually(lambda: leaks.processes() == [process.pid])  # the kernel shows a new program's words a moment later
    leaks.clean()
    process.wait(timeout=10)
    assert leaks.find() == []


def test_commands_of_other_tests_on_the_same_image_are_not_ours(skerry: Skerry, busybox: str) -> None:
    image = skerry("image", "inspect", "-f", "{{.Id}}", busybox).id.removeprefix("sha256:")
    skerry("tag", image, "other")
    with subprocess.Popen(["sh", "-c", "read line; :", image], stdin=subprocess.PIPE) as other:
        try:
            eventually(lambda: image.encode() in Path(f"/proc/{other.pid}/cmdline").read_bytes())
            assert other.pid not in Leaks(skerry).processes()
        finally:
            other.kill()
