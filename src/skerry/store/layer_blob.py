"""A layer's compressed form, made after the layer: for a registry, and kept so that it is made once."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.linux.files import fsync_file, fsync_folder
from skerry.store.blobs import blob_path
from skerry.store.layer_add import translated
from skerry.store.layers import own_layer
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.store import Store
    from skerry.store.types import LayerRecord


def remember_blob(store: Store, compressed: LayerRecord, path: str) -> bool:
    """Keep the file ``path`` (verified, on the store's file system) as the blob that ``compressed`` names. Whether it
    was kept: not when the layer has one already or is gone. The file is moved, or left where it is."""
    digest = compressed["blob"]
    assert digest
    try:
        with store.lock("layer", compressed["chain_id"]), store.lock("blob", digest):
            record = own_layer(store, compressed["chain_id"])
            if record is None or record["blob"] is not None:
                return False
            if not os.path.exists(blob_path(store, digest)):
                step("layer.remember-blob")
                os.chmod(path, 0o600)
                fsync_file(path)
                os.link(path, blob_path(store, digest))
                fsync_folder(store.path("blobs/sha256"))
            record["blob"], record["blob_size"] = digest, compressed["blob_size"]
            record["blob_media_type"] = compressed["blob_media_type"]
            step("layer.remember-row")
            with store.db.write(durable=True) as db:
                db.execute(
                    "UPDATE main.layers SET blob=?, doc=? WHERE chain_id=?",
                    digest, fastjson.dumps(record), compressed["chain_id"],
                )  # fmt: skip
    except OSError as error:
        raise translated(error, "cannot keep a compressed layer") from error
    return True


def forget_blob(store: Store, digest: str) -> None:
    """No layer has this blob any more: it is gone, or not what it was. Their trees are what counts."""
    with store.db.write(durable=True) as db:
        for chain_id, doc in db.query("SELECT chain_id, doc FROM main.layers WHERE blob=?", digest):
            record: LayerRecord = fastjson.loads(doc)
            record["blob"] = record["blob_size"] = None
            db.execute("UPDATE main.layers SET blob=NULL, doc=? WHERE chain_id=?", fastjson.dumps(record), chain_id)
