"""The same Containerfiles with the installed Podman: the same trees and the same configs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry
from tests.support.podman import Podman

BASE = "FROM localhost/busybox\n"
# What Podman's builds leave in an image, because it mounts there.
LEFT_BEHIND = {"run", "run/.containerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "proc", "sys", "dev"}


@pytest.fixture(scope="module")
def both(busybox_archive: Path) -> Iterator[tuple[Skerry, Podman]]:
    if os.geteuid() != 0 or not shutil.which("podman"):
        pytest.skip("needs root and podman")
    top = Path(tempfile.mkdtemp(prefix="sk", dir="/tmp"))  # Podman wants a run root of 50 characters at most
    skerry, podman = Skerry(top / "skerry"), Podman(top / "podman")
    for engine in (skerry, podman):
        engine("load", "-i", busybox_archive)
    yield skerry, podman
    podman.end()
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name, mode in {"a.txt": 0o644, "b.txt": 0o600, "d/x": 0o644, "d/sub/y": 0o755, "e/.keep": 0o644}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    (tmp_path / "d/l").symlink_to("x")
    (tmp_path / "lf").symlink_to("a.txt")
    (tmp_path / "ld").symlink_to("d")
    (tmp_path / "e").chmod(0o711)
    return tmp_path


def tree(root: Path) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            relative = str(path.relative_to(root))
            if relative in LEFT_BEHIND:
                continue
            status = path.lstat()
            content = ""
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            found[relative] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
    return found


def built(engine: Skerry | Podman, context: Path, *flags: str) -> tuple[dict[str, Any], dict[str, Any]]:
    image = engine("build", "-q", *flags, context).lines[-1]
    where = Path(engine("image", "mount", image).stdout.strip())
    try:
        files = tree(where)
    finally:
        engine("image", "unmount", image)
    config = json.loads(engine("image", "inspect", image).stdout)[0]["Config"]
    (config.get("Labels") or {}).pop("io.buildah.version", None)
    if config.get("WorkingDir") == "/":
        del config["WorkingDir"]  # that of scratch, which Podman 4 does not write and Podman 5 and BuildKit do
    return files, {key: value for key, value in config.items() if value}


@pytest.mark.parametrize(
    "text",
    [
        "COPY a.txt /n\nCOPY a.txt /new/\nCOPY a.txt /etc\nCOPY a.txt b.txt /two/",
        "COPY d /n\nCOPY d /m/\nCOPY . /all\nCOPY e /deep/er/e",
        "RUN mkdir -p /n/sub && chmod 700 /n /n/sub && touch /n/old\nCOPY d /n",
        "COPY lf /n\nCOPY ld /m\nCOPY *.txt /w/\nCOPY d* /v/",
        "COPY --chown=5:6 d /n\nCOPY --chown=nobody d /m\nCOPY --chown=nobody:1 d /deep/er/\nCOPY --chmod=0751 d /c",
        "WORKDIR /w\nWORKDIR x\nCOPY a.txt .\nCOPY a.txt ./y\nRUN pwd > p",
        "RUN ln -s /etc /lnk\nCOPY a.txt /lnk/\nCOPY a.txt /lnk/q/z\nADD a.txt /y/",
        "RUN rm -r /var /root && mkdir /var && touch /var/new && rm /bin/arch\nRUN chmod 700 / && touch /z",
        'ENV A=1 B="x y" D=$A\nENV E hello  world\nLABEL a=b "c d"=e\nEXPOSE 80 90/udp\nVOLUME /tmp\nSTOPSIGNAL 9\n'
        'CMD echo $A\nENTRYPOINT ["/bin/sh","-c"]\nRUN echo $B$D > /e',
        "ARG s=a.txt\nENV d=/dst/\nCOPY $s ${d}\nUSER ${none:-nobody}",
    ],
)  # fmt: skip
def test_trees_and_configs_are_podmans(both: tuple[Skerry, Podman], context: Path, text: str) -> None:
    (context / "Containerfile").write_text(f"{BASE}{text}\n")
    mine, theirs = (built(engine, context) for engine in both)
    assert mine == theirs


def test_stages_arguments_and_scratch_are_podmans(both: tuple[Skerry, Podman], context: Path) -> None:
    (context / "Containerfile").write_text(
        "ARG BASE=localhost/busybox\nFROM $BASE AS one\nARG Z\nRUN echo $Z > /one; chown 3:4 /one; chmod 4755 /one\n"
        "FROM scratch\nCOPY --from=one /one /two\nCOPY --from=0 /etc/passwd /p/\nCOPY --from=localhost/busybox /bin/sh /x/sh\n"
    )
    mine, theirs = (built(engine, context, "--build-arg", "Z=zed") for engine in both)
    assert mine == theirs


@pytest.mark.parametrize(
    "text",
    ["COPY nope /n", "RUN exit 7", "COPY a.txt b.txt /n", "ENV", "FROM", "COPY --from=9 a b", "USER $", "RUNN x"],
)
def test_what_podman_refuses_is_refused(both: tuple[Skerry, Podman], context: Path, text: str) -> None:
    (context / "Containerfile").write_text(f"{BASE}{text}\n")
    mine, theirs = (engine("build", "-q", context, check=False) for engine in both)
    assert (mine.code != 0) == (theirs.code != 0), (mine, theirs)
