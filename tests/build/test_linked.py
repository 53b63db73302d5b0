"""COPY --link and ADD --link: layers that stand on nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.build.conftest import Build
from tests.support.command import Skerry

from skerry.build.events import StepDone
from skerry.build.stage_builder import StageBuilder
from skerry.engine.builds import Builds
from skerry.errors import SkerryError

SLOW = "FROM localhost/busybox AS base\nRUN sleep 1; date +%s%N > /base\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The layers that are recorded, and "base" when a stage's base is there, in their order."""
    found: list[str] = []
    record, base = Builds.record, StageBuilder._base

    def recorded(self: Builds, key: str, layer: str | None, **keywords: Any) -> Any:
        if layer is not None:
            found.append(layer)
        return record(self, key, layer, **keywords)

    def based(self: StageBuilder) -> Any:
        state = base(self)
        found.append("base")
        return state

    monkeypatch.setattr(Builds, "record", recorded)
    monkeypatch.setattr(StageBuilder, "_base", based)
    return found


def contents(skerry: Skerry, image: str, *paths: str) -> str:
    return skerry("run", "--rm", "--network", "none", image, "cat", *paths).stdout


def test_a_linked_copy_is_made_while_its_base_is_not_there(build_in: Build, skerry: Skerry, made: list[str]) -> None:
    built = build_in(SLOW + "FROM base\nCOPY --link f /x/f\nADD --link g /y/\n", {"f": "one\n", "g": "two\n"})
    bases = [index for index, what in enumerate(made) if what == "base"]
    assert made.index("base") < min(i for i, what in enumerate(made) if what != "base")  # that of SLOW comes at once
    assert bases[1] >= 3  # two linked layers were there before the second stage could begin
    assert contents(skerry, built.id, "/x/f", "/y/g") == "one\ntwo\n"
    assert len(built.result.solved[0].layers) == 4


def test_it_takes_from_a_stage_that_ends_sooner_than_its_base(build_in: Build, skerry: Skerry) -> None:
    built = build_in(
        SLOW + "FROM localhost/busybox AS quick\nRUN echo quick > /q\nFROM base\nCOPY --link --from=quick /q /q\n"
    )
    assert contents(skerry, built.id, "/q") == "quick\n"
    again = build_in(
        SLOW + "FROM localhost/busybox AS quick\nRUN echo quick > /q\nFROM base\nCOPY --link --from=quick /q /q\n"
    )
    assert all(again.cached)


@pytest.mark.parametrize(
    "line",
    ["COPY --link f rel", "COPY --link --chown=root f /x", "ARG d=/x\nCOPY --link f $d", "COPY --link <<E /x\na\nE"],
)
def test_one_that_needs_its_stage_waits_for_it(build_in: Build, made: list[str], line: str) -> None:
    build_in(SLOW + f"FROM base\nWORKDIR /w\n{line}\n", {"f": "one\n"})
    second = [index for index, what in enumerate(made) if what == "base"][1]
    assert second == 2  # nothing but the base's own layer was made before


def test_a_source_that_is_not_there_is_told_in_its_turn(build_in: Build) -> None:
    with pytest.raises(SkerryError, match="not found") as caught:
        build_in(SLOW + "FROM base\nRUN true\nCOPY --link nothing /\n")
    assert "COPY --link nothing /" in caught.value.message


def test_a_moved_layer_is_the_same_with_all_its_files_shared(build_in: Build, skerry: Skerry, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d/e").mkdir(parents=True)
    (tree / "d/f").write_text("content" * 9000)
    (tree / "d/small").write_text("content")
    os.link(tree / "d/small", tree / "d/e/same")
    (tree / "d/l").symlink_to("f")
    os.link(tree / "d/f", tree / "d/e/h")
    os.mkfifo(tree / "d/p")
    os.chmod(tree / "d/e", 0o2751)
    os.utime(tree / "d", (1, 1))
    layers = []
    for number in range(2):
        (tree / "Containerfile").unlink(missing_ok=True)
        built = build_in(
            f"FROM localhost/busybox\nRUN echo {number} > /n\nCOPY --link --chown=3:4 d /d\n", context=tree
        )
        layers.append(built.result.solved[0].layers[-1].removeprefix("sha256:"))
    first, second = (skerry.root / "layers" / layer / "diff/d" for layer in layers)
    assert first != second
    for path in ("f", "l", "e/h", "p"):
        assert (first / path).lstat().st_ino == (second / path).lstat().st_ino
    small, same = (second / "small").stat(), (second / "e/same").stat()
    assert (small.st_ino, small.st_nlink) == (same.st_ino, 2)
    assert small.st_ino != (first / "small").stat().st_ino
    assert (small.st_uid, small.st_gid, small.st_mtime_ns) == (3, 4, (first / "small").stat().st_mtime_ns)
    for path in (".", "e"):
        a, b = (first / path).stat(), (second / path).stat()
        assert (a.st_mode, a.st_uid, a.st_gid, a.st_mtime_ns) == (b.st_mode, b.st_uid, b.st_gid, b.st_mtime_ns)
    assert skerry("system", "check").code == 0


def test_however_deep_its_folders_are(build_in: Build, skerry: Skerry, short_tmp: Path) -> None:
    """Deeper than Python calls itself, and with more folders on the way than there are descriptors for."""
    context, deep = short_tmp / "context", "deep/" + "d/" * 1100
    subprocess.run(["mkdir", "-p", context / deep], check=True)
    (context / deep / "file").write_text("down there\n")
    try:
        built = build_in(SLOW + "FROM base\nCOPY --link deep /deep\n", context=context)
        assert contents(skerry, built.id, f"/{deep}file") == "down there\n"
    finally:
        skerry("rmi", "-fa")
        skerry("builder", "prune", "-af")
        subprocess.run(["rm", "-rf", context], check=True)


def test_a_build_whose_base_fails_leaves_nothing_of_what_was_begun(build_in: Build, skerry: Skerry) -> None:
    with pytest.raises(SkerryError):
        build_in("FROM localhost/busybox AS base\nRUN sleep 0.5; exit 3\nFROM base\nCOPY --link f /f\n", {"f": "x"})
    assert not list(skerry.root.glob("builds/roots/*"))


def test_a_fully_cached_build_begins_nothing_early(build_in: Build, made: list[str], tmp_path: Path) -> None:
    context = tmp_path / "same"
    context.mkdir()
    text = "FROM localhost/busybox AS base\nRUN echo b > /b\nFROM base\nCOPY --link f /f\n"
    build_in(text, {"f": "x"}, context=context)
    made.clear()
    built = build_in(text, context=context)
    assert built.cached == [True, True]
    assert [event for event in built.events if isinstance(event, StepDone)]
    assert set(made) <= {"base"}
