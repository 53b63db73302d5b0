"""The stages of a Containerfile: each FROM with what follows it, and the ARGs before the first."""

from __future__ import annotations

from skerry.build.errors import syntax_error
from skerry.build.language.commands import command
from skerry.build.language.instructions import Arg, From, Stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.language.ast import Dockerfile
    from skerry.build.language.instructions import Command


def parse_stage_list(dockerfile: Dockerfile) -> tuple[list[Arg], list[Stage]]:
    """(ARGs before the first FROM, stages). `BuildSyntaxError`."""
    meta: list[Arg] = []
    found: list[tuple[From, list[Command]]] = []
    for instruction in dockerfile.instructions:
        item = command(instruction)
        if isinstance(item, From):
            found.append((item, []))
        elif found:
            found[-1][1].append(item)
        elif isinstance(item, Arg):
            meta.append(item)
        else:
            raise syntax_error(
                "no build stage in current context", instruction.position, source=instruction.source,
                hint="the first instruction must be FROM (or ARG)",
            )  # fmt: skip
    if not found:
        last = dockerfile.instructions[-1]
        raise syntax_error(
            "no FROM statement found: dockerfile contains no stages to build", last.position, source=last.source
        )
    return meta, [Stage(start.name, n, start, tuple(commands)) for n, (start, commands) in enumerate(found)]
