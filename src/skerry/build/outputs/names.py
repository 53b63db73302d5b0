"""The names that an image of a build gets."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions


def names_of(options: BuildOptions) -> list[str]:
    """Those of -t and of ``--output …,name=``, as they were given."""
    given = [name for output in options.outputs for name in output.attributes.get("name", "").split(",")]
    return list(dict.fromkeys(name for name in [*options.tags, *given] if name))
