"""What is asked at each removal and each start must not read the documents of all containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.engine.containers.options.auto_ids import MAPPED
from skerry.engine.containers.remove import JOINED
from skerry.store.database import Database


@pytest.mark.parametrize(("query", "text"), [(JOINED, '{"net":"container:b"}'), (MAPPED, '{"uid_maps":[]}')])
def test_the_few_containers_that_matter_are_found_by_an_index(tmp_path: Path, query: str, text: str) -> None:
    db = Database(str(tmp_path / "skerry.db"))
    with db.write(durable=False):
        for name, doc in (("a", text), ("b", "{}"), ("c", '{"name":"uid_maps"}')):
            db.execute("INSERT INTO containers VALUES (?, ?, '', '', 1, ?, '{}')", name, name, doc)
    (plan,) = db.query("EXPLAIN QUERY PLAN " + query)
    assert "USING INDEX containers_" in plan[3]
    assert "{}" not in [row[-1] for row in db.query(query)]
    assert text in [row[-1] for row in db.query(query)]
