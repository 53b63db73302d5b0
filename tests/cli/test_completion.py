"""Completion, as the protocol and in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import LAUNCHER, CommandLine

from skerry.cli.system.completion import script_for


def offered(cli: CommandLine, *words: str) -> tuple[list[str], str]:
    """The candidates (without descriptions) and the directive."""
    result = cli("__complete", *words, plain=True)
    assert result.code == 0
    assert result.err.startswith("Completion ended with directive: ShellCompDirective")
    *lines, directive = result.out.rstrip("\n").split("\n")
    return [line.partition("\t")[0] for line in lines], directive


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        (["vers"], ["version"], ":4"),
        (["vol"], ["volume"], ":4"),
        (["volume", "l"], ["ls"], ":4"),
        (["volume", "--log-level", "debug", "l"], ["ls"], ":4"),
        (["--root", "/x", "volume", "l"], ["ls"], ":4"),
        (["nonsense", ""], [], ":4"),
        (["version", "--for"], ["--format"], ":4"),
        (["version", "-f"], ["-f"], ":4"),
        (["version", ""], [], ":4"),
        (["version", "--", "--for"], [], ":4"),
        (["--cgroup-manager", ""], ["cgroupfs", "systemd"], ":4"),
        (["--cgroup-manager=s"], ["systemd"], ":4"),
        (["--log-level", "de"], ["debug"], ":4"),
        (["--root", ""], [], ":16"),
        (["completion", "-f", ""], [], ":0"),
        (["completion", ""], ["bash", "fish", "zsh"], ":4"),
        (["completion", "bash", ""], [], ":4"),
        (["help", "volu"], ["volume"], ":4"),
        (["help", "volume", "l"], ["ls"], ":4"),
        (["version", "--nonsense="], [], ":1"),
    ],
)
def test_what_is_offered(cli: CommandLine, words: list[str], candidates: list[str], directive: str) -> None:
    assert offered(cli, *words) == (candidates, directive)


def test_descriptions_come_with_the_candidates(cli: CommandLine) -> None:
    assert cli("__complete", "versi", plain=True).out == "version\tDisplay the version\n:4\n"


def test_descriptions_can_be_left_out(cli: CommandLine) -> None:
    assert cli("__completeNoDesc", "versi", plain=True).out == "version\n:4\n"


def test_names_of_what_exists_are_offered(cli: CommandLine) -> None:
    for name in ("one", "other", "third"):
        assert cli("volume", "create", name).code == 0
    assert offered(cli, *cli.globals, "volume", "rm", "o") == (["one", "other"], ":4")
    assert offered(cli, *cli.globals, "volume", "rm", "one", "") == (["other", "third"], ":4")


def test_completing_makes_no_store(cli: CommandLine) -> None:
    assert offered(cli, *cli.globals, "volume", "rm", "") == ([], ":4")
    assert not (cli.top / "root").exists()


def test_a_broken_configuration_is_no_output(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("[[[")
    result = cli("__complete", "volume", "rm", "", plain=True, env={"CONTAINERS_CONF": str(tmp_path / "bad.conf")})
    assert (result.code, result.out) == (0, ":1\n")


@pytest.fixture
def box(cli: CommandLine, busybox_archive: Path) -> CommandLine:
    assert cli("load", "-q", "-i", str(busybox_archive)).code == 0
    assert cli("create", "--name", "box1", "-v", "vol:/data", "-l", "a.b=c", "busybox", "true").code == 0
    return cli


def test_images_are_offered_whole_and_what_is_typed_of_them_short(box: CommandLine) -> None:
    box("tag", "busybox", "registry.example.com/team/web:1")
    every, _ = offered(box, *box.globals, "rmi", "")
    assert every == ["localhost/busybox:latest", "registry.example.com/team/web:1"]
    for typed, found in (("we", "web:1"), ("team/", "team/web:1"), ("reg", "registry.example.com/team/web:1")):
        assert offered(box, *box.globals, "rmi", typed) == ([found], ":4")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("typed", "found"),
    [("", "/bin/"), ("/bin/bus", "/bin/busybox"), ("b", "bin/"), ("../../", "../../bin/"), ("/bin", "/bin/busybox")],
)
def test_paths_in_an_image_are_offered(box: CommandLine, typed: str, found: str) -> None:
    for command in ("run", "create"):
        values, directive = offered(box, *box.globals, command, "busybox", typed)
        assert found in values
        assert directive == (":6" if any(value.endswith("/") for value in values) else ":4")
    assert offered(box, *box.globals, "run", "nosuch", typed) == ([], ":0")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_ends_of_copies_are_containers_and_paths_in_them(box: CommandLine) -> None:
    assert offered(box, *box.globals, "cp", "bo") == (["box1:"], ":2")
    assert "box1:/bin/" in offered(box, *box.globals, "cp", "box1:")[0]
    assert offered(box, *box.globals, "cp", "x", "box1:/bin/bus") == (["box1:/bin/busybox"], ":4")
    assert offered(box, *box.globals, "cp", "x", "y", "") == ([], ":4")
    assert offered(box, *box.globals, "cp", "box1:/data") == (["box1:/data/"], ":6")


def test_fields_of_what_is_inspected_are_offered(box: CommandLine) -> None:
    for words in (["inspect"], ["inspect", "box1"], ["container", "inspect"]):
        assert "{{.Args}}" in offered(box, *box.globals, *words, "-f", "{{.")[0]
    assert offered(box, *box.globals, "inspect", "box1", "--format", "x {{ .Conf") == (["x {{ .Config."], ":6")
    assert "{{.Config.Labels}}" in offered(box, *box.globals, "inspect", "-f", "{{.Config.La")[0]
    assert "{{.Digest}}" in offered(box, *box.globals, "image", "inspect", "-f", "{{.")[0]
    assert "{{.Anonymous}}" in offered(box, *box.globals, "inspect", "vol", "-f", "{{.")[0]


def test_flags_before_the_asking_count(box: CommandLine) -> None:
    result = box(*box.globals, "__completeNoDesc", "rm", "b", plain=True)
    assert result.out == "box1\n:4\n"
    assert result.err == "Completion ended with directive: ShellCompDirectiveNoFileComp\n"


# Shells


def shell(*argv: str, script: str, tmp_path: Path, name: str) -> str:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    (tmp_path / f"completion.{name}").write_text(script_for(name))
    (tmp_path / "script").write_text(script)
    env = {"PATH": f"{LAUNCHER.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb", "COLUMNS": "100"}
    done = subprocess.run(
        [*argv, str(tmp_path / "script")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


BASH = """
source completion.bash
compopt() { echo "compopt $*"; }
try() {
    COMP_LINE=$1; shift
    COMP_POINT=${#COMP_LINE} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
    __skerry_complete
    (IFS='|'; echo "${COMPREPLY[*]}")
}
"""


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        ("try 'skerry vers' skerry vers", "version"),
        ("try 'skerry volume l' skerry volume l", "ls"),
        ("try 'skerry --cgroup-manager=sy' skerry --cgroup-manager = sy", "systemd"),
        ("try 'skerry --cgroup-manager=' skerry --cgroup-manager =", "cgroupfs|systemd"),
        ("try 'skerry  completion ' skerry completion ''", "bash|fish|zsh"),
        ("try 'skerry --log-level debug comp' skerry --log-level debug comp", "completion"),
        ("try 'skerry nonsense x' skerry nonsense x", "compopt +o default\n"),
        ("mkdir folder; try 'skerry --root fol' skerry --root fol", "compopt -o filenames +o default\nfolder"),
        ("try 'skerry completion -f scr' skerry completion -f scr", ""),
    ],
)
def test_bash(tmp_path: Path, call: str, reply: str) -> None:
    text = shell("bash", "--norc", script=BASH + call, tmp_path=tmp_path, name="bash")
    assert text.rstrip("\n") == reply.rstrip("\n")


def test_bash_shows_what_candidates_do(tmp_path: Path) -> None:
    text = shell(
        "bash",
        "--norc",
        script=BASH + "try 'skerry volume ins' skerry volume ins; try 'skerry ve' skerry ve",
        tmp_path=tmp_path,
        name="bash",
    )
    assert text == "inspect\nversion\n"
    text = shell(
        "bash", "--norc", script=BASH + "try 'skerry volume ' skerry volume ''", tmp_path=tmp_path, name="bash"
    )
    assert "ls       (List volumes)|" in text


def test_bash_keeps_what_stands_before_a_colon(tmp_path: Path) -> None:
    fake = "skerry() { :; }; mapfile() { lines=('web:80' 'web:81' ':4'); }\n"
    text = shell(
        "bash",
        "--norc",
        script=BASH + fake + "try 'skerry rmi web:8' skerry rmi web : 8",
        tmp_path=tmp_path,
        name="bash",
    )
    assert text == "80|81\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("skerry vers", "version\tDisplay the version\n"),
        ("skerry --cgroup-manager=s", "--cgroup-manager=systemd\n"),
        ("skerry --cgroup-manager s", "systemd\n"),
        ("skerry completion ", "bash\nfish\nzsh\n"),
        ("skerry completion -f completi", "completion.fish\n"),
        ("skerry nonsense x", ""),
    ],
)
def test_fish(tmp_path: Path, line: str, reply: str) -> None:
    script = f"source completion.fish\ncomplete -C '{line}'\n"
    assert shell("fish", "-N", script=script, tmp_path=tmp_path, name="fish") == reply


ZSH = r"""
zmodload zsh/zpty
zpty -b z zsh -f -i
type() { zpty -n -w z "$1"; }
# Reads until the wanted text shows up, ten seconds at most.
expect() {
    local part text= count=0
    while (( count++ < 200 )); do
        while zpty -r -t z part; do text+=$part; done
        [[ $text == *$1* ]] && { print -r -- "FOUND $1"; return; }
        sleep 0.05
    done
    print -r -- "MISSED $1 in ${(V)text}"
}
type $'PROMPT= RPROMPT=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source ./completion.zsh; print REA\'\'DY\n'
expect READY
"""


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("skerry vers\\t", "skerry version "),
        ("skerry volume \\t", "List volumes"),
        ("skerry --cgroup-manager=sy\\t", "--cgroup-manager=systemd"),
        ("skerry completion -f completion.z\\t", "completion.zsh"),
    ],
)
def test_zsh(tmp_path: Path, keys: str, wanted: str) -> None:
    # The command's echo is the terminal's own: a word that zsh completed shows up whole only after the tab.
    script = ZSH + f"type $'{keys}'\nexpect '{wanted}'\n"
    assert shell("zsh", "-f", script=script, tmp_path=tmp_path, name="zsh") == f"FOUND READY\nFOUND {wanted}\n"
