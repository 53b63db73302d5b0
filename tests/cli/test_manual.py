"""The reference in Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.cli import manual
from skerry.cli.table import COMMANDS


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("version", "completion", "volume ls", "__complete")
    monkeypatch.setattr(manual, "COMMANDS", {path: COMMANDS[path] for path in wanted})


@pytest.mark.usefixtures("few")
def test_a_page_for_each_command(tmp_path: Path) -> None:
    (tmp_path / "skerry-gone.md").write_text("old")
    (tmp_path / "notes.md").write_text("not ours")
    manual.write(str(tmp_path))
    names = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert names.pop("notes.md") == "not ours"
    assert set(names) == {"README.md", "skerry-version.md", "skerry-completion.md", "skerry-volume-ls.md"}
    assert "| `-f, --format TEMPLATE` | A Go template, or json |" in names["skerry-version.md"]
    assert "Also: `skerry volume list`" in names["skerry-volume-ls.md"]
    assert names["skerry-completion.md"].startswith("# skerry completion\n\nPrint a completion script for a shell.\n")
    assert manual._cell("a|b") == "a\\|b"
