"""Who has a volume puts links in the place of folders as fast as they can, while the volume is read, filled and written:
nothing of the host is told, nothing of it is changed (as CVE-2018-15664, CVE-2019-14271, CVE-2023-0778, CVE-2021-30465).
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import child
from tests.support.command import Skerry

ROUNDS = 6
RUN = ("run", "--rm", "--network=none")
SECRET = "the host's"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the host that no container was given."""
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text(SECRET)
    (folder / "sub/file").write_text(SECRET)
    return folder


@pytest.fixture
def volume(skerry: Skerry, outside: Path) -> Iterator[Path]:
    """A volume in which ``d`` is a folder, a link out, a folder, a link out, …"""
    skerry("volume", "create", "data")
    folder = skerry.top / "vol/data/_data"
    (folder / "d/sub").mkdir(parents=True)
    (folder / "d/file").write_text("inside")
    (folder / "d/sub/file").write_text("inside")
    (folder / "link").symlink_to(outside)
    pid = child.fork(lambda: _exchange_for_ever(folder))
    try:
        yield folder
    finally:
        os.kill(pid, signal.SIGKILL)
        child.wait(pid)


def _exchange_for_ever(folder: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    one, other = os.fsencode(folder / "d"), os.fsencode(folder / "link")
    while True:
        libc.renameat2(-100, one, -100, other, 2)  # RENAME_EXCHANGE


def untouched(outside: Path) -> bool:
    files = {str(path.relative_to(outside)): path.read_text() for path in outside.rglob("*") if path.is_file()}
    return files == {"file": SECRET, "sub/file": SECRET}


def test_an_export_tells_nothing_of_the_host(skerry: Skerry, volume: Path) -> None:
    seen = set()
    for _ in range(ROUNDS):
        result = skerry("volume", "export", "data", check=False)
        assert SECRET.encode() not in result.raw
        seen.add(b"inside" in result.raw)
    assert True in seen, "the volume itself is read"


def test_an_import_writes_nothing_to_the_host(skerry: Skerry, volume: Path, outside: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("d/file", "d/sub/file", "d/planted", "d/sub/planted"):
            info = tarfile.TarInfo(name)
            info.size, info.mode = 4, 0o600
            tar.addfile(info, io.BytesIO(b"evil"))
    for _ in range(ROUNDS):
        skerry("volume", "import", "data", "-", input=out.getvalue(), check=False)
    assert untouched(outside)


def test_filling_writes_nothing_to_the_host(skerry: Skerry, busybox: str, volume: Path, outside: Path) -> None:
    skerry(
        "run",
        "--name",
        "base",
        "--network=none",
        busybox,
        "sh",
        "-c",
        "mkdir -p /d/d/sub; echo evil >/d/d/planted; echo evil >/d/d/sub/file",
    )
    skerry("commit", "-q", "base", "filled")
    skerry("rm", "base")
    for _ in range(ROUNDS):
        (volume.parent / ".copying").touch()  # as a start that was killed: it is filled again
        skerry(*RUN, "-v", "data:/d", "filled", "true", check=False)
    assert untouched(outside)


def test_a_part_of_a_volume_is_never_the_host_s(skerry: Skerry, busybox: str, volume: Path, outside: Path) -> None:
    seen = set()
    flag = "type=volume,src=data,dst=/x,subpath=d/sub"
    for _ in range(ROUNDS):
        result = skerry(*RUN, "--mount", flag, busybox, "sh", "-c", "cat /x/file; echo evil > /x/planted", check=False)
        assert SECRET not in result.stdout
        seen.add(result.stdout)
    assert "inside" in seen, "it is mounted when it is there"
    assert untouched(outside)


def test_a_mount_inside_of_a_volume_stays_inside(
    skerry: Skerry, busybox: str, volume: Path, outside: Path, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    before = Path("/proc/self/mountinfo").read_text().count(str(outside))
    for _ in range(ROUNDS):
        flags = ("-v", "data:/v", "-v", f"{tmp_path}/given:/v/d/sub")
        skerry(*RUN, *flags, busybox, "touch", "/v/d/sub/planted", check=False)
    assert untouched(outside)
    assert Path("/proc/self/mountinfo").read_text().count(str(outside)) == before


def test_cp_into_a_volume_writes_nothing_to_the_host(
    skerry: Skerry, busybox: str, volume: Path, outside: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/planted").write_text("evil")
    (tmp_path / "new/file").write_text("evil")
    skerry("create", "--name", "c", "-v", "data:/v", busybox)
    for _ in range(ROUNDS):
        skerry("cp", f"{tmp_path}/new/.", "c:/v/d/sub", check=False)
        told = skerry("cp", "c:/v/d", "-", check=False)
        assert SECRET.encode() not in told.raw
    assert untouched(outside)


def test_a_removal_empties_only_the_volume(skerry: Skerry, volume: Path, outside: Path) -> None:
    skerry("volume", "rm", "data", check=False)
    assert untouched(outside)


@pytest.mark.parametrize(
    "mount",
    [
        "type=bind,from=x,source=/out,target=/m,rw",
        "type=bind,source=out,target=/m,rw",
        "type=cache,id=../../../../..{outside},target=/m",
        "type=cache,from=x,source=/out,target=/m",
        "type=cache,from=x,source=/../../../../..{outside},target=/m",
    ],
)
def test_a_build_s_mounts_stay_where_they_belong(
    skerry: Skerry, busybox: str, outside: Path, tmp_path: Path, mount: str
) -> None:
    """As CVE-2024-1753 and CVE-2024-9675."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context/out").symlink_to(outside)
    (tmp_path / "context/Containerfile").write_text(
        f"FROM {busybox} AS x\nRUN ln -s ../../../../../..{outside} /out\nFROM {busybox}\n"
        f"RUN --mount={mount.format(outside=outside)} cat /m/file || true; touch /m/planted || true; rm -f /m/file\n"
    )
    result = skerry("build", "-q", "--pull=never", str(tmp_path / "context"), check=False)
    assert SECRET not in result.stdout + result.stderr
    assert untouched(outside)


def test_a_build_s_mount_takes_no_words_that_it_does_not_know(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    """As CVE-2024-9407, where any of mount(8)'s words came through."""
    for word in ("rw", "shared:remount", "bind", "remount", '"shared,suid"', "shared=1"):
        (tmp_path / "Containerfile").write_text(
            f"FROM {busybox}\nRUN --mount=type=bind,source=.,target=/m,bind-propagation={word} true\n"
        )
        result = skerry("build", "-q", "--pull=never", str(tmp_path), check=False)
        assert (result.code, "bind-propagation" in result.stderr or "invalid field" in result.stderr) == (125, True), (
            result
        )


def test_removing_does_not_empty_what_somebody_mounted_in_a_volume(skerry: Skerry, outside: Path) -> None:
    skerry("volume", "create", "data")
    place = skerry.top / "vol/data/_data/place"
    place.mkdir()
    subprocess.run(["mount", "--bind", outside, place], check=True)
    try:
        result = skerry("volume", "rm", "-f", "data", check=False)
        assert (result.code, "something is mounted below" in result.stderr) == (125, True)
        assert untouched(outside)
    finally:
        subprocess.run(["umount", place], check=True)
    skerry("volume", "rm", "data")
