"""Annotations: of an image's manifest the base's, what is said of the base, the time, and the caller's; of a list and of
its entries the caller's."""

from __future__ import annotations

import re

from skerry.build.options import Annotation
from skerry.build.platforms import normalise
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import Solved
    from skerry.engine.engine import Engine

_PREFIX = "org.opencontainers.image."
_KINDS = ("manifest", "index", "manifest-descriptor", "index-descriptor")
_SCOPES = re.compile(r"(?P<kinds>[a-z,-]+)(?:\[(?P<platform>[^\]]*)\])?:(?P<key>.*)\Z", re.DOTALL)
_ATTRIBUTE = re.compile(r"annotation(?:-(?P<kind>[a-z-]+))?(?:\[(?P<platform>[^\]]*)\])?\.(?P<key>.+)\Z", re.DOTALL)


def parse_annotation(text: str) -> list[Annotation]:
    """``KEY=VALUE``, or as Docker's ``manifest,index[PLATFORM]:KEY=VALUE``. `Invalid`."""
    key, equals, value = text.partition("=")
    match = _SCOPES.match(key)
    kinds = match["kinds"].split(",") if match else []
    if match is None or not set(kinds) <= set(_KINDS):
        kinds, platform = ["manifest"], ""
    else:
        key, platform = match["key"], match["platform"] or ""
    if not equals or not key:
        raise Invalid(f'invalid --annotation "{text}": KEY=VALUE is wanted')
    return [_annotation(kind, platform, key, value) for kind in kinds]


def is_attribute(name: str) -> bool:
    """Whether an attribute of ``--output`` is an annotation."""
    match = _ATTRIBUTE.match(name)
    return match is not None and (match["kind"] or "manifest") in _KINDS


def parse_attribute(name: str, value: str) -> Annotation:
    """``annotation-index.KEY``, ``annotation[linux/arm64].KEY``, … as ``--output`` has them. `Invalid`."""
    match = _ATTRIBUTE.match(name)
    assert match is not None
    return _annotation(match["kind"] or "manifest", match["platform"] or "", match["key"], value)


def _annotation(kind: str, platform: str, key: str, value: str) -> Annotation:
    if kind == "index-descriptor":
        raise Invalid(
            f"annotation {key}: nothing here describes an index (index-descriptor)",
            hint="index, manifest and manifest-descriptor are possible",
        )
    if platform and kind == "index":
        raise Invalid(f"annotation {key}: an index is of no platform")
    return Annotation(kind, normalise(platform) if platform else "", key, value)


def chosen(options: BuildOptions, kind: str, platform: str = "") -> dict[str, str]:
    """What the caller says of one kind of thing, for a platform."""
    return {
        each.key: each.value for each in options.annotations
        if each.kind == kind and each.platform in ("", platform)
    }  # fmt: skip


def annotations_of(engine: Engine, options: BuildOptions, solved: Solved) -> dict[str, str]:
    """For the format that has them, OCI's; Docker's manifests have none."""
    mine = chosen(options, "manifest", solved.platform)
    if options.format != "oci":
        return mine
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
    found.update(mine)
    return {key: value for key, value in found.items() if key not in options.unset_annotations}
