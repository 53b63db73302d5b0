"""The command line's way in and out: global flags, errors, exit codes, pipes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.cli.conftest import LAUNCHER, CommandLine

from skerry.cli import main
from skerry.cli.flags import Args, flag
from skerry.cli.output import Output
from skerry.cli.table import COMMANDS, Command
from skerry.errors import NotFound


@pytest.mark.parametrize("word", ["--version", "-v"])
def test_version(cli: CommandLine, word: str) -> None:
    from skerry import __version__

    result = cli(word, plain=True)
    assert (result.code, result.out, result.err) == (0, f"skerry version {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["foo"], "Error: unrecognized command `skerry foo`\nTry 'skerry --help' for more information\n"),
        (
            ["container", "frob"],
            "Error: unrecognized command `skerry container frob`\nTry 'skerry container --help' for more information\n",
        ),
        (["--foo"], "Error: unknown flag: --foo\nSee 'skerry --help'\n"),
        (["volume", "--foo"], "Error: unknown flag: --foo\nSee 'skerry volume --help'\n"),
        (["volume", "ls", "--foo"], "Error: unknown flag: --foo\nSee 'skerry volume ls --help'\n"),
        (["volume", "ls", "-z"], "Error: unknown shorthand flag: 'z' in -z\nSee 'skerry volume ls --help'\n"),
        (["--root"], "Error: flag needs an argument: --root\nSee 'skerry --help'\n"),
        (["volume", "ls", "x"], "Error: `skerry volume ls` takes no arguments\n"),
        (["completion"], "Error: accepts 1 arg(s), received 0\n"),
        (["version", "--format", "{{"], "Error: template: version:1: unclosed action\n"),
        (
            ["--storage-driver=aufs", "version"],
            'Error: invalid argument "aufs" for "--storage-driver" flag: "aufs" is not a valid value.  '
            "Choose from: \"overlay, overlay2, vfs, btrfs, zfs\"\nSee 'skerry --help'\n",
        ),
        (
            ["--network-backend", "cni", "version"],
            'Error: invalid argument "cni" for "--network-backend" flag: "cni" is not a valid value.  '
            "Choose from: \"netavark\"\nSee 'skerry --help'\n",
        ),
    ],
)
def test_a_wrong_command_line_is_one_error_and_a_pointer(cli: CommandLine, words: list[str], error: str) -> None:
    result = cli(*words, plain=True)
    assert (result.code, result.out, result.err) == (125, "", error)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["--log-level", "loud", "version"],
            'Log Level "loud" is not supported, choose from: trace, debug, info, warn, warning, error, fatal, panic\n',
        ),
        (["--debug", "--log-level=warn", "version"], "Setting --log-level and --debug is not allowed\n"),
        (["--config", "/etc/passwd", "version"], "Supplied --config file (/etc/passwd) is not a directory\n"),
        (
            ["--out", "/no/such/file", "version"],
            "unable to open file for standard output: open /no/such/file: no such file or directory\n",
        ),
        (
            ["--module=/no/such", "frob"],
            "Failed to obtain podman configuration: parsing containers.conf: could not resolve module: "
            "open /no/such: no such file or directory\n",
        ),
    ],
)
def test_what_is_wrong_before_there_is_a_command_is_told_bare(cli: CommandLine, words: list[str], error: str) -> None:
    result = cli(*words, plain=True)
    assert (result.code, result.out, result.err) == (1, "", error)


def test_a_broken_containers_conf_or_module_is_told_bare(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("[containers]\nnone=\n")
    line = f"Failed to obtain podman configuration: {tmp_path}/bad: line 2: invalid value\n"
    result = cli("ps", env={"CONTAINERS_CONF": f"{tmp_path}/bad"})
    assert (result.code, result.err) == (1, line)
    result = cli(f"--module={tmp_path}/bad", plain=True)
    assert (result.code, result.err) == (1, line)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nosuch", "--invalid"], "Error: unknown flag: --invalid\nSee 'skerry --help'\n"),
        (["volume", "nosuch", "--invalid"], "Error: unknown flag: --invalid\nSee 'skerry volume --help'\n"),
        (["nosuch", "--root"], "Error: flag needs an argument: --root\nSee 'skerry --help'\n"),
    ],
)
def test_flags_after_a_word_that_is_no_command_are_looked_at_first(
    cli: CommandLine, words: list[str], error: str
) -> None:
    result = cli(*words, plain=True)
    assert (result.code, result.err) == (125, error)


def test_help_after_a_word_that_is_no_command_is_the_groups(cli: CommandLine) -> None:
    assert cli("nosuch", "--help", plain=True).out == cli("--help", plain=True).out


def test_a_debug_log_says_what_was_asked_once_and_that_it_ended(cli: CommandLine) -> None:
    for words in (["--log-level=debug", "ps"], ["ps", "--log-level=debug"], ["-D", "ps"]):
        told = cli(*words).err
        assert told.count(" filtering at log level debug") == 1
        assert "Called ps.PersistentPreRunE(" in told
        assert told.rstrip().endswith('level=debug msg="Shutting down engines"')
    assert " level=trace " not in told
    assert " level=trace " in cli("--log-level=trace", "version").err
    failed = cli("--log-level=debug", "container", "inspect", "nosuch")
    assert (failed.code, failed.err.rstrip().endswith('"Shutting down engines"')) == (125, True)


def test_remote_is_told_in_help_unless_it_is_remote_anyway(cli: CommandLine) -> None:
    assert " --remote " in cli("--help", plain=True).out
    for variable in ("CONTAINER_HOST", "CONTAINER_CONNECTION"):
        assert " --remote " not in cli("--help", plain=True, env={variable: "foobar"}).out
    for name in ("--url", "--connection"):
        assert " --remote " not in cli(name, "foobar", "--help", plain=True).out
    alone = cli("--remote", plain=True)
    assert (alone.code, "Usage:" in alone.out) == (125, True)


def test_a_mistyped_command_is_guessed(cli: CommandLine) -> None:
    result = cli("imagse", plain=True)
    assert result.err == (
        "Error: unrecognized command `skerry imagse`\n\nDid you mean this?\n\timage\n\timages\n\n"
        "Try 'skerry --help' for more information\n"
    )


def test_a_mistyped_flag_is_guessed(cli: CommandLine) -> None:
    result = cli("version", "--fromat", "x", plain=True)
    assert result.err == (
        "Error: unknown flag: --fromat\n\nDid you mean this?\n\t--format\n\nSee 'skerry version --help'\n"
    )


@pytest.mark.parametrize("words", [[], ["volume"]])
def test_a_group_alone_prints_its_help_and_fails(cli: CommandLine, words: list[str]) -> None:
    result = cli(*words, plain=True)
    assert result.code == 125
    assert "Available Commands:\n" in result.out
    assert result.err == f"Error: missing command '{' '.join(['skerry', *words])} COMMAND'\n"


def test_global_flags_stand_anywhere(cli: CommandLine) -> None:
    assert cli("volume", "create", "here").code == 0
    flags = cli.globals
    for words in ([*flags, "volume", "ls", "-q"], ["volume", *flags, "ls", "-q"], ["volume", "ls", "-q", *flags]):
        assert cli(*words, plain=True).out == "here\n"


def test_out_sends_what_is_printed_to_a_file(cli: CommandLine, tmp_path: Path) -> None:
    result = cli("--out", str(tmp_path / "file"), "version", "--format", "{{.Client.Os}}", plain=True)
    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "file").read_text() == "linux\n"


def test_a_reader_that_leaves_early_ends_the_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([str(LAUNCHER), "--help"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(LAUNCHER), "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 125
    assert done.stderr == b"Error: cannot write to standard output: No space left on device\n"


# A command of our own, for what no real one does on demand


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    made = ModuleType("skerry.cli.test_only")
    made.FLAGS = (flag("-n", "--number", kind="int"),)  # type: ignore[attr-defined]
    made.ENGINE = False  # type: ignore[attr-defined]
    monkeypatch.setitem(COMMANDS, "frob", Command("test_only", "Frob"))
    monkeypatch.setitem(__import__("sys").modules, "skerry.cli.test_only", made)
    return made


def outcome(
    module: ModuleType, capfd: pytest.CaptureFixture[str], error: BaseException, *words: str
) -> tuple[int, str]:
    def run(_args: Args, _engine: None, _out: Output) -> int:
        raise error

    module.run = run  # type: ignore[attr-defined]
    code = main.guarded([*words, "frob"], Output())
    return code, capfd.readouterr().err


def test_an_error_is_one_line_and_its_exit_code(module: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    error = NotFound("no such thing", hint="make one", exit_code=3)
    assert outcome(module, capfd, error) == (3, "Error: no such thing (make one)\n")


def test_an_error_cannot_reach_the_terminal(module: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    code, err = outcome(module, capfd, NotFound("bad\x1b[2J\nname\u202e\udcff"))
    assert (code, err) == (125, "Error: bad\\x1b[2J\\nname\\u202e\\xff\n")


def test_a_bug_is_one_line_too(module: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    code, err = outcome(module, capfd, ZeroDivisionError("oops"))
    assert (code, err) == (125, "Error: ZeroDivisionError: oops (a bug in Skerry: --log-level=debug shows where)\n")


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), NotFound("oops")])
def test_debug_shows_where_it_came_from(
    module: ModuleType, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    code, err = outcome(module, capfd, error, "--log-level=debug")
    assert code == 125
    assert "Traceback" in err
    assert "test_main.py" in err


def test_control_c_is_quiet(module: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert outcome(module, capfd, KeyboardInterrupt()) == (130, "")


@pytest.mark.parametrize(
    ("least", "most", "count", "message"),
    [
        (1, None, 0, "requires at least 1 arg(s), only received 0"),
        (0, 1, 2, "accepts at most 1 arg(s), received 2"),
        (2, 2, 1, "accepts 2 arg(s), received 1"),
        (1, 2, 3, "accepts between 1 and 2 arg(s), received 3"),
        (0, 0, 1, "`skerry frob` takes no arguments"),
    ],
)
def test_the_number_of_arguments_is_checked(
    module: ModuleType, capfd: pytest.CaptureFixture[str], least: int, most: int | None, count: int, message: str
) -> None:
    module.MIN_ARGS, module.MAX_ARGS = least, most  # type: ignore[attr-defined]
    assert main.guarded(["frob", *["x"] * count], Output()) == 125
    assert capfd.readouterr().err == f"Error: {message}\n"
