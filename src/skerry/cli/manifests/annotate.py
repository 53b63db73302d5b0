"""``skerry manifest annotate``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.manifests.flags import ANNOTATION, DETAILS, annotations_of, details_of
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST [IMAGE|DIGEST]"
DESCRIPTION = (
    "Changes what a list of manifests says of one of its instances (named by its digest, by its image, or by a file of "
    "an artifact), or with --index what it says of itself. Prints the list's id."
)
EXAMPLES = (
    ("skerry manifest annotate --arch arm64 --variant v8 web:1.2 sha256:…", "the platform of an instance"),
    ("skerry manifest annotate --index --annotation org.opencontainers.image.version=1.2 web:1.2", "of the list"),
)
FLAGS = (
    ANNOTATION,
    *DETAILS,
    flag("--index", help="Change what is said of the list itself"),
    flag("--os-features", kind="slice", metavar="FEATURE", help="Features of the operating system that it needs"),
    flag("--subject", kind="str", metavar="IMAGE", help="What the list refers to"),
)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 2
_OF_INSTANCES = {
    "arch": "architecture", "features": "features", "os": "OS", "os_features": "OS features",
    "os_version": "OS version", "variant": "variant",
}  # fmt: skip


def run(args: Args, engine: Engine, out: Output) -> int:
    name, instance = [*args.positional, ""][:2]
    annotations = annotations_of(args["annotation"])
    _check(args, instance)
    index = bool(args["index"])
    list_id = engine.manifests.annotate(
        name, instance, details=details_of(args, {} if index else annotations),
        index_annotations=annotations if index else None, subject=args["subject"],
    )  # fmt: skip
    out.line(list_id)
    return 0


def _check(args: Args, instance: str) -> None:
    """Podman's words for what belongs to a list, or to an instance of it."""
    if args["index"] and instance:
        raise Invalid("expected only list name when --index is specified")
    if not args["index"] and not instance:
        raise Invalid("expected list name and instance digest or image name, or --index")
    if instance and args["subject"]:
        raise Invalid("setting subject for a manifest list requires no instance digest")
    for key, what in _OF_INSTANCES.items():
        if not instance and args[key]:
            raise Invalid(f"setting {what} on an item in a manifest list requires an instance digest")
