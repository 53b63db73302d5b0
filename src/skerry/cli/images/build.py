"""``skerry build``."""

from __future__ import annotations

from skerry.cli.builds.flags import BUILD_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTEXT]"
DESCRIPTION = (
    "Builds an image from a Containerfile (or Dockerfile) and the files of a context: a folder, a git or tar URL, or - for "
    "standard input. Steps whose inputs have not changed are taken from the cache; each one that is done says why. "
    "Stages that do not need each other are built at once."
)
EXAMPLES = (
    ("skerry build -t app .", "the Containerfile in this folder"),
    ("skerry build -t app --target test --build-arg VERSION=2 .", "one of its stages, with an argument"),
    ("skerry build --explain .", "which steps would be done, and why"),
    ("skerry build --secret id=token,src=token.txt -t app https://git.example.com/app.git#main", "from a repository"),
    ("skerry build -o out .", "the files instead of an image"),
)
FLAGS = BUILD_FLAGS
COMPLETE = "files"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.build.outputs.produce import produce
    from skerry.cli.build_view.choose import open_view
    from skerry.cli.builds.interrupt import Interrupts
    from skerry.cli.builds.options import build_options

    options = build_options(args, engine, out)
    with Interrupts() as interrupts:
        options.cancelled = interrupts.asked
        if args["check"] or args["call"] != "build":
            from skerry.cli.builds.call import call

            return call("check" if args["check"] else args["call"], engine, options, out)
        try:
            with open_view(args, options, out) as view:
                result = produce(engine, options, view)
        except BaseException as error:
            _explain(error, options, out)
            raise
    if options.explain:
        return 0
    if result.image_id and not any(output.dest == "-" for output in options.outputs):
        if not args["quiet"]:
            for name in result.names:
                out.line(f"Successfully tagged {name}")
        out.line(result.image_id)
    return 0


def _explain(error: BaseException, options: BuildOptions, out: Output) -> None:
    """The failing lines, before the error itself."""
    from skerry.build.errors import RunFailed
    from skerry.build.language.words import quoted
    from skerry.cli.build_view.failure import excerpt, hint_of, named_by, place_of

    place = place_of(error)
    lines: tuple[str, ...] = getattr(error, "lines", ())
    if place is not None and lines:
        for line in excerpt(lines, place[1], place[2], name=place[0], message=named_by(error)):
            out.error_text(line + "\n")
    if isinstance(error, RunFailed) and not error.hint and not options.on_error_shell:
        program = " ".join(error.argv)
        if "\n" not in program:  # a longer one is seen in the excerpt
            code = error.program_exit_code
            out.error_text(f"process {quoted(program)} did not complete successfully: exit code: {code}\n")
        out.error_text(f"hint: {hint_of(error)}\n")
