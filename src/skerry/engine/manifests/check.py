"""Lists of manifests in a check: blobs that they need and that are gone or altered."""

from __future__ import annotations

from skerry.engine.manifests.find import all_lists
from skerry.engine.manifests.records import blobs_of, change, turn
from skerry.engine.system.findings import finding, mend
from skerry.store.blobs import has_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.manifests.types import Entry, IndexRecord
    from skerry.store.types import Finding


def check_lists(engine: Engine, store: Sequence[Finding], *, repair: bool) -> list[Finding]:
    """``store``: what the store's own check found: altered blobs. With ``repair`` the instances go from their lists."""
    altered = {found["name"] for found in store if found["kind"] == "blob" and found["lost"]}
    found = []
    for record in all_lists(engine):
        bad = [digest for digest in blobs_of(record) if digest in altered or not has_blob(engine.store, digest)]
        if not bad:
            continue
        name = record["names"][0] if record["names"] else record["id"][:12]
        note = finding(
            "manifest list", name, f"its blob {bad[0]} is damaged or missing: add its image again", lost=True
        )
        found.append(mend(note, repair, lambda record=record, bad=bad: _drop(engine, record, bad)))  # type: ignore[misc]
    return found


def _drop(engine: Engine, record: IndexRecord, bad: Sequence[str]) -> None:
    def whole(item: Entry) -> bool:
        local = item.get("image_id") or item.get("blobs") is not None
        return not local or not {item["digest"], *(item.get("blobs") or ())}.intersection(bad)

    def edit(found: IndexRecord) -> None:
        found["entries"] = [item for item in found["entries"] if whole(item)]

    with turn(engine):
        change(engine, record["id"], edit)
