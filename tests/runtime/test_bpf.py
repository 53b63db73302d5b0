"""Cached seccomp filters are exactly as strict as compiled ones, and doubtful entries are not used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.runtime.boxes import Launcher, needs
from tests.support.needs import exec_in_chroot

from skerry import fastjson
from skerry.errors import Invalid, NotFound, Unavailable
from skerry.runtime import bpf, oci, seccomp
from skerry.runtime.security import DEFAULT_CAPS

pytestmark = needs("crun", "conmon")
PROBE = (
    "exec 2>&1; grep -E 'Seccomp' /proc/self/status; unshare -U true; echo $?; unshare -m true; echo $?;"
    " mount -t tmpfs none /tmp; echo $?; mknod /x c 1 3; echo $?"
)


def probe(launcher: Launcher, **changes: object) -> str:
    box = launcher.run("sh", "-c", PROBE, **changes)
    box.has_filter = bpf.FILTER_ANNOTATION in box.spec["annotations"]  # type: ignore[attr-defined]
    return box.output


def entry_of(launcher: Launcher) -> Path:
    (entry,) = (Path(launcher.settings.runroot) / "seccomp").iterdir()
    return entry


def used_cache(launcher: Launcher) -> bool:
    return bool(launcher.boxes[-1].has_filter)  # type: ignore[attr-defined]


def test_a_cached_filter_refuses_exactly_what_the_profile_refuses(launcher: Launcher) -> None:
    compiled = probe(launcher)
    assert not used_cache(launcher)
    cached = probe(launcher)
    assert used_cache(launcher)
    assert cached == compiled
    assert "Seccomp:\t2" in cached


@exec_in_chroot
def test_exec_gets_the_cached_filter_too(launcher: Launcher) -> None:
    from skerry.linux.spawn import run

    probe(launcher)
    box = launcher.create("sleep", "60")
    box.start()
    assert bpf.FILTER_ANNOTATION in box.spec["annotations"]
    process = {"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", PROBE], "cwd": "/", "env": ["PATH=/bin"], "capabilities": box.spec["process"]["capabilities"]}  # fmt: skip
    path = box.bundle / "process.json"
    path.write_text(fastjson.dumps(process))
    done = run(oci.exec_argv(box.runtime, box.id, str(path)))
    assert b"Seccomp:\t2" in done.stdout
    assert done.stdout.decode().strip() == probe(launcher)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "other-key", "writable", "link", "garbage"])
def test_a_doubtful_entry_is_not_used(launcher: Launcher, tmp_path: Path, damage: str) -> None:
    good = probe(launcher)
    entry = entry_of(launcher)
    data = entry.read_bytes()
    if damage == "flip":
        entry.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif damage == "truncate":
        entry.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "other-key":
        body = data[65:].replace(b"AAAA", b"BBBB", 1)
        entry.write_bytes(data[:65] + body)
    elif damage == "writable":
        entry.chmod(0o666)
    elif damage == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        entry.unlink()
        entry.symlink_to(tmp_path / "elsewhere")
    else:
        entry.write_bytes(b"0" * 64 + b"\n{}")
    assert probe(launcher) == good
    assert not used_cache(launcher)


def test_other_capabilities_have_another_filter(launcher: Launcher) -> None:
    probe(launcher)
    probe(launcher, cap_add=["SYS_ADMIN"])
    assert not used_cache(launcher)
    assert len(list((Path(launcher.settings.runroot) / "seccomp").iterdir())) == 2


def test_a_changed_profile_has_another_filter(launcher: Launcher, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    document = fastjson.loads(seccomp.read_profile(seccomp.default_path()))
    profile.write_text(fastjson.dumps(document))
    probe(launcher, seccomp=str(profile))
    document["syscalls"].append({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1})
    for row in document["syscalls"][:-1]:
        row["names"] = [name for name in row["names"] if not name.startswith("mkdir")]
    profile.write_text(fastjson.dumps(document))
    assert launcher.run("mkdir", "/new", seccomp=str(profile)).code != 0


def test_a_folder_that_others_can_write_is_not_filled(launcher: Launcher) -> None:
    folder = Path(launcher.settings.runroot) / "seccomp"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    probe(launcher)
    assert list(folder.iterdir()) == []


def test_a_users_annotation_cannot_replace_the_profile(launcher: Launcher) -> None:
    forged = {bpf.FILTER_ANNOTATION: "BgAAAAAA/38="}  # "allow everything"
    assert "Seccomp:\t2" in probe(launcher, annotations=forged)
    assert launcher.boxes[-1].output.endswith("1\n1") or "\n1" in launcher.boxes[-1].output
    assert not used_cache(launcher)


def test_runc_is_given_no_filter() -> None:
    runtime = oci.Runtime("/usr/sbin/runc", "/nowhere")
    profile, annotations = bpf.compiled_profile(
        seccomp.default_path(), bounding=DEFAULT_CAPS, runtime=runtime, folder="/nowhere"
    )
    assert annotations == {}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"


def test_a_missing_or_broken_profile_is_an_error_and_not_no_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="opening seccomp profile failed"):
        seccomp.read_profile(str(tmp_path / "none"))
    for text in (
        b"",
        b"[]",
        b"{}",
        b'{"defaultAction":1,"syscalls":[3]}',
        b'{"defaultAction":"X","syscalls":[{"names":[]}]}',
    ):
        with pytest.raises(Invalid, match="loading seccomp profile failed"):
            seccomp.convert(text, bounding=(), machine="x86_64")
    monkeypatch.setattr(seccomp, "DEFAULT_PATHS", (str(tmp_path / "none"),))
    with pytest.raises(Unavailable, match="no seccomp profile"):
        seccomp.default_path()


def test_conditions_of_a_profile() -> None:
    rows = [
        {"names": ["a"], "action": "A", "includes": {"caps": ["CAP_X"]}},
        {"names": ["b"], "action": "A", "excludes": {"caps": ["CAP_X"]}},
        {"names": ["c"], "action": "A", "includes": {"arches": ["arm64"]}},
        {"names": ["d"], "action": "A", "includes": {"minKernel": "5.8"}},
        {"names": ["e"], "action": "A", "excludes": {"arches": ["amd64"]}},
        {"name": "f", "action": "A", "errno": "EPERM"},
    ]
    profile = fastjson.dumps({"defaultAction": "D", "syscalls": rows}).encode()

    def names(**given: object) -> str:
        found = seccomp.convert(profile, **({"bounding": (), "machine": "x86_64", "kernel": "6.1.0-x"} | given))  # type: ignore[arg-type]
        return "".join(name for row in found["syscalls"] for name in row["names"])

    assert names() == "bdf"
    assert names(bounding=["CAP_X"]) == "adf"
    assert names(machine="aarch64", kernel="5.4.0") == "bcef"


def test_the_cache_is_private(launcher: Launcher) -> None:
    probe(launcher)
    folder = Path(launcher.settings.runroot) / "seccomp"
    assert folder.stat().st_mode & 0o077 == 0
    assert os.stat(entry_of(launcher)).st_mode & 0o077 == 0
