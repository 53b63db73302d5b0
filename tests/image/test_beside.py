"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import skerry
from skerry.image.beside import Beside


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with Beside(str(tmp_path / "x")) as file:
        file.write(b"new")
        assert list(tmp_path.iterdir()) == []
    assert (tmp_path / "x").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(ZeroDivisionError), Beside(str(tmp_path / "x")) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "x").symlink_to("real")
    with Beside(str(tmp_path / "x")) as file:
        file.write(b"new")
    assert (tmp_path / "x").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_and_a_device_are_written_in_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with Beside(str(tmp_path / "pipe")) as file:
        file.write(b"through")
    reader.join(10)
    assert read == [b"through"]
    with Beside("/dev/null") as file:
        file.write(b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_without_nameless_files_it_is_written_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *rest)

    monkeypatch.setattr("skerry.image.beside.os.open", refuse)
    with Beside(str(tmp_path / "x")) as file:
        file.write(b"new")
        assert [path.name for path in tmp_path.iterdir()] == [f".x.{os.getpid()}"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    with pytest.raises(ZeroDivisionError), Beside(str(tmp_path / "y")):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_disk_that_fails_early_fails_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("skerry.image.beside.os.fdatasync", broken)
    monkeypatch.setattr("skerry.image.beside._EVERY_S", 0.001)
    with pytest.raises(OSError, match="Input/output"), Beside(str(tmp_path / "x")) as file:
        file.write(b"new")
        time.sleep(0.2)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path / "d")], check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        with pytest.raises(OSError, match="No space left"), Beside(str(tmp_path / "d/x")) as file:
            file.write(bytes(4 << 20))
        assert list((tmp_path / "d").iterdir()) == []
        status = os.statvfs(tmp_path / "d")
        assert status.f_bfree > status.f_blocks - 8
    finally:
        subprocess.run(["umount", str(tmp_path / "d")], check=True)


def test_standard_output_by_its_name(tmp_path: Path) -> None:
    script = "from skerry.image.beside import Beside\nwith Beside('/dev/stdout') as file: file.write(b'out')"
    env = {**os.environ, "PYTHONPATH": str(Path(skerry.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=env)
    assert done.stdout == b"out"
    with open(tmp_path / "x", "wb") as file:
        subprocess.run([sys.executable, "-c", script], stdout=file, check=True, env=env)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["out"]
