"""The lines of a build whose stages are built at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import Skerry

BASE = "FROM localhost/busybox"
# The first stage begins first and ends last; the second fills the time with lines.
TEXT = f"""{BASE} AS slow
RUN echo slow one; sleep 1; echo slow two
{BASE} AS quick
RUN echo quick one
RUN echo quick two
{BASE}
COPY --from=slow /bin/busybox /a
COPY --from=quick /bin/busybox /b
RUN echo last
"""


@pytest.fixture
def context(skerry: Skerry, busybox: str, tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").write_text(TEXT)
    return tmp_path


def test_stages_that_are_built_at_once_are_told_one_after_the_other(skerry: Skerry, context: Path) -> None:
    lines = skerry("build", "--network=none", "--jobs=3", context).lines
    told = [line for line in lines if not line.startswith("-->")]
    assert told[:-2] == [
        "[1/3] STEP 1/2: FROM localhost/busybox AS slow", "[1/3] STEP 2/2: RUN echo slow one; sleep 1; echo slow two",
        "slow one", "slow two",
        "[2/3] STEP 1/3: FROM localhost/busybox AS quick", "[2/3] STEP 2/3: RUN echo quick one", "quick one",
        "[2/3] STEP 3/3: RUN echo quick two", "quick two",
        "[3/3] STEP 1/4: FROM localhost/busybox", "[3/3] STEP 2/4: COPY --from=slow /bin/busybox /a",
        "[3/3] STEP 3/4: COPY --from=quick /bin/busybox /b", "[3/3] STEP 4/4: RUN echo last", "last",
    ]  # fmt: skip


def test_the_image_is_its_stages_and_without_layers_steps_leave_none(skerry: Skerry, context: Path) -> None:
    lines = skerry("build", "--network=none", "--layers=false", "-t", "app", context).lines
    assert [line for line in lines if line.startswith("-->")] == [f"--> {lines[-1][:12]}"]
    assert lines[-4:-2] == ["[3/3] COMMIT app", f"--> {lines[-1][:12]}"]


def test_what_was_held_back_is_told_when_the_build_fails(skerry: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text(TEXT.replace("quick two", "quick two; exit 4").replace("sleep 1", "sleep 5"))
    done = skerry("build", "--network=none", "--jobs=3", context, check=False)
    assert done.code == 4
    assert "quick one" in done.lines
    assert "quick two" in done.lines
    log = context / "log"
    skerry("build", "--network=none", "--jobs=3", "--logfile", log, context, check=False)
    assert "quick two" in log.read_text().splitlines()


def test_several_platforms_too(skerry: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch AS a\nCOPY Containerfile /\nFROM scratch\nCOPY --from=a / /\n")
    lines = skerry("build", "--platform=linux/amd64,linux/arm64", context).lines
    heads = [line.partition(" STEP")[0] for line in lines if " STEP" in line]
    wanted = [f"[linux/{arch}] [{stage}/2]" for arch in ("amd64", "arm64") for stage in (1, 2) for _ in range(2)]
    assert heads == wanted
    assert "[linux/arm64] [2/2] COMMIT" in lines
