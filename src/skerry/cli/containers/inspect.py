"""``skerry inspect``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.errors import NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NAME [NAME...]"
DESCRIPTION = (
    "Shows everything about containers, images, volumes and networks as JSON, or the part of it that --format asks "
    "for. A name is looked for in that order; --type says which of them is meant. What was found is printed also "
    "where another name was not; the exit code is 125 then."
)
EXAMPLES = (
    ("skerry inspect web", "everything about the container (or image, volume, network) web"),
    ("skerry inspect -f '{{.State.Pid}}' web", "the id of its first process"),
    ("skerry inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web", "its address"),
    ("skerry inspect --type image -f '{{json .Config}}' debian", "an image although a container has the same name"),
)
TYPES = ("all", "container", "image", "network", "pod", "volume")
FLAGS = (
    flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template for each object, or json"),
    flag("-l", "--latest", help="The container that was created last"),
    flag("-s", "--size", help="Containers: also how much they wrote (SizeRw, SizeRootFs)"),
    flag("-t", "--type", kind="str", metavar="TYPE", default="all", help=f"One of {', '.join(TYPES)}"),
)
COMPLETE = "containers"
MIN_ARGS = 0


def run(args: Args, engine: Engine, out: Output) -> int:
    kind = args["type"]
    if kind not in TYPES:
        raise UsageError(f'invalid type "{kind}": must be "image", "container", "pod", "network", "volume", or "all"')
    return show(args, engine, out, kind)


def show(args: Args, engine: Engine, out: Output, kind: str) -> int:
    """Print what was found; an error line for each name that was not, and 125 then."""
    names = list(args.positional)
    if args["latest"]:
        if names:
            raise UsageError("--latest and arguments cannot be used together")
        if kind not in ("all", "container"):
            raise UsageError(f'latest is not supported for type "{kind}"')
        names, kind = [_latest(engine)], "container"
    elif not names:
        raise UsageError("no names or ids specified")
    if args["size"] and kind not in ("all", "container"):
        raise UsageError(f'size is not supported for type "{kind}"')
    found, errors = [], []
    for name in names:
        try:
            found.append(find(engine, name, kind, size=args["size"]))
        except SkerryError as error:
            errors.append(str(error))
    if found or args["format"] in ("", "json"):
        out.inspect(found, args["format"])
    for text in errors:
        out.error(text)
    return 125 if errors else 0


def _latest(engine: Engine) -> str:
    try:
        return engine.containers.latest()
    except NotFound:
        raise NotFound("no containers to inspect: no such container") from None


def find(engine: Engine, name: str, kind: str, *, size: bool) -> dict[str, Any]:
    """The object; `NotFound` in Podman's words."""
    if kind == "pod":
        raise NotFound(f"no such pod {name}")
    kinds = ("container", "image", "volume", "network") if kind == "all" else (kind,)
    for each in kinds:
        try:
            return _look(engine, name, each, size=size)
        except NotFound as error:
            missing = error
    if kind == "all":
        raise NotFound(f'no such object: "{name}"')
    if kind == "container":
        raise NotFound(f'no such container "{name}"')
    if kind == "volume":
        raise NotFound(f"no such volume {name}")
    raise NotFound(missing.message if kind == "image" else f"network {name}: {missing.message}")


def _look(engine: Engine, name: str, kind: str, *, size: bool) -> dict[str, Any]:
    if kind == "container":
        return engine.containers.inspect(name, size=size)
    if kind == "image":
        return engine.images.inspect(name)
    if kind == "volume":
        return engine.volumes.inspect(name)
    return engine.networks.inspect(name)
