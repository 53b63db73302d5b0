"""Builds whose steps have a user namespace of their own: whose files they see, and what is in the image. As root."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.command import Skerry
from tests.support.containerfile import write

MAP = ("--userns-uid-map", "0:100000:65536")
BASE = "FROM localhost/busybox\n"


def owners(engine: Skerry, name: str, *paths: str) -> list[str]:
    return engine("run", "--rm", "--network", "none", name, "stat", "-c", "%u:%g", *paths).lines


def test_steps_have_the_ids_and_the_image_has_its_own(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path,
        BASE + "COPY --chown=3:4 Containerfile /given\nWORKDIR /work/er\nRUN cat /proc/self/uid_map\n"
        "RUN stat -c %u:%g /given /etc /work/er /etc/hosts /etc/resolv.conf && touch /made && chown 7:8 /made && id -u\n"
        "USER 9\nRUN id -u; touch /tmp/nine\n",
    )
    done = engine("build", "--no-cache", *MAP, "-t", "mapped", tmp_path)
    assert ["0", "100000", "65536"] in [line.split() for line in done.lines]
    assert done.stdout.count("0:0") == 4
    assert "3:4" in done.lines
    assert owners(engine, "mapped", "/given", "/made", "/tmp/nine", "/work/er") == ["3:4", "7:8", "9:0", "0:0"]


def test_what_a_step_mounts_has_the_owners_that_it_has_in_the_image(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the context\n")
    os.chmod(tmp_path / "kept", 0o600)
    os.chown(tmp_path / "kept", 5, 6)
    (tmp_path / "secret").write_text("a secret\n")
    mounts = (
        "--mount=type=bind,from=other,target=/a --mount=type=bind,target=/c --mount=type=bind,rw,target=/w "
        "--mount=type=cache,target=/k,uid=2 --mount=type=secret,id=s,uid=5,target=/s"
    )
    write(
        tmp_path,
        f"{BASE} AS other\nRUN umask 077; echo of a stage > /f; chown 3:4 /f\n".replace("\n AS", " AS")
        + f"{BASE}RUN {mounts} cat /a/f /c/kept /s; touch /w/written /k/new; "
        "stat -c %u:%g /a/f /c/kept /w/kept /s /k /k/new\n",
    )
    done = engine("build", "--no-cache", *MAP, "--secret", f"id=s,src={tmp_path}/secret", tmp_path)
    at = done.lines.index("of a stage")
    assert done.lines[at : at + 9] == [
        "of a stage", "in the context", "a secret", "3:4", "5:6", "5:6", "5:0", "2:0", "0:0"
    ]  # fmt: skip
    assert not (tmp_path / "written").exists()


def test_groups_alone_and_private_are_enough(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN cat /proc/self/uid_map; readlink /proc/self/ns/user\n")
    done = engine("build", "--no-cache", "--userns-gid-map", "0:5000:1000", tmp_path)
    assert ["0", "5000", "1000"] in [line.split() for line in done.lines]
    for mode in ("private", "container"):
        done = engine("build", "--no-cache", "--userns", mode, tmp_path)
        assert os.readlink("/proc/self/ns/user") not in done.lines
    assert os.readlink("/proc/self/ns/user") in engine("build", "--no-cache", "--userns=host", tmp_path).lines


@pytest.mark.parametrize("prefix", ["ns:", ""])
def test_a_namespace_that_is_there_can_be_joined(engine: Skerry, tmp_path: Path, prefix: str) -> None:
    write(tmp_path, BASE + "RUN readlink /proc/self/ns/user; touch /made; stat -c %u /made /bin\n")
    with subprocess.Popen(["unshare", "-U", "sleep", "60"]) as other:
        path = f"/proc/{other.pid}/ns/user"
        try:
            while os.readlink(path) == os.readlink("/proc/self/ns/user"):
                time.sleep(0.01)
            for kind in ("uid", "gid"):
                Path(f"/proc/{other.pid}/{kind}_map").write_text("0 200000 5000\n")
            done = engine("build", "--no-cache", "--userns", prefix + path, "-t", "joined", tmp_path)
            at = done.lines.index(os.readlink(path))
            assert done.lines[at + 1 : at + 3] == ["0", "0"]
        finally:
            other.kill()
    assert owners(engine, "joined", "/made") == ["0:0"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--userns=wrong"], 'invalid --userns "wrong"'),
        (["--userns=/not/there"], "checking user namespace: stat /not/there: no such file or directory"),
        (["--userns=host", *MAP], "can not specify ID mappings while using host's user namespace"),
        (["--userns-uid-map=wrong"], "initializing ID mappings: UID setting is malformed expected "),
        (["--userns-uid-map-user=nobody-has-it"], 'no subuid ranges found for user "nobody-has-it" in /etc/subuid'),
    ],
)
def test_what_cannot_be_is_said(engine: Skerry, tmp_path: Path, flags: list[str], words: str) -> None:
    write(tmp_path, BASE + "RUN true\n")
    done = engine("build", "--no-cache", *flags, tmp_path, check=False)
    assert done.code == 125
    assert words in done.stderr


def test_a_volume_can_be_given_to_the_steps_user(engine: Skerry, tmp_path: Path) -> None:
    context, given = tmp_path / "context", tmp_path / "given"
    for folder in (context, given):
        folder.mkdir()
    (given / "f").write_text("f")
    write(context, BASE + "USER 12:13\nRUN stat -c %u:%g /v /v/f && touch /v/new\n")
    done = engine("build", "--no-cache", "-v", f"{given}:/v:U", context)
    assert done.lines.count("12:13") == 2
    assert (given / "new").stat().st_uid == 12
    engine("build", "--no-cache", *MAP, "-v", f"{given}:/v:U,rw", context)
    assert ((given / "f").stat().st_uid, (given / "f").stat().st_gid) == (100012, 100013)


@pytest.mark.parametrize("pid", ["host", "container"])
@pytest.mark.parametrize("network", ["host", "container"])
def test_it_goes_with_any_other_namespace(engine: Skerry, tmp_path: Path, pid: str, network: str) -> None:
    kinds = {"user": "container", "pid": pid, "net": network, "ipc": "host", "uts": "container"}
    write(tmp_path, BASE + "".join(f"RUN readlink /proc/self/ns/{kind}\n" for kind in kinds))
    flags = ("--userns=container", f"--pid={pid}", f"--network={network}", "--ipc=host", "--uts=container")
    done = engine("build", "--no-cache", *flags, tmp_path)
    for kind, mode in kinds.items():
        assert (os.readlink(f"/proc/self/ns/{kind}") in done.lines) is (mode == "host"), kind


def test_a_network_namespace_can_be_named_by_its_path_alone(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN readlink /proc/self/ns/net\n")
    with subprocess.Popen(["unshare", "-n", "sleep", "60"]) as other:
        path = f"/proc/{other.pid}/ns/net"
        try:
            while os.readlink(path) == os.readlink("/proc/self/ns/net"):
                time.sleep(0.01)
            assert os.readlink(path) in engine("build", "--no-cache", f"--network={path}", tmp_path).lines
        finally:
            other.kill()
