"""Builds for several platforms at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.build.conftest import Build
from tests.support.command import Skerry

from skerry.build.events import StepDone, StepStarted
from skerry.build.platforms import host
from skerry.errors import SkerryError

BOTH = ["linux/amd64", "linux/arm64", "linux/riscv64"]
PLATFORMS = [host(), *(name for name in BOTH if name != host())]


def test_a_stage_that_is_the_same_for_all_is_built_and_shown_once(build_in: Build, busybox: str) -> None:
    built = build_in(
        f"FROM --platform=$BUILDPLATFORM {busybox} AS same\nRUN date +%s%N > /once\n"
        f"FROM --platform=$BUILDPLATFORM {busybox} AS other\nARG TARGETARCH\nRUN echo $TARGETARCH > /arch\n"
        "FROM scratch\nCOPY --from=same /once /\nCOPY --from=other /arch /\n",
        platforms=PLATFORMS,
    )
    done = [event.step for event in built.events if isinstance(event, StepDone)]
    assert sum(step.text.startswith("RUN date") for step in done) == 1
    assert sum(step.text.startswith("RUN echo") for step in done) == len(PLATFORMS)
    assert len({solved.layers[0] for solved in built.result.solved}) == 1
    assert len({solved.layers[1] for solved in built.result.solved}) == len(PLATFORMS)


def test_platforms_are_built_side_by_side(build_in: Build, busybox: str) -> None:
    # Each waits for the others: one after the other none would come to its end.
    wait = f"echo > /meet/$TARGETARCH; until [ $(ls /meet | wc -l) = {len(PLATFORMS)} ]; do sleep 0.05; done"
    build_in(
        f"FROM --platform=$BUILDPLATFORM {busybox}\nARG TARGETARCH\n"
        f"RUN --mount=type=cache,target=/meet timeout 50 sh -c '{wait}'\n",
        platforms=PLATFORMS, jobs=len(PLATFORMS),
    )  # fmt: skip


def test_an_onbuild_that_asks_for_the_platform_is_done_for_each(build_in: Build, busybox: str) -> None:
    build_in(
        f"FROM {busybox}\nONBUILD ARG TARGETARCH\nONBUILD RUN echo $TARGETARCH > /arch\n",
        tags=["trigger"],
        format="docker",
    )
    built = build_in("FROM --platform=$BUILDPLATFORM trigger\n", platforms=PLATFORMS)
    assert len({solved.layers[-1] for solved in built.result.solved}) == len(PLATFORMS)


def test_what_fails_for_one_platform_ends_the_others(build_in: Build, busybox: str) -> None:
    began = time.monotonic()
    failing = "RUN [ $TARGETARCH = arm64 ] && exit 7 || sleep 60"
    with pytest.raises(SkerryError) as caught:
        build_in(
            f"FROM --platform=$BUILDPLATFORM {busybox}\nARG TARGETARCH\n{failing}\n",
            platforms=PLATFORMS, jobs=len(PLATFORMS),
        )  # fmt: skip
    assert caught.value.exit_code == 7
    assert time.monotonic() - began < 30


def test_the_same_image_comes_of_every_order(build_in: Build, busybox: str) -> None:
    text = f"FROM --platform=$BUILDPLATFORM {busybox} AS a\nRUN echo a > /a\nFROM scratch\nARG TARGETARCH\nCOPY --from=a /a /\nENV ARCH=$TARGETARCH\n"
    first = build_in(text, platforms=PLATFORMS, source_date_epoch=1)
    second = build_in(text, platforms=PLATFORMS[::-1], source_date_epoch=1)
    assert first.result.images == second.result.images


def test_explain_tells_one_platform_after_the_other(build_in: Build, busybox: str) -> None:
    text = f"FROM --platform=$BUILDPLATFORM {busybox}\nARG TARGETARCH\nRUN echo $TARGETARCH\n"
    built = build_in(text, platforms=PLATFORMS, explain=True)
    told = [event.step.platform for event in built.events if isinstance(event, StepStarted)]
    assert list(dict.fromkeys(told)) == PLATFORMS
    assert sorted(told, key=PLATFORMS.index) == told


def test_a_platform_that_cannot_be_run_here_is_told_in_one_line(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text('FROM scratch\nCOPY Containerfile /\nRUN ["/x"]\n')
    done = skerry("build", "-q", "--platform", "linux/s390x", tmp_path, check=False)
    assert done.code == 125
    assert "programs for linux/s390x cannot be run on this machine" in done.stderr
