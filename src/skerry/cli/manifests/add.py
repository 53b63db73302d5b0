"""``skerry manifest add``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.registry_flags import AUTHFILE, CERT_DIR, CREDS, TLS_VERIFY
from skerry.cli.manifests.flags import ANNOTATION, DETAILS, INSECURE, annotations_of, details_of, transfer_of
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST IMAGE [IMAGE...]"
DESCRIPTION = (
    "Adds images to a list of manifests. An image of this store is meant if there is one of the name, else a "
    "registry's, of which only the description is fetched: it is copied when the list is pushed. IMAGE may also be "
    "docker://NAME, or in an archive or a folder. With --artifact files are added, as one artifact."
)
EXAMPLES = (
    ("skerry manifest add web:1.2 web:1.2-arm64", "an image that was built here"),
    (
        "skerry manifest add --arch arm64 --variant v8 web:1.2 docker://registry.example.com/web@sha256:…",
        "an image that stays where it is",
    ),
    ("skerry manifest add --artifact --artifact-type application/spdx+json web:1.2 sbom.json", "a file"),
)
FLAGS = (
    flag("--all", help="Of a list, add every image, not only the one for this platform"),
    ANNOTATION,
    flag("--artifact", help="Add files as an artifact"),
    flag("--artifact-config", kind="str", metavar="FILE", complete="files", help="The artifact's configuration"),
    flag("--artifact-config-type", kind="str", metavar="TYPE", help="The media type of its configuration"),
    flag("--artifact-exclude-titles", help="Do not note the names of the files"),
    flag("--artifact-layer-type", kind="str", metavar="TYPE", help="The media type of the files"),
    flag("--artifact-subject", kind="str", metavar="IMAGE", help="What the list refers to"),
    flag("--artifact-type", kind="str", metavar="TYPE", help="What kind of an artifact it is"),
    AUTHFILE,
    CERT_DIR,
    CREDS,
    *DETAILS,
    INSECURE,
    TLS_VERIFY,
)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 2, None
_OF_ARTIFACTS = (
    "artifact_type", "artifact_config", "artifact_config_type", "artifact_layer_type", "artifact_subject",
    "artifact_exclude_titles",
)  # fmt: skip


def run(args: Args, engine: Engine, out: Output) -> int:
    name, *things = args.positional
    annotations = annotations_of(args["annotation"])
    details = details_of(args, annotations)
    if args["artifact"]:
        out.line(_artifact(args, engine, name, things))
        return 0
    given = ["--" + key.replace("_", "-") for key in _OF_ARTIFACTS if args.given(key)]
    if given:
        raise UsageError(f"{'/'.join(given)} {'requires' if len(given) == 1 else 'require'} --artifact")
    out.line(engine.manifests.add(name, things, all=args["all"], details=details, transfer=transfer_of(args)))
    return 0


def _artifact(args: Args, engine: Engine, name: str, files: list[str]) -> str:
    from skerry.engine.manifests.artifact import Artifact

    config = b""
    if args["artifact_config"]:
        try:
            with open(args["artifact_config"], "rb") as file:
                config = file.read()
        except OSError as error:
            raise Invalid(f"open {args['artifact_config']}: {error.strerror}") from None
    artifact = Artifact(
        type=args["artifact_type"] if args.given("artifact_type") else None, config=config,
        config_type=args["artifact_config_type"], layer_type=args["artifact_layer_type"],
        subject=args["artifact_subject"], titles=not args["artifact_exclude_titles"],
    )  # fmt: skip
    details = details_of(args, annotations_of(args["annotation"]))
    return engine.manifests.add_artifact(name, files, artifact, details=details, transfer=transfer_of(args))
