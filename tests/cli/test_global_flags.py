"""Global flags that scripts and Podman's own test suites pass, and that have little to do here."""

from __future__ import annotations

import pstats
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine

from skerry.cli.globals import STORAGE_DRIVERS
from skerry.config import merge


@pytest.mark.parametrize(
    "words",
    [
        ["--network-backend", "netavark"], ["--db-backend=sqlite"], ["--max-workers", "3"], ["--context", "default"],
        ["--trace"], ["--pull-option", "enable_partial_images=true"],
        *(["--storage-driver", name] for name in STORAGE_DRIVERS),
    ],
)  # fmt: skip
def test_taken_without_a_word(cli: CommandLine, words: list[str]) -> None:
    result = cli(*words, "images", "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_storage_conf_names_the_same_drivers(cli: CommandLine, tmp_path: Path) -> None:
    assert ("", *STORAGE_DRIVERS) == merge.DRIVERS
    conf = tmp_path / "storage.conf"
    conf.write_text('[storage]\ndriver = "vfs"\n')
    env = {"CONTAINERS_STORAGE_CONF": str(conf)}
    assert cli("images", env=env).err == ""
    assert "storage driver vfs: " in cli("--log-level=info", "images", env=env).err
    told = cli("images", env={**env, "STORAGE_DRIVER": "aufs"})
    assert (told.code, 'STORAGE_DRIVER: "aufs" is not one of' in told.err) == (125, True)
    conf.write_text('[storage]\ndriver = "aufs"\n')
    error = f'Error: {conf}: line 2: [storage] driver: "aufs" is not one of {", ".join(STORAGE_DRIVERS)}\n'
    assert cli("images", env=env).err == error


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-H", "tcp://there:2375"], "Error: --host is not supported: "),
        (["--context", "there"], "Error: --context there is not supported: "),
        (["--namespace", "mine"], "Error: --namespace is not supported: "),
        (["--max-workers", "0"], "Error: maximum workers must be set to a positive number (got 0)\n"),
    ],
)
def test_what_would_mean_something_else_is_refused(cli: CommandLine, words: list[str], error: str) -> None:
    result = cli(*words, "images")
    assert result.code == 125
    assert result.err.startswith(error)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--log-level=telepathic"],
            'Log Level "telepathic" is not supported, choose from: trace, debug, info, warn, warning, error, fatal, panic',
        ),
        (["-D", "--log-level", "info"], "Setting --log-level and --debug is not allowed"),
    ],
)
def test_a_wrong_log_level_is_a_bare_line_and_exit_code_1(cli: CommandLine, words: list[str], line: str) -> None:
    result = cli(*words, "version", plain=True)
    assert (result.code, result.out, result.err) == (1, "", line + "\n")


def test_profiles_are_written(cli: CommandLine, tmp_path: Path) -> None:
    cpu, memory = tmp_path / "cpu", tmp_path / "memory"
    assert cli("--cpu-profile", str(cpu), "--memory-profile", str(memory), "images").code == 0
    assert pstats.Stats(str(cpu)).total_calls > 0  # type: ignore[attr-defined]
    assert "size=" in memory.read_text()
    assert cli("--cpu-profile", "/proc/none/cpu", "images").err == (
        "Error: open /proc/none/cpu: No such file or directory\n"
    )


def test_registries_conf_is_another_file(cli: CommandLine, tmp_path: Path) -> None:
    conf = tmp_path / "registries.conf"
    conf.write_text('unqualified-search-registries = ["registry.invalid"]\n')
    found = cli("--registries-conf", str(conf), "info", "--format", "{{.Registries.search}}", env={})
    assert found.out == "[registry.invalid]\n"


def test_what_is_hidden_is_not_in_the_help(cli: CommandLine) -> None:
    shown = cli("--help", plain=True).out
    assert "--storage-driver" in shown
    assert "--db-backend" not in shown


def test_each_log_level_says_so_once(cli: CommandLine) -> None:
    lines = cli("--log-level=trace", "version", plain=True).err.splitlines()
    assert sum(" level=info " in line for line in lines) == 1
    assert any(" level=trace " in line for line in lines)
    assert not any(" level=trace " in line for line in cli("--log-level=debug", "version", plain=True).err.splitlines())
