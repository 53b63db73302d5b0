"""What Buildah's suites for containers.conf, overlays and volumes ask of a build."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.command import Skerry
from tests.support.containerfile import write

BASE = "FROM localhost/busybox\n"


def test_a_volume_may_have_a_colon_in_its_path(engine: Skerry, tmp_path: Path) -> None:
    folder = tmp_path.parent / "a:lower"
    folder.mkdir()
    (folder / "foo").touch()
    write(tmp_path, BASE + "RUN ls /b:lower && touch /b:lower/bar\n")
    text = f"{folder}:/b:lower:O".replace("a:", r"a\:").replace("b:", r"b\:")
    assert "foo" in engine("build", "--no-cache", "-v", text, tmp_path).lines
    assert os.listdir(folder) == ["foo"]


def test_what_is_written_over_a_volume_stays_in_a_folder_of_its_own(engine: Skerry, tmp_path: Path) -> None:
    for name in ("lower", "upper", "work"):
        (tmp_path.parent / name).mkdir()
    (tmp_path.parent / "lower/foo").write_text("below\n")
    write(tmp_path, BASE + "RUN cat /v/foo && echo world > /v/world\n")
    volume = f"{tmp_path.parent}/lower:/v:O,upperdir={tmp_path.parent}/upper"
    done = engine("build", "-v", volume, tmp_path, check=False)
    assert (done.code, "must set both" in done.stderr) == (125, True)
    lines = engine("build", "--no-cache", "-v", f"{volume},workdir={tmp_path.parent}/work", tmp_path).lines
    assert "below" in lines
    assert (tmp_path.parent / "upper/world").read_text() == "world\n"
    assert not (tmp_path.parent / "lower/world").exists()


def test_devices_of_the_configuration_are_there_in_builds(engine: Skerry, tmp_path: Path) -> None:
    conf = engine.top / "devices.conf"
    conf.write_text('[containers]\ndevices = ["/dev/zero:/dev/other:rm"]\n')
    write(tmp_path, BASE + "RUN ls -l /dev/other\n")
    lines = engine("build", "--no-cache", tmp_path, env={"CONTAINERS_CONF_OVERRIDE": str(conf)}).lines
    assert any(line.startswith("c") and line.endswith("/dev/other") for line in lines)


def test_the_callers_groups_and_others_exclude_each_other(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN true\n")
    done = engine("build", "--group-add", "44", "--group-add", "keep-groups", tmp_path, check=False)
    assert (done.code, "keep-groups' option is not allowed with any other" in done.stderr) == (125, True)
