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
    from skerry.cli.build_view.logfile import LogFile
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

        with LogFile(args["logfile"]) as file, _told(_lines(args, out, file)) as view:
            yield view
        return
    how = _how(args, options, out)
    if how == "tty":
        from skerry.cli.build_view.live import LiveView
        from skerry.cli.build_view.live_transfers import LiveReport

        with LiveView(out) as live:
            options.pull_options["report"] = lambda: LiveReport(live, out)
            yield live
        return
    with _told(_plain_view(how, args, options, out)) as view:
        yield view


@contextmanager
def _told(view: View) -> Iterator[View]:
    """What a view has kept for later is said at the end."""
    from skerry.cli.build_view.in_order import InOrder

    try:
        yield view
    except BaseException:
        if hasattr(view, "failed"):
            view.failed()
        raise
    if isinstance(view, InOrder):
        view.finish()


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
    if _writes_stdout(options):
        from skerry.cli.build_view.logfile import LogFile

        return _lines(args, out, LogFile("", fd=2))
    return _lines(args, out, out)


def _lines(args: Args, out: Output, where: Output | LogFile) -> View:
    """Podman's; all that we know where that is asked for, or BuildKit's name."""
    from skerry.cli.build_view.in_order import InOrder
    from skerry.cli.build_view.plain import PlainView
    from skerry.cli.builds.options import layers_of

    explain = bool(args["explain"])
    if explain or args["progress"] == "plain" or out.command.startswith("buildx"):
        return PlainView(where, explain=explain)
    return InOrder(PlainView(where, whole=where is not out, layers=layers_of(args)))


def _writes_stdout(options: BuildOptions) -> bool:
    """Whether the result goes where the lines would go."""
    return any(output.dest == "-" for output in options.outputs)
