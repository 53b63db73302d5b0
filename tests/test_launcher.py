"""The command's way in: fast, compiled, the same from everywhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.support.command import Skerry

TOP = Path(__file__).resolve().parents[1]
INSTALLED = Path("/usr/local/bin/skerry")


def run(*argv: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, argv)], capture_output=True, text=True, check=False, env={**os.environ, **env})


def test_the_launcher_is_no_entry_point() -> None:
    first = (TOP / "bin/skerry").read_text().splitlines()[0]
    assert first == "#!/usr/bin/python3 -IS", "pip's own entry points cost 8 ms more"


def test_site_packages_are_never_scanned() -> None:
    code = "import sys; sys.path.insert(0, 'src'); import skerry.cli.main; print('site' in sys.modules)"
    done = subprocess.run(["/usr/bin/python3", "-IS", "-c", code], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_version_names_the_package_s_version(skerry: Skerry) -> None:
    import skerry as package

    assert skerry("--version").stdout == f"skerry version {package.__version__}\n"


def test_it_runs_through_a_link_and_from_any_folder(tmp_path: Path) -> None:
    if not INSTALLED.exists():
        pytest.skip("Skerry is not installed")
    link = tmp_path / "podman"
    link.symlink_to(INSTALLED)
    done = subprocess.run([link, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "podman version 6.0.0\n"  # docs/decisions/042
    template = "{{.Client.Version}} {{.Client.SkerryVersion}}"
    done = subprocess.run(
        [link, "version", "--format", template], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == "6.0.0"
    assert (
        done.stdout.split()[1]
        in subprocess.run(["skerry", "--version"], capture_output=True, text=True, check=True).stdout
    )


def test_errors_of_the_command_line_name_what_was_typed(tmp_path: Path) -> None:
    if not INSTALLED.exists():
        pytest.skip("Skerry is not installed")
    link = tmp_path / "podman"
    link.symlink_to(INSTALLED)
    for words, said in (
        (["ps", "--nonsense"], "See 'podman ps --help'"), (["nonsense"], "unrecognized command `podman nonsense`"),
        (["events", "more"], "`podman events` takes no arguments"),
    ):  # fmt: skip
        assert said in subprocess.run([link, *words], capture_output=True, text=True, check=False).stderr
        assert said.replace("podman", "skerry") in run(INSTALLED, *words).stderr


def test_hostile_environment_changes_nothing() -> None:
    if not INSTALLED.exists():
        pytest.skip("Skerry is not installed")
    done = run(INSTALLED, "--version", PYTHONPATH="/nowhere", PYTHONHOME="/nowhere", PYTHONSTARTUP="/nowhere")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_installed_module_is_compiled() -> None:
    """Without its .pyc a module is compiled anew at each start: 40 to 60 ms for a command."""
    if not INSTALLED.exists():
        pytest.skip("Skerry is not installed")
    sources = list(Path("/usr/local/lib/skerry/current").glob("lib/python3*/site-packages/skerry/**/*.py"))
    assert sources
    missing = [each for each in sources if not list((each.parent / "__pycache__").glob(f"{each.stem}.cpython-*.pyc"))]
    assert not missing


def test_what_is_installed_is_what_the_package_needs() -> None:
    """install.sh takes the locked ones alone: one that is missing there is missed by users, not by the tests."""
    import tomllib

    needed = set(tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["dependencies"])
    assert needed == set((TOP / "requirements.in").read_text().split())
    locked = {line.partition("==")[0] for line in (TOP / "requirements.lock").read_text().splitlines() if "==" in line}
    assert locked == {name.partition(">=")[0] for name in needed}
