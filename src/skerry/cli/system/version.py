"""``skerry version``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

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
    from skerry.cli.listing import align, is_json, render_each
    from skerry.engine.system.version import version

    client = version()
    report: dict[str, Any] = {"Client": client}
    template = args["format"]
    if is_json(template):
        out.json(report, indent=2)
    elif args.given("format"):
        try:
            text = render_each("version", [{**report, "Server": client}], template) if template else "\n"
        except Invalid:
            # As Podman: perhaps it is of the time when there was no client and no server.
            text = render_each("version", [client], template.replace(".Server.", "."))
        out.write(text)
    else:
        text = render_each("version", [report], _TEXT)
        out.write(align([line.split("\t") for line in text.rstrip("\n").split("\n")]))
    return 0
