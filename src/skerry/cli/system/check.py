"""``skerry system check``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine
    from skerry.engine.system.check import CheckReport

USAGE = "[options]"
DESCRIPTION = (
    "Looks for what killed commands, full disks, power cuts and meddling left: altered or missing layers and blobs, "
    "containers that ended unnoticed, run folders, mounts, network namespaces, addresses, control groups and files of "
    "containers that are gone, unfinished downloads, layers that no image needs. One line for each. With --repair "
    "what can be mended is: damaged images are fetched again from the registry that they came from, or else removed "
    "unless containers use them; volumes with data "
    "are never removed. Other commands may run meanwhile: what they work on is no finding. "
    "Exit code: 0 when nothing is (any longer) wrong, else 125."
)
EXAMPLES = (
    ("skerry system check", "read everything and compare digests"),
    ("skerry system check -q", "without reading all layers"),
    ("skerry system check -r", "mend what was found"),
)
FLAGS = (
    flag("-f", "--force", help="Mend, and also remove containers whose images are damaged"),
    flag("-m", "--max", kind="str", metavar="DURATION", default="24h",
         help="How old a layer without an image may be before it is a finding"),
    flag("-q", "--quick", help="Do not read all layers"),
    flag("-r", "--repair", help="Mend what was found"),
)  # fmt: skip
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.units import parse_duration

    repair = args["repair"] or args["force"]
    report = engine.system.check(
        repair=repair, full=not args["quick"], force=args["force"],
        max_layer_age_ns=parse_duration(args["max"], "max"),
    )  # fmt: skip
    show(report, out)
    if not report.unrepaired:
        return 0
    out.error("damage in local storage has not been fully repaired" if repair else "damage detected in local storage")
    return 125


def show(report: CheckReport, out: Output) -> None:
    """A line for each finding."""
    for found in report.findings:
        end = " (repaired)" if found["repaired"] else ""
        out.line(f"{found['kind']} {found['name']}: {found['message']}{end}")
