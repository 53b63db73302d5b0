"""COPY after a few files changed: what did not is shared with the layer from before, and the result is as if it were not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.command import Skerry

DAY_NS = 86400 * 10**9
LARGE = 400_000


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "data/sub").mkdir(parents=True)
    for number in range(6):
        write(tmp_path / f"data/sub/{number}", bytes([number]) * LARGE)
    write(tmp_path / "data/top", b"top" * LARGE)
    write(tmp_path / "data/mine", os.fsencode(tmp_path) * LARGE)  # no other test's layer is this one
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\nCOPY data /data\n")
    return tmp_path


def write(path: Path, data: bytes, days: int = 100) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(days * DAY_NS, days * DAY_NS))


def layer(engine: Skerry, image: str) -> Path:
    """The folder of its last layer."""
    return Path(engine("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", image).stdout.strip())


def build(engine: Skerry, context: Path, name: str, *flags: str) -> Path:
    engine("build", "-q", "-t", name, *flags, context)
    return layer(engine, name)


def inodes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_ino for path in sorted(folder.rglob("*")) if path.is_file()}


def whole(engine: Skerry, image: str) -> str:
    return engine("image", "inspect", "-f", "{{.RootFS.Layers}}", image).stdout


def shared(one: Path, two: Path) -> list[str]:
    first, second = inodes(one), inodes(two)
    return [path for path in first if first[path] == second.get(path)]


def test_what_did_not_change_is_shared(engine: Skerry, context: Path) -> None:
    one = build(engine, context, "one")
    write(context / "data/sub/0", b"changed" * 9)
    two = build(engine, context, "two")
    assert shared(one, two) == ["data/mine", *(f"data/sub/{number}" for number in range(1, 6)), "data/top"]
    assert (one / "data/sub/0").read_bytes() == bytes(LARGE)
    assert all(path.stat().st_nlink == 2 for path in (two / "data/sub").iterdir() if path.name != "0")
    engine("rmi", "one")
    assert engine("run", "--rm", "--network", "none", "two", "wc", "-c", "/data/top").stdout.split()[0] == "1200000"
    assert engine("system", "check").code == 0


def test_small_files_have_one_name(engine: Skerry, context: Path) -> None:
    """cron runs no table that has several."""
    write(context / "data/crontab", b"* * * * * root true\n")
    build(engine, context, "one")
    write(context / "data/sub/0", b"changed" * 9)
    two = build(engine, context, "two")
    assert (two / "data/crontab").stat().st_nlink == 1
    for number in range(2):
        (context / "Containerfile").write_text(
            f"FROM localhost/busybox\nRUN echo {number} > /n\nCOPY --link data/crontab /etc/cron.d/\n"
        )
        build(engine, context, "linked")
    linked = ("run", "--rm", "--network", "none", "linked", "stat", "-c", "%h", "/etc/cron.d/crontab")
    assert engine(*linked).stdout == "1\n"
    build(engine, context, "squashed", "--squash-all")
    assert engine(*linked[:4], "squashed", *linked[5:]).stdout == "1\n"


def test_the_result_is_the_same_as_without_sharing(engine: Skerry, skerry: Skerry, busybox: str, context: Path) -> None:
    build(engine, context, "before")
    write(context / "data/sub/1", b"other" * LARGE)
    (context / "data/sub/2").unlink()
    (context / "data/sub/3").chmod(0o751)
    os.utime(context / "data/sub/4", ns=(200 * DAY_NS, 200 * DAY_NS))
    after = build(engine, context, "after")
    assert shared(layer(engine, "before"), after) == ["data/mine", "data/sub/0", "data/sub/5", "data/top"]
    skerry("build", "-q", "-t", "fresh", context)
    assert whole(engine, "after") == whole(skerry, "fresh")


def test_two_files_never_become_one(engine: Skerry, context: Path, skerry: Skerry, busybox: str) -> None:
    os.link(context / "data/sub/0", context / "data/sub/zero")
    build(engine, context, "linked")
    (context / "data/sub/zero").unlink()
    write(context / "data/sub/zero", bytes(LARGE))
    write(context / "data/sub/1", b"new")
    after = build(engine, context, "apart")
    assert "data/sub/0" in shared(layer(engine, "linked"), after)
    found = inodes(after)
    assert found["data/sub/0"] != found["data/sub/zero"]
    skerry("build", "-q", "-t", "fresh", context)
    assert whole(engine, "apart") == whole(skerry, "fresh")


def test_a_folder_that_takes_anothers_place_is_not_mixed_up(engine: Skerry, context: Path) -> None:
    (context / "more/sub").mkdir(parents=True)
    write(context / "more/sub/0", b"\1" * LARGE)
    (context / "Containerfile").write_text("FROM localhost/busybox\nCOPY data more /srv/\n")
    build(engine, context, "both")
    (context / "more/sub/0").unlink()
    after = build(engine, context, "alone")
    assert (after / "srv/sub/0").read_bytes() == bytes(LARGE)


def test_a_link_on_the_way_leads_nowhere_else(engine: Skerry, context: Path, tmp_path: Path) -> None:
    head = "FROM localhost/busybox\nRUN mkdir -p /real && ln -s /real /srv2\n"
    (context / "Containerfile").write_text(f"{head}COPY data /srv2/data\n")
    one = build(engine, context, "linked1")
    write(context / "data/sub/0", b"new")
    two = build(engine, context, "linked2")
    assert (two / "real/data/sub/0").read_bytes() == b"new"
    assert (one / "real/data/sub/0").read_bytes() == bytes(LARGE)
    assert inodes(one).keys() == inodes(two).keys()


def test_times_that_are_set_are_not_those_of_the_layer_before(engine: Skerry, context: Path) -> None:
    one = build(engine, context, "timed1")
    write(context / "data/sub/0", b"new")
    build(engine, context, "timed2", "--timestamp", "1000")
    assert (one / "data/sub/1").stat().st_mtime_ns == 100 * DAY_NS
