"""Every command has a page, made from its own data."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import LAUNCHER, CommandLine

from skerry.cli.called import as_called
from skerry.cli.flags import METAVARS, ZERO, flag
from skerry.cli.globals import GLOBAL_FLAGS, REFUSED, TOP_FLAGS
from skerry.cli.help import command_page, flag_pairs, group_page, wrap
from skerry.cli.main import FACE_ONLY, load
from skerry.cli.output import Output
from skerry.cli.table import COMMANDS, GROUPS, lookup, names_in

SHOWN = [path for path, command in COMMANDS.items() if not command.hidden]


@pytest.mark.parametrize("path", SHOWN)
def test_the_page_of_a_command(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = COMMANDS[path]
    module = load(command)
    page = command_page(path, command, module, Output())
    for head in ("Description", "Usage", "Examples", "See also", *(("Options",) if module.FLAGS else ())):
        assert f"\n{head}:\n" in page, f"{path} has no {head}"
    assert page.startswith(command.summary + "\n")
    assert f"\n  skerry {path}" in page
    for it in module.FLAGS:
        assert it.hidden or f"--{it.name}" in page
    examples = "\n".join("  " + line for line, _ in module.EXAMPLES)
    for line in page.split("\n"):
        assert (
            len(line) <= 80 or line in examples or line.startswith(f"  skerry {path} ") or line.lstrip().startswith("-")
        )


# Flags of a command's own that a global flag has the name of, as in Podman.
PODMANS_OWN = {"build": {"runtime", "runtime-flag", "hooks-dir"}}


@pytest.mark.parametrize("path", SHOWN)
def test_what_a_command_declares_is_consistent(path: str) -> None:
    module = load(COMMANDS[path])
    longs = [name for it in module.FLAGS for name in (it.name, *it.also)]
    shorts = [it.short for it in module.FLAGS if it.short]
    assert len(set(longs)) == len(longs)
    assert len(set(shorts)) == len(shorts)
    hidden = {it.name for it in GLOBAL_FLAGS} & set(longs)
    assert hidden <= PODMANS_OWN.get(path, set()), "hides a global flag"
    for it in module.FLAGS:
        assert it.name
        assert len(it.short) < 2
        assert it.help or it.hidden
        assert it.kind in ZERO
        assert not it.help.endswith("."), f"--{it.name}: {it.help}"
    for line, meaning in module.EXAMPLES:
        assert "skerry" in line
        assert meaning
    assert module.run.__code__.co_argcount == 3


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_the_page_of_a_group_lists_its_commands(group: str) -> None:
    page = group_page(group, Output())
    for name, (command, _) in names_in(group).items():
        assert any(line.split()[:1] == [name] and command.summary.split()[0] in line for line in page.split("\n"))


def test_no_name_means_two_commands() -> None:
    names = [name for path, command in COMMANDS.items() for name in {path, *command.also}]
    assert sorted(names) == sorted(set(names))
    assert all(name.rpartition(" ")[0] in ("", *GROUPS) for name in names)
    assert not set(names) & set(GROUPS)


def test_other_names_find_the_same_command() -> None:
    assert lookup("container ls") is lookup("container list") is lookup("ps") is COMMANDS["ps"]
    assert lookup("image rm") is COMMANDS["rmi"]
    assert lookup("nope") is None


@pytest.mark.parametrize("words", [["version", "--help"], ["help", "version"], ["version", "-h"], ["-h", "version"]])
def test_help_is_found_in_every_way(cli: CommandLine, words: list[str]) -> None:
    result = cli(*words, plain=True)
    assert result.code == 0
    assert result.err == ""
    assert "\nUsage:\n" in result.out
    assert "version" in result.out


def test_help_of_what_does_not_exist(cli: CommandLine) -> None:
    result = cli("help", "volume", "frob", plain=True)
    assert result.code == 125
    assert result.err.startswith("Error: unrecognized command `skerry volume frob`\n")


def test_pages_follow_the_width(cli: CommandLine) -> None:
    wide = cli("version", "--help", plain=True, env={"COLUMNS": "100"}).out
    narrow = cli("version", "--help", plain=True, env={"COLUMNS": "50"}).out
    assert max(map(len, wide.split("\n"))) > 60
    assert narrow.count("\n") > wide.count("\n")


def test_flags_are_shown_as_they_are_typed() -> None:
    pairs = flag_pairs(
        (
            flag("-t", "--time", kind="int", metavar="SECONDS", default=10, help="Wait"),
            flag("--pull", kind="optstr", metavar="POLICY", without_value="always", help="Pull"),
            flag("-e", "--env", kind="list", metavar="KEY=VALUE", help="Set"),
            flag("--proxy", default=True, help="Pass"),
            flag("--sort", kind="str", choices=("id", "name"), help="Order"),
        )
    )
    assert pairs == [
        ("-e, --env KEY=VALUE", "Set (may be repeated)"),
        ("    --proxy", "Pass (default true)"),
        ("    --pull[=POLICY]", "Pull"),
        ("    --sort string", "Order (id | name)"),
        ("-t, --time SECONDS", "Wait (default 10)"),
    ]
    assert set(METAVARS) | {"bool", "count"} == set(ZERO)


def test_wrap() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("a\n\nb", 7) == ["a", "", "b"]
    assert wrap("unbreakable-word x", 5) == ["unbreakable-word", "x"]
    assert wrap("", 5) == []


def test_every_global_flag_reaches_the_settings() -> None:
    """Or is the command line's own, as those are that Podman takes and that mean nothing here."""
    text = (Path(__file__).parents[2] / "src/skerry/config/settings.py").read_text()
    for it in GLOBAL_FLAGS:
        assert it.key in FACE_ONLY or f"    {it.key}: " in text
    others = {it.key for it in TOP_FLAGS} - {it.key for it in GLOBAL_FLAGS}
    assert others == {"version", "config", "context", "debug", *REFUSED}


@pytest.mark.parametrize("path", SHOWN)
def test_usage_is_written_as_scripts_read_it(path: str) -> None:
    usage = getattr(load(COMMANDS[path]), "USAGE", "")
    if path == "help":
        assert usage == "[command]", "cobra's, which tells scripts that commands follow"
        return
    arguments = usage.removeprefix("[options]")
    assert usage.startswith("[options]") == bool(load(COMMANDS[path]).FLAGS), "options are named where there are some"
    assert arguments == arguments.upper(), "arguments are in capitals"
    assert not re.search(r"\[.*\] [A-Z]", arguments), "what may be left out comes last"


def test_what_scripts_list_commands_by(cli: CommandLine) -> None:
    page = cli("help", plain=True).out
    assert page.startswith("Manage pods, containers and images\n")
    listed = page.partition("\nAvailable Commands:\n")[2].partition("\nOptions:\n")[0]
    assert {line.split()[0] for line in listed.splitlines() if line.strip()} >= {"run", "ps", "image", "container"}


# As it was called


def called_podman(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    link = tmp_path / "podman"
    if not link.exists():
        link.symlink_to(LAUNCHER)
    return subprocess.run([str(link), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [[], ["volume"], ["volume", "rm"], ["run"], ["container", "attach"]])
def test_who_calls_podman_is_told_what_to_type(tmp_path: Path, words: list[str]) -> None:
    page = called_podman(tmp_path, *words, "--help").stdout
    assert "\n  " + " ".join(["podman", *words]) + " [" in page
    assert "skerry " not in page


def test_errors_name_the_command_as_it_was_called(tmp_path: Path) -> None:
    assert called_podman(tmp_path, "container", "attach").stderr == (
        'Error: "podman container attach" requires a name, id, or the "--latest" flag\n'
    )
    assert called_podman(tmp_path, "secret", "rm").stderr == (
        "Error: `podman secret rm` requires one argument, or the --all flag\n"
    )


def test_a_name_that_is_skerry_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/podman"])
    assert as_called("skerry run x; skerry --help; 'skerry COMMAND'") == "podman run x; podman --help; 'podman COMMAND'"
    same = "container skerry is running, image localhost/skerry run, /var/lib/skerry run"
    assert as_called(same) == same


def test_a_page_through_a_pipe_has_each_flag_on_one_line(cli: CommandLine) -> None:
    page = cli("push", "--help", plain=True, env={"CONTAINERS_CONF": "/dev/null", "COLUMNS": ""}).out
    assert re.search(r'--compression-format string .*compression format to use \(default "gzip"\)\n', page)
    assert not re.search(r"compression level to use \(default", page)
