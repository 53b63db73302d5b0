"""The annotations of an image's manifest: the base's, what is said of the base, the time, and the caller's."""

from __future__ import annotations

from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import Solved
    from skerry.engine.engine import Engine

_PREFIX = "org.opencontainers.image."


def annotations_of(engine: Engine, options: BuildOptions, solved: Solved) -> dict[str, str]:
    """For the format that has them, OCI's; Docker's manifests have none."""
    if options.format != "oci":
        return dict(options.annotations)
    found: dict[str, str] = {}
    based = bool(solved.base_name) and solved.base_name != "scratch"
    name = solved.base_name
    if based:
        try:
            base = engine.images.resolve(solved.base_name)
        except SkerryError:
            pass  # it was removed meanwhile
        else:
            name = base["names"][0] if base["names"] else name
            if options.inherit_annotations:
                found.update(base["annotations"] or {})
    found.pop(_PREFIX + "created", None)
    if based and options.inherit_annotations:
        found[_PREFIX + "base.name"] = name
        found[_PREFIX + "base.digest"] = solved.base_digest
    if options.created_annotation and solved.document.get("created"):
        found[_PREFIX + "created"] = str(solved.document["created"])
    found.update(options.annotations)
    return {key: value for key, value in found.items() if key not in options.unset_annotations}
