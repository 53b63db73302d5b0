"""What additional, read-only image stores have, readable beside this store's own.

A mirror (a database of the same tables, made by the engine, which nobody changes once it is there) is attached to the
connection, and temporary views take the tables' places: they show this store's rows, and those of the mirror that this
store does not have itself. So whatever reads finds both, and what writes says ``main.``. Nothing of it is written to this
store, so nothing has to be taken back when an additional store is no longer configured.
"""

from __future__ import annotations

from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.store.store import Store

NAME = "additional"
# What a mirror has beside tables that are made as this store's.
OWN_TABLES = (
    "CREATE TABLE places (kind TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (kind, name)) "
    "WITHOUT ROWID",
    "CREATE TABLE about (key TEXT NOT NULL, value TEXT NOT NULL)",
)
# An image that is here too is shown with the names that it has here.
_OURS = "(SELECT 1 FROM main.images m WHERE m.id = a.{})"
_VIEWS = (
    ("layers", "chain_id, parent, diff_id, blob, doc", "(SELECT 1 FROM main.layers m WHERE m.chain_id = a.chain_id)"),
    ("images", "id, digest, top_layer, created_ns, doc", _OURS.format("id")),
    (
        "image_names",
        "name, image, created_ns",
        f"(SELECT 1 FROM main.image_names m WHERE m.name = a.name) AND NOT EXISTS {_OURS.format('image')}",
    ),
    ("past_names", "image, name, given_ns", _OURS.format("image")),
)
TABLES = tuple(table for table, _columns, _ours in _VIEWS)


class Elsewhere:
    """Where the files are. ``layers``: folders by chain id; ``tar_splits``: those layers' recipes, by the folder, that are
    in containers/storage's form; ``blobs``: files by digest."""

    __slots__ = ("blobs", "layers", "tar_splits")

    def __init__(self, places: Sequence[tuple[str, str, str]]) -> None:
        kinds: dict[str, dict[str, str]] = {"layer": {}, "tar-split": {}, "blob": {}}
        for kind, name, path in places:
            kinds[kind][name] = path
        self.layers, self.tar_splits, self.blobs = kinds["layer"], kinds["tar-split"], kinds["blob"]


def attach(store: Store, mirror: str) -> dict[str, list[str]]:
    """Let ``store`` show what ``mirror`` has; what the mirror says about itself. `Unavailable` when it cannot be read:
    then nothing has changed."""
    views = [
        f"CREATE TEMP VIEW {table} AS SELECT {columns} FROM main.{table} UNION ALL "
        f"SELECT {columns} FROM {NAME}.{table} a WHERE NOT EXISTS {ours}"
        for table, columns, ours in _VIEWS
    ]
    about: dict[str, list[str]] = {}
    store.db.attach(mirror, NAME, views)
    try:
        for key, value in store.db.query(f"SELECT key, value FROM {NAME}.about"):
            about.setdefault(key, []).append(value)
        store.elsewhere = Elsewhere(store.db.query(f"SELECT kind, name, path FROM {NAME}.places"))
    except SkerryError:
        detach(store)
        raise
    return about


def detach(store: Store) -> None:
    """Undo `attach`."""
    store.elsewhere = None
    store.db.detach(NAME, TABLES)
