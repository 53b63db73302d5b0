"""Archives that Docker's engine made load here and the other way round, as the same images. Needs dockerd."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry, eventually

Docker = Callable[..., str]


@pytest.fixture
def docker() -> Iterator[Docker]:
    """Docker's client on an engine of its own, in a network namespace of its own."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip("needs root and dockerd")
    top = Path(tempfile.mkdtemp(prefix="skd", dir="/var/tmp"))
    flags = f"--data-root {top}/d --exec-root {top}/e -H unix://{top}/s --pidfile {top}/pid --bip 172.30.0.1/16"
    start = f"ip link set lo up; exec dockerd {flags} --default-ulimit nofile=1024:1024 > {top}/log 2>&1"
    daemon = subprocess.Popen(["unshare", "--net", "sh", "-c", start])

    def call(*words: str | Path) -> str:
        env = {**os.environ, "DOCKER_HOST": f"unix://{top}/s", "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(["docker", *map(str, words)], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {words}: {done.stderr}"
        return done.stdout.strip()

    try:
        eventually(lambda: (top / "s").exists() and "API listen" in (top / "log").read_text())
        yield call
    finally:
        daemon.terminate()
        daemon.wait()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if f" {top}/" in line:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(top, ignore_errors=True)


def test_archives_go_both_ways(skerry: Skerry, busybox: str, docker: Docker, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.tar", tmp_path / "theirs.tar"
    context = tmp_path / "context"
    context.mkdir()
    lines = (
        "RUN echo a > /a; ln /a /b; mkdir -p /d/e; ln -s /a /d/l; chmod 4755 /a; chown 7:8 /d\nRUN rm /bin/vi\nUSER 7\n"
    )
    (context / "Containerfile").write_text(f"FROM {busybox}\n{lines}")
    skerry("build", "-q", "--network", "none", "-t", "localhost/made:1", context)
    skerry("save", "-q", "-m", "-o", ours, "localhost/made:1", busybox)
    docker("load", "-i", ours)
    for name in ("localhost/made:1", busybox):
        assert (
            docker("inspect", "--format", "{{.Id}}", name)
            == "sha256:" + skerry("inspect", "--format", "{{.Id}}", name).id
        )
    assert docker("run", "--rm", "--network", "none", "localhost/made:1", "cat", "/b") == "a"

    (context / "Dockerfile").write_text(
        'FROM localhost/made:1\nUSER 0\nRUN echo dock > /dock; rm /b\nCMD ["cat", "/dock"]\n'
    )
    docker("build", "-q", "--network", "none", "-f", context / "Dockerfile", "-t", "dockmade", context)
    docker("save", "-o", theirs, "dockmade", busybox)
    skerry("load", "-q", "-i", theirs)
    assert (
        docker("inspect", "--format", "{{.Id}}", "dockmade")
        == "sha256:" + skerry("inspect", "--format", "{{.Id}}", "dockmade").id
    )
    assert skerry("run", "--rm", "--network", "none", "dockmade").lines == ["dock"]
    assert skerry("run", "--rm", "--network", "none", "dockmade", "ls", "/b", check=False).code == 1
