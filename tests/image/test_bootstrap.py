"""What makes base images the same every time."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from skerry.engine.engine import Engine
from skerry.engine.images.bootstrap import Base
from skerry.engine.images.busybox import foreign_applets, is_static, write_tar
from skerry.engine.images.debian import release, rewrite
from skerry.errors import Invalid, Unavailable


def _tree(path: Path, mtime: int, order: int) -> None:
    files = ["./etc/machine-id", "./var/log/apt/history.log", "./usr/share/doc/x/changelog.gz", "./usr/bin/x"]
    with tarfile.open(path, "w") as tar:
        for name in files[::order]:
            member = tarfile.TarInfo(name)
            member.mtime = 1000 if "changelog" in name else mtime
            member.size = 1
            tar.addfile(member, io.BytesIO(str(mtime)[-1:].encode() if "machine" in name or "log/" in name else b"x"))


def test_time_order_logs_and_the_machine_s_id_leave_no_trace(tmp_path: Path) -> None:
    _tree(tmp_path / "a", 2001, 1)
    _tree(tmp_path / "b", 3002, -1)
    for name in "ab":
        rewrite(str(tmp_path / name), str(tmp_path / f"{name}.out"))
    assert (tmp_path / "a.out").read_bytes() == (tmp_path / "b.out").read_bytes()
    with tarfile.open(tmp_path / "a.out") as tar:
        assert {m.name: (m.size, m.mtime) for m in tar} == {
            "etc/machine-id": (0, 1000), "usr/bin/x": (1, 1000), "usr/share/doc/x/changelog.gz": (1, 1000),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "suite", "names"),
    [
        ("debian:12", "bookworm", ["localhost/debian:bookworm", "localhost/debian:12"]),
        ("debian", "trixie", ["localhost/debian:trixie", "localhost/debian:latest"]),
        ("trixie", "trixie", ["localhost/debian:trixie"]),
        ("ubuntu", "noble", ["localhost/ubuntu:noble", "localhost/ubuntu:latest"]),
    ],
)
def test_releases(text: str, suite: str, names: list[str]) -> None:
    assert release(text) == (suite, names)


@pytest.mark.parametrize("text", ["nixos", "debian:99", "", "--help", "bookworm:12", "../x"])
def test_unknown_releases(text: str) -> None:
    with pytest.raises(Invalid, match="unknown distribution"):
        release(text)


def test_a_script_is_no_static_program() -> None:
    assert not is_static(b"#!/bin/sh\n")


def test_busybox_s_layer_has_no_time_in_it() -> None:
    buffer = io.BytesIO()
    write_tar(buffer, b"\x7fELF", ["bin/ls"])
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        assert {member.mtime for member in tar} == {0}
        assert tar.getmember("tmp").mode == 0o1777


def test_a_foreign_busybox_lists_its_applets() -> None:
    assert foreign_applets(b"\x7fELF..\xae[\0[[\0busybox\0ls\0sh\0\0rest") == ["bin/[", "bin/[[", "bin/ls", "bin/sh"]
    for binary in (b"\x7fELF", b"[\0[[\0ls\0\0", b"[\0[[\0../x\0sh\0\0"):
        with pytest.raises(Unavailable):
            foreign_applets(binary)


def test_busybox_for_another_architecture(engine: Engine) -> None:
    other = "arm64" if os.uname().machine == "x86_64" else "amd64"
    record = engine.images.bootstrap("busybox", Base(architecture=other))
    assert record["architecture"] == other
    again = engine.images.bootstrap("busybox", Base(architecture=other))
    assert again["id"] == record["id"]
