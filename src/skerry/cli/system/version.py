"""``skerry version``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "[options]"
DESCRIPTION = (
    "Shows the version of Skerry and of the interpreter that runs it. There is no server: with --format, "
    "{{.Client.Version}} and {{.Server.Version}} are the same."
)
EXAMPLES = (
    ("skerry version", "everything"),
    ("skerry version --format '{{.Client.Version}}'", "just the version, for scripts"),
    ("skerry version --format json", "for programs"),
)
FLAGS = (flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),)
MIN_ARGS, MAX_ARGS = 0, 0
COMPLETE = "none"
ENGINE = False

_TEXT = """\
Client:\tSkerry
Version:\t{{.Client.Version}}
{{if ne .Client.Version .Client.SkerryVersion}}Skerry Version:\t{{.Client.SkerryVersion}}
{{end}}API Version:\t{{.Client.APIVersion}}
Go Version:\tnone (Python {{.Client.PythonVersion}})
{{if .Client.GitCommit}}Git Commit:\t{{.Client.GitCommit}}
{{end}}Built:\t{{.Client.BuiltTime}}
OS/Arch:\t{{.Client.OsArch}}"""


def run(args: Args, engine: None, out: Output) -> int:
    from skerry.cli.listing import align, render_each
    from skerry.engine.system.version import version

    client = version()
    report: dict[str, Any] = {"Client": client}
    template = args["format"]
    if template.strip("{} ") == "json":
        out.json(report, indent=2)
    elif args.given("format"):
        out.write(render_each("version", [{**report, "Server": client}], template) if template else "\n")
    else:
        text = render_each("version", [report], _TEXT)
        out.write(align([line.split("\t") for line in text.rstrip("\n").split("\n")]))
    return 0
