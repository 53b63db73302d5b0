"""``skerry buildx ls``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "[options]"
DESCRIPTION = "Lists the builders: there is one, Skerry itself."
EXAMPLES = (("skerry buildx ls", "the builder and the platforms that it builds for"),)
FLAGS = (
    flag("--format", kind="str", metavar="FORMAT", help="json, or a Go template"),
    flag("--no-trunc", help="Show everything"),
)
COMPLETE = "none"
ENGINE = False
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: None, out: Output) -> int:
    row = builder()
    out.listing(
        [row], format=args["format"], default="table {{.Name}}\t{{.DriverEndpoint}}\t{{.Status}}\t{{.Buildkit}}\t{{.Platforms}}",
        headers={"Name": "NAME/NODE", "DriverEndpoint": "DRIVER/ENDPOINT", "Buildkit": "BUILDKIT"}, json_rows=[row],
    )  # fmt: skip
    return 0


def builder() -> dict[str, str]:
    """The only one."""
    from skerry import __version__
    from skerry.build.platforms import buildable

    return {
        "Name": "default*", "Driver": "skerry", "DriverEndpoint": "skerry", "Status": "running",
        "Buildkit": f"skerry {__version__}", "Platforms": ", ".join(buildable()),
    }  # fmt: skip
