"""Which view a build gets: what --progress, --quiet, --logfile and the terminal say."""

from __future__ import annotations

import os
from contextlib import contextmanager

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skerry.build.events import Event
    from skerry.build.options import BuildOptions
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

    View = Callable[[Event], None]


@contextmanager
def open_view(args: Args, options: BuildOptions, out: Output) -> Iterator[View]:
    """``with open_view(…) as view``: what the build reports to."""
    with _opened(args, options, out) as view:
        if args["log_rusage"]:
            from skerry.cli.build_view.resources import ResourcesView

            view = ResourcesView(view, args["rusage_logfile"])
        yield view


@contextmanager
def _opened(args: Args, options: BuildOptions, out: Output) -> Iterator[View]:
    if args["logsplit"]:
        from skerry.build.platforms import host
        from skerry.cli.build_view.split import SplitView

        with SplitView(args["logfile"], options.platforms or [host()]) as split:
            yield split
        return
    if args["logfile"]:
        from skerry.cli.build_view.logfile import LogFile
        from skerry.cli.build_view.plain import PlainView

        with LogFile(args["logfile"]) as file:
            yield PlainView(file, explain=bool(args["explain"]))
        return
    how = _how(args, options, out)
    if how == "tty":
        from skerry.cli.build_view.live import LiveView
        from skerry.cli.build_view.live_transfers import LiveReport

        with LiveView(out) as live:
            options.pull_options["report"] = lambda: LiveReport(live, out)
            yield live
        return
    view = _plain_view(how, args, options, out)
    try:
        yield view
    except BaseException:
        if hasattr(view, "failed"):
            view.failed()
        raise


def _how(args: Args, options: BuildOptions, out: Output) -> str:
    how = args["progress"]
    if args["quiet"] or how in ("quiet", "none"):
        return "quiet"
    if how == "rawjson" or args["explain"]:
        return "rawjson" if how == "rawjson" or args["explain"] == "json" else "plain"
    if how == "plain" or (how == "auto" and args["log_rusage"]):
        return "plain"
    terminal = out.err_is_terminal and os.environ.get("TERM", "dumb") != "dumb"
    if how == "tty":
        if not terminal:
            raise Invalid("failed to get console: --progress=tty needs a terminal on standard error")
        return "tty"
    # Lines go to stdout, as Podman's: who pipes them wants lines.
    return "tty" if terminal and (out.is_terminal or _writes_stdout(options)) else "plain"


def _plain_view(how: str, args: Args, options: BuildOptions, out: Output) -> View:
    if how == "quiet":
        from skerry.cli.build_view.quiet import QuietView

        return QuietView(out)
    if how == "rawjson":
        if not args["explain"]:
            from skerry.cli.build_view.solve_status import SolveStatusView

            return SolveStatusView(out)
        from skerry.cli.build_view.json_lines import JsonView

        return JsonView(out)
    from skerry.cli.build_view.plain import PlainView

    if _writes_stdout(options):
        from skerry.cli.build_view.logfile import LogFile

        return PlainView(LogFile("", fd=2))
    explain = bool(args["explain"])
    whole = explain or args["progress"] == "plain" or out.command.startswith("buildx")
    return PlainView(out, explain=explain, whole=whole)


def _writes_stdout(options: BuildOptions) -> bool:
    """Whether the result goes where the lines would go."""
    return any(output.dest == "-" for output in options.outputs)
