"""``skerry commit``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [IMAGE]"
DESCRIPTION = (
    "Makes an image of what a container changed, under a name if one is given. Its settings (command, environment, "
    "user, working directory, labels, ports) become the image's. Volumes are not part of it. Prints the image's ID."
)
EXAMPLES = (
    ("skerry commit web web:patched", "as it is"),
    ("skerry commit -c 'CMD [\"nginx\"]' -c 'ENV MODE=fast' -p web web:fast", "with another command, paused meanwhile"),
)
FLAGS = (
    flag("-a", "--author", kind="str", metavar="AUTHOR", help="Who made it"),
    flag("-c", "--change", kind="list", metavar="INSTRUCTION", help=(
        "Apply an instruction of a Containerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, "
        "VOLUME or WORKDIR"
    )),
    flag("--config", kind="str", metavar="FILE", complete="files", help="Set these keys of the image's config (JSON)"),
    flag("-f", "--format", kind="str", default="oci", metavar="FORMAT", help="oci or docker"),
    flag("--iidfile", kind="str", metavar="FILE", complete="files", help="Write the image's ID to a file"),
    flag("--include-volumes", help="Mark the container's volumes and bind mounts as the image's volumes"),
    flag("-m", "--message", kind="str", metavar="TEXT", help="A comment (needs --format docker)"),
    flag("-p", "--pause", help="Pause the container meanwhile"),
    flag("-q", "--quiet", help="No progress"),
    flag("-s", "--squash", help="One layer instead of the image's and a new one"),
)  # fmt: skip
COMPLETE = ("containers", "images")
MIN_ARGS, MAX_ARGS = 1, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images.commit import Commit

    options = Commit(
        author=args["author"], message=args["message"], changes=args["change"], format=args["format"],
        config=_config(args["config"]) if args["config"] else None, pause=args["pause"], squash=args["squash"],
        include_volumes=args["include_volumes"],
        **({} if args["quiet"] else {"tell": out.plain_error}),
    )  # fmt: skip
    name = args.positional[1] if len(args.positional) > 1 else ""
    image_id = engine.images.commit(args.positional[0], name, options)["id"]
    if args["iidfile"]:
        try:
            with open(args["iidfile"], "w", encoding="utf-8") as file:
                file.write(image_id)
        except OSError as error:
            raise Invalid(
                f"failed to write image ID: open {args['iidfile']}: {(error.strerror or '').lower()}"
            ) from error
    out.line(image_id)
    return 0


def _config(path: str) -> dict[str, Any]:
    from skerry import fastjson

    try:
        with open(path, "rb") as file:
            value = fastjson.loads(file.read(1 << 20))
    except OSError as error:
        raise Invalid(f"--config: open {path}: {(error.strerror or '').lower()}") from error
    if not isinstance(value, dict):
        raise Invalid(f"{path} is no JSON object")
    return value
