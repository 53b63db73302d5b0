"""``build --check``: what BuildKit's checks find in a Containerfile."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine


def check(engine: Engine, options: BuildOptions, out: Output) -> int:
    """Print the findings; 1 when there are any."""
    from skerry.build.build import findings
    from skerry.cli.build_view.plain import warning_text

    found = findings(engine, options)
    for warning in found:
        out.line(f"WARNING: {warning_text(warning)}")
    out.line(f"Check complete, {f'{len(found)} warnings have' if len(found) != 1 else '1 warning has'} been found!" if found
             else "Check complete, no warnings found.")  # fmt: skip
    return 1 if found else 0
