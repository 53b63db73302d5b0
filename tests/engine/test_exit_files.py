"""Exit codes outlive a container by some minutes, at no cost that grows with their number."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.engine.containers import remove


class _Store:
    def __init__(self, top: Path) -> None:
        self.top, self.statements = top, 0
        self.db = self

    def run_path(self, *parts: str) -> str:
        return str(self.top.joinpath(*parts))

    def query(self, _sql: str, *_args: object) -> list[tuple[str, str]]:
        self.statements += 1
        return [("kept", "{}")]


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    (tmp_path / "exits").mkdir()
    for name in ("kept", "gone", "0own"):
        (tmp_path / "exits" / name).write_text("0")
        os.utime(tmp_path / "exits" / name, (time.time() - 3600,) * 2)
    (tmp_path / "exits" / "fresh").write_text("0")
    return SimpleNamespace(store=_Store(tmp_path))


def forget(engine: Any, container_id: str, *, auto_remove: bool) -> set[str]:
    remove._forget_files(engine, {"id": container_id, "auto_remove": auto_remove, "config": {}})  # type: ignore[typeddict-item]
    return set(os.listdir(engine.store.run_path("exits")))


def test_most_removals_look_at_no_other_container_s_exit_code(engine: Any) -> None:
    for digit in "123456789abcdef":
        assert forget(engine, digit + "own", auto_remove=True) == {"kept", "gone", "0own", "fresh"}
    assert engine.store.statements == 0


def test_every_sixteenth_removes_the_old_ones_with_one_statement(engine: Any) -> None:
    assert forget(engine, "0new", auto_remove=True) == {"kept", "fresh"}
    assert engine.store.statements == 1


def test_a_removed_container_s_own_goes_at_once_unless_it_removed_itself(engine: Any) -> None:
    assert "fresh" in forget(engine, "fresh", auto_remove=True)
    assert "fresh" not in forget(engine, "fresh", auto_remove=False)
