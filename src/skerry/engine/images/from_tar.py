"""``skerry import``: a root file system's tar as an image of one layer."""

from __future__ import annotations

import os

from skerry.engine.images.add import drop_layers
from skerry.engine.images.changes import apply_changes
from skerry.engine.images.new import now_text, store_image
from skerry.errors import NotFound, Unavailable
from skerry.image.download import is_address, open_address
from skerry.image.reference import normalise
from skerry.store.layer_add import add_then

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.types import LayerRecord

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def import_tar(
    engine: Engine, source: str | BinaryIO, name: str = "", *, changes: Sequence[str] = (), message: str = "",
    os_name: str = "", architecture: str = "", variant: str = "", tell: Callable[[str], None] = lambda _line: None,
) -> ImageRecord:  # fmt: skip
    """See `Images.import_tar`. Killed anywhere: the image is whole, or its layer is swept."""
    names = [normalise(name)] if name else []
    config: dict[str, Any] = {}
    apply_changes(config, changes)
    engine.store.db  # noqa: B018 - the root's folders exist
    machine = os.uname().machine
    platform = {
        "architecture": architecture or _MACHINES.get(machine, machine),
        **({"variant": variant} if variant else {}),
        "os": os_name or "linux",
    }
    added: list[str] = []

    def record_it(layer: LayerRecord) -> ImageRecord:
        """Runs while nobody can remove the layer: what came through a pipe cannot be had again."""
        added.append(layer["chain_id"])
        tell("Getting image source signatures")
        tell(f"Copying blob {layer['diff_id']}")
        document = _document(layer["diff_id"], platform, config, message or "imported from tarball")
        return store_image(engine, document, [layer], names, "oci")

    try:
        if isinstance(source, str):
            with _open(source) as file:
                record = add_then(engine.store, None, file, record_it)
        else:
            record = add_then(engine.store, None, source, record_it)
    except BaseException:
        drop_layers(engine, added)
        raise
    tell(f"Copying config sha256:{record['id']}")
    tell("Writing manifest to image destination")
    engine.events.emit(type="image", status="import", id=record["id"], name=names[0] if names else record["id"])
    return record


def _document(diff_id: str, platform: dict[str, str], config: dict[str, Any], comment: str) -> dict[str, Any]:
    created = now_text()
    history = {"created": created, "created_by": f"/bin/sh -c #(nop) ADD file:{diff_id[7:]} in /", "comment": comment}
    return {"created": created, **platform, "config": config, "history": [history]}


def _open(path: str) -> BinaryIO:
    if is_address(path):
        return open_address(path)
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise NotFound(f'error opening "{path}": open {path}: no such file or directory') from None
    except OSError as error:
        raise Unavailable(f'error opening "{path}": {error.strerror}') from error
