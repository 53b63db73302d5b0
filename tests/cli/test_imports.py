"""Everyday commands load nothing that costs more than what they do."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import TOP, CommandLine

if TYPE_CHECKING:
    from pathlib import Path

FORBIDDEN = {
    "argparse", "asyncio", "collections", "contextlib", "ctypes", "dataclasses", "datetime", "enum", "functools",
    "hashlib", "inspect", "json", "logging", "pathlib", "random", "re", "selectors", "shutil", "signal", "socket",
    "sqlite3", "ssl", "subprocess", "tempfile", "threading", "traceback", "typing", "uuid",
}  # fmt: skip
EVERYDAY = [
    ["--version"],
    ["--help"],
    ["version", "--format", "{{.Client.Version}}"],
    ["run", "--rm", "--pull=never", "no-such-image", "true"],
    ["create", "--pull=never", "--name", "x", "no-such-image"],
    ["start", "no-such-container"],
    ["stop", "no-such-container"],
    ["kill", "no-such-container"],
    ["rm", "no-such-container"],
    ["wait", "no-such-container"],
    ["exec", "no-such-container", "true"],
    ["logs", "no-such-container"],
    ["inspect", "no-such-container"],
    ["container", "cleanup", "no-such-container"],
    ["ps"],
    ["ps", "-a", "--format", "table {{.ID}}\\t{{.Names}}"],
    ["ps", "-aq"],
    ["images"],
    ["volume", "ls"],
]
# Runs the command as the launcher does, and tells what is loaded when it leaves.
PROBE = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
leave = os._exit
def tell(code):
    os.write(3, "\\n".join(sys.modules).encode())
    leave(code)
os._exit = tell
sys.argv[0] = "skerry"
from skerry.cli.main import main
main()
"""


def loaded(cli: CommandLine, words: list[str]) -> tuple[set[str], str]:
    reader, writer = os.pipe()

    def hand_over() -> None:
        os.dup2(writer, 3)

    process = subprocess.Popen(
        ["/usr/bin/python3", "-IS", "-c", PROBE, str(TOP / "src"), *cli.globals, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(3, writer), preexec_fn=hand_over,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as stream:
        modules = stream.read().split()
    _, err = process.communicate(timeout=60)
    return set(modules), err.decode()


@pytest.mark.parametrize("words", EVERYDAY, ids=" ".join)
def test_an_everyday_command_stays_light(cli: CommandLine, words: list[str]) -> None:
    cli("volume", "ls")  # the first command on a store makes it, and may load more
    modules, err = loaded(cli, words)
    assert "skerry.cli.main" in modules
    assert "ModuleNotFoundError" not in err, err
    assert not modules & FORBIDDEN, f"loads {sorted(modules & FORBIDDEN)}"


def test_plain_formats_load_no_template_engine(cli: CommandLine) -> None:
    modules, _ = loaded(cli, ["volume", "ls", "--format", "{{.Name}} {{.Driver}}"])
    assert not any(name.startswith("skerry.cli.template") for name in modules)
    modules, _ = loaded(cli, ["volume", "ls", "--format", "{{upper .Name}}"])
    assert "skerry.cli.template.engine" in modules
    assert not modules & FORBIDDEN


def test_the_table_loads_no_command() -> None:
    code = "import sys; sys.path.insert(0, 'src'); import skerry.cli.table; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, cwd=TOP, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("skerry")}
    assert ours == {"skerry", "skerry.cli", "skerry.cli.table"}


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (["--version"], 11),
        (["ps"], 36),
        (["images"], 37),
        (["logs", "no-such-container"], 36),
        (["inspect", "no-such-container"], 64),
        (["exec", "no-such-container", "true"], 60),
        (["run", "--rm", "--pull=never", "no-such-image", "true"], 102),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_a_command_loads_few_modules_of_ours(cli: CommandLine, words: list[str], most: int) -> None:
    """Each costs 0.08 ms from the installed command's one file, and twice that from a checkout."""
    cli("volume", "ls")
    modules, _ = loaded(cli, words)
    ours = sorted(name for name in modules if name.startswith("skerry"))
    assert len(ours) <= most, ours


def test_a_build_that_is_all_cached_loads_neither_data_classes_nor_the_network(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY file /\nENV A=b\n")
    (tmp_path / "file").write_text("x")
    cli("build", "-q", str(tmp_path))
    modules, err = loaded(cli, ["build", "-q", str(tmp_path)])
    assert "skerry.build.copy_step" in modules, err
    heavy = {
        "argparse", "asyncio", "calendar", "csv", "dataclasses", "datetime", "inspect", "json", "logging", "pathlib",
        "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib.parse", "zstandard",
        "skerry.build.attest.packages", "skerry.image.registry.client",
    }  # fmt: skip
    assert not modules & heavy, f"loads {sorted(modules & heavy)}"
