"""Others on the host cannot read the state: it holds environments, and with them secrets."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.store.database import Database


def test_the_database_and_its_log_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        db = Database(str(tmp_path / "skerry.db"))
    finally:
        os.umask(before)
    with db.write(durable=False):
        db.execute("INSERT INTO volumes VALUES ('v', 0, '{}')")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("skerry.db*")}
    assert "skerry.db-wal" in modes
    assert set(modes.values()) == {0o600}
    db.close()
