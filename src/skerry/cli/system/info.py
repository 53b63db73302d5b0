"""``skerry info``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Shows what Skerry found on this host (cgroups, conmon, OCI runtime, network and security features), where this "
    "store is and how many containers and images it has. The keys are Podman's. To hear what is missing and what "
    "mends it, ask `skerry doctor`."
)
EXAMPLES = (
    ("skerry info", "everything, as YAML"),
    ("skerry info -f '{{.Host.CgroupVersion}}'", "v1 or v2"),
    ("skerry info -f json", "for programs"),
    ("skerry info -f '{{.Store.GraphRoot}}'", "where images and containers are"),
)
FLAGS = (
    flag("-D", "--debug", hidden=True, help="Podman's older flag: there is nothing more to show"),
    flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.listing import is_json, render_each

    report = engine.system.info()
    template = args["format"]
    if is_json(template):
        out.json(report, indent=2)
    elif args.given("format"):
        seen = {**report, "Client": None}  # whom a remote one would tell of
        out.write(render_each("info", [seen], template) if template else "\n")  # an empty template gives nothing
    else:
        from skerry.cli.system.yaml import dump

        out.line(dump(report))
    return 0
