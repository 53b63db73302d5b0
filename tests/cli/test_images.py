"""Commands on images, on the real command line."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import LAUNCHER, CommandLine
from tests.image.archives import docker_members, tar_of, write


@pytest.fixture
def loaded(cli: CommandLine, tmp_path: Path) -> CommandLine:
    archive = write(tmp_path / "web.tar", docker_members(tar_of({"f": b"1"}), tags=["web:1"]))
    assert cli("load", "-i", archive).out == "Loaded image: localhost/web:1\n"
    return cli


def test_images_shows_a_table(loaded: CommandLine) -> None:
    lines = loaded("images").out.splitlines()
    assert lines[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert lines[1].split()[:2] == ["localhost/web", "1"]


def test_images_takes_templates(loaded: CommandLine) -> None:
    assert loaded("images", "--format", "{{.Repository}}:{{.Tag}}").out == "localhost/web:1\n"


def test_images_as_json_has_podman_s_keys(loaded: CommandLine) -> None:
    row = json.loads(loaded("images", "--format", "json").out)[0]
    assert list(row) == [
        "Id", "ParentId", "RepoTags", "RepoDigests", "Size", "SharedSize", "VirtualSize", "Labels", "Containers", "Names",
        "Digest", "History", "Created", "CreatedAt",
    ]  # fmt: skip


def test_inspect_answers_templates(loaded: CommandLine) -> None:
    assert loaded("image", "inspect", "-f", "{{.Config.Cmd}} {{.Os}}", "web:1").out == "[/bin/sh] linux\n"


def test_exists_answers_by_its_exit_code(loaded: CommandLine) -> None:
    assert (loaded("image", "exists", "web:1").code, loaded("image", "exists", "nix").code) == (0, 1)


def test_rmi_of_an_unknown_image_is_exit_code_1(cli: CommandLine) -> None:
    result = cli("rmi", "nix")
    assert (result.code, result.err) == (1, "Error: nix: image not known\n")


def test_tag_refuses_capitals(loaded: CommandLine) -> None:
    result = loaded("tag", "web:1", "Web")
    assert result.code == 125
    assert "repository name must be lowercase" in result.err


def test_save_writes_what_load_reads(loaded: CommandLine, tmp_path: Path) -> None:
    for form in ("docker-archive", "oci-archive", "oci-dir", "docker-dir"):
        target = str(tmp_path / form)
        assert loaded("save", "--format", form, "-o", target, "web:1").code == 0
        assert loaded("rmi", "-fa").code == 0
        assert loaded("load", "-i", target).code == 0
        if form.endswith("-dir"):  # folders are not told the name
            loaded("tag", loaded("images", "-q").out.strip(), "web:1")
        assert loaded("image", "exists", "web:1").code == 0


def test_a_name_with_a_transport_is_no_image_that_is_here(loaded: CommandLine, tmp_path: Path) -> None:
    for command in (("rmi", "web:1"), ("save", "-o", str(tmp_path / "out"))):
        result = loaded(*command, "docker://web:1")
        said = 'image "docker://web:1" is not in local storage; remove the docker:// prefix'
        assert (result.code, result.err) == (125, f"Error: {said}\n")
    assert loaded("image", "exists", "web:1").code == 0


def test_save_and_load_refuse_in_podmans_words(loaded: CommandLine, tmp_path: Path) -> None:
    for form in ("docker-archive", "oci-archive", "oci-dir"):
        result = loaded("save", "--compress", "--format", form, "-o", str(tmp_path / "out"), "web:1")
        assert "--compress can only be set when --format is 'docker-dir'" in result.err
    result = loaded("load", "-i", "nowhere.tar")
    assert (result.code, result.err) == (125, "Error: faccessat nowhere.tar: no such file or directory\n")


def test_bootstrap_twice_is_the_same_image(cli: CommandLine) -> None:
    first = cli("image", "bootstrap")
    assert first.code == 0, first.err
    digest = cli("image", "inspect", "-f", "{{.Digest}}", "busybox").out
    cli("rmi", "-fa")
    assert cli("image", "bootstrap", "busybox").out == first.out
    assert cli("image", "inspect", "-f", "{{.Digest}}", "busybox").out == digest


def test_bootstrap_s_flags_become_the_config(cli: CommandLine) -> None:
    cli(
        "image", "bootstrap", "-t", "x:1", "-t", "y", "--expose", "80,53/udp", "--env", "A=b", "--cmd", "sh -c 'exit 3'",
        "--label", "k=v", "-u", "1:2", "-w", "/tmp", "--stop-signal", "INT",
    )  # fmt: skip
    config = json.loads(cli("image", "inspect", "y").out)[0]["Config"]
    assert config == {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"], "Cmd": ["sh", "-c", "exit 3"],
        "User": "1:2", "WorkingDir": "/tmp", "StopSignal": "INT", "Labels": {"k": "v"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    }  # fmt: skip


def test_history_shows_steps(loaded: CommandLine) -> None:
    assert loaded("history", "--format", "{{.CreatedBy}}", "web:1").out == "layer 0\n"


def test_load_and_save_show_bars_on_terminals_only(
    cli: CommandLine, tmp_path: Path, pty_run: Callable[..., str]
) -> None:
    archive = write(tmp_path / "big.tar", docker_members(tar_of({"f": os.urandom(64 << 20)}), tags=["big"]))
    argv = [str(LAUNCHER), *cli.globals]
    shown = pty_run([*argv, "load", "-i", archive])
    assert "Loading [" in shown
    assert shown.endswith("\r\x1b[KLoaded image: localhost/big:latest\r\n")
    assert "Saving [" in pty_run([*argv, "save", "-o", str(tmp_path / "out.tar"), "big"])
    for words in (["load", "-q", "-i", archive], ["save", "-q", "-o", str(tmp_path / "out.tar"), "big"]):
        assert "\x1b" not in pty_run([*argv, *words])
    assert cli("load", "-i", archive).err == ""


def test_a_bomb_around_an_archive_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", compresslevel=1) as file:
        for _ in range(1100):
            file.write(bytes(1 << 20))
    done = cli("load", "-i", str(tmp_path / "bomb.tar.gz"))
    assert done.code == 125
    assert "times its size" in done.err or "does not fit" in done.err
    assert os.listdir(tmp_path / "root/staging") == []
