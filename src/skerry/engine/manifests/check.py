"""Lists of manifests in a check: blobs that they need and that are gone or altered."""

from __future__ import annotations

from skerry.engine.manifests.find import all_lists, by_id
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
        if not _bad(engine, record, altered):
            continue
        with turn(engine):  # the list may have been changed or removed meanwhile: looked at again
            again = by_id(engine, record["id"])
            bad = _bad(engine, again, altered) if again else []
            if not again or not bad:
                continue
            name = again["names"][0] if again["names"] else again["id"][:12]
            what = f"its blob {bad[0]} is damaged or missing: add its image again"
            note = finding("manifest list", name, what, lost=True)
            found.append(mend(note, repair, lambda again=again, bad=bad: _drop(engine, again, bad)))  # type: ignore[misc]
    return found


def _bad(engine: Engine, record: IndexRecord, altered: set[str]) -> list[str]:
    return [digest for digest in blobs_of(record) if digest in altered or not has_blob(engine.store, digest)]


def _drop(engine: Engine, record: IndexRecord, bad: Sequence[str]) -> None:
    def whole(item: Entry) -> bool:
        local = item.get("image_id") or item.get("blobs") is not None
        return not local or not {item["digest"], *(item.get("blobs") or ())}.intersection(bad)

    def edit(found: IndexRecord) -> None:
        found["entries"] = [item for item in found["entries"] if whole(item)]

    change(engine, record["id"], edit)
