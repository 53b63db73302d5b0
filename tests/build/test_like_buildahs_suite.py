"""What Buildah's own suite for ``build`` found out about ours, by the command."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

BASE = "FROM localhost/busybox\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path) -> Iterator[Skerry]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    skerry = Skerry(tmp_path_factory.mktemp("likeb"))
    skerry("load", "-i", busybox_archive)
    yield skerry
    skerry.remove_everything()


def write(folder: Path, text: str, name: str = "Containerfile") -> Path:
    (folder / name).write_text(text)
    return folder / name


def inspect(engine: Skerry, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine("image", "inspect", name).stdout)[0]
    return found


def test_a_cross_build_is_for_the_platform_that_was_asked_for(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM --platform=$BUILDPLATFORM localhost/busybox\nRUN true\n")
    engine("build", "--platform", "linux/arm/v7", "-t", "cross", tmp_path)
    found = inspect(engine, "cross")
    assert (found["Architecture"], found["Os"]) == ("arm", "linux")


def test_several_platforms_need_no_name(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\nCOPY Containerfile /\n")
    done = engine("build", "--platform", "linux/amd64,linux/arm64", tmp_path)
    assert inspect(engine, done.lines[-1])["Architecture"] == "amd64"


def test_a_bad_name_ends_the_build_before_it_begins(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN true\n")
    done = engine("build", "-t", "good", "-t", "Bad/Name", tmp_path, check=False)
    assert done.code == 125
    assert done.stderr == "Error: tag Bad/Name: invalid reference format: repository name must be lowercase\n"
    assert "STEP" not in done.stdout


def test_without_inherited_annotations_nothing_is_said_of_the_base(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    engine("build", "--inherit-annotations=false", "--created-annotation=false", "-t", "bare", tmp_path)
    assert not inspect(engine, "bare")["Annotations"]
    engine("build", "--unsetannotation", "org.opencontainers.image.base.digest", "-t", "unset", tmp_path)
    assert set(inspect(engine, "unset")["Annotations"]) == {
        "org.opencontainers.image.base.name", "org.opencontainers.image.created",
    }  # fmt: skip


def test_steps_of_several_stages_have_the_stages_numbers_and_heredocs_their_first_lines(
    engine: Skerry, tmp_path: Path
) -> None:
    write(tmp_path, BASE + "RUN <<EOF\necho one\necho two\nEOF\n" + BASE + "COPY <<a <<b /\nin a\na\nin b\nb\n")
    done = engine("build", "--skip-unused-stages=false", "--jobs=1", tmp_path)
    assert "[1/2] STEP 2/2: RUN <<EOF (echo one...)" in done.lines
    assert "[2/2] STEP 2/2: COPY <<a <<b / (in a) (in b)" in done.lines


def test_options_of_dns_and_no_network_exclude_each_other(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    for flag in ("dns", "dns-option", "dns-search"):
        done = engine("build", f"--{flag}=192.0.2.1", "--network=none", tmp_path, check=False)
        assert done.code == 125
        assert f"the --{flag} option cannot be used with --network=none" in done.stderr


def test_an_argument_without_a_value_is_warned_about(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "ARG MISSING\nARG EMPTY=\nARG GIVEN\nARG TARGETARCH\nARG HTTP_PROXY\n")
    done = engine("build", "--build-arg", "GIVEN=", tmp_path)
    missing = [line for line in done.stderr.splitlines() if "missing " in line]
    assert len(missing) == 1
    assert "MISSING=<VALUE>" in missing[0]


def test_a_stage_may_be_called_as_a_platform(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE.strip() + " AS for-arm/v7\nENV a=b\n")
    engine("build", "--target", "for-arm/v7", "-t", "named", tmp_path)
    assert "a=b" in inspect(engine, "named")["Config"]["Env"]


def test_a_context_stands_for_the_stage_of_its_name_by_the_stages_number_too(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", "of the context", "what")
    write(
        tmp_path,
        BASE.strip() + " AS first\nRUN echo of the stage > /what\n" + BASE + "COPY --from=0 what /\nRUN cat /what\n",
    )
    done = engine("build", "--build-context", f"first={tmp_path / 'other'}", tmp_path)
    assert "of the context" in done.stdout
