"""``--mount type=image``: another image's tree, read-only or with a layer of the container's own."""

from __future__ import annotations

from skerry.engine.containers.options.volume_flag import clean
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig


def image_mount(tokens: Sequence[str], engine: Engine | None) -> MountConfig:
    """The mount; the image is the one that the name means now. `NotFound`, `Invalid`."""
    given: dict[str, str] = {}
    for token in tokens:
        name, equals, value = token.partition("=")
        key = {"src": "source", "dst": "destination", "dest": "destination", "target": "destination", "readwrite": "rw"}.get(name, name)  # fmt: skip
        if key == "consistency":
            continue
        if key not in ("source", "destination", "rw", "subpath"):
            raise Invalid(f"{name}: invalid mount option")
        if key != "rw" and not equals:
            raise Invalid(f"{name}: must provide an argument for option")
        given[key] = value
    if given.get("rw", "false") not in ("true", "false"):
        raise Invalid(f'invalid rw value "{given["rw"]}": invalid mount option')
    subpath = given.get("subpath", "")
    if subpath and not subpath.startswith("/"):
        raise Invalid(f'volume subpath "{subpath}" must be an absolute path')
    if not given.get("source") or not given.get("destination"):
        raise Invalid("must set source and destination for image volume")
    mount: MountConfig = {
        "type": "image", "source": given["source"], "destination": clean(given["destination"]),
        "options": ["rw" if given.get("rw") == "true" else "ro"],
    }  # fmt: skip
    if subpath:
        mount["subpath"] = subpath
    if engine is not None:
        _find(engine, mount)
    return mount


def _find(engine: Engine, mount: MountConfig) -> None:
    from skerry.engine.images.resolve import find

    image = find(engine, mount["source"])
    if image is None:
        raise NotFound(
            f'creating image volume "{mount["source"]}":"{mount["destination"]}": {mount["source"]}: image not known'
        )
    mount["image_id"], mount["layers"] = image["id"], image["layers"]
