"""Where an image of a build goes: names in the store, and places that -t names by their transport."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine


def names_of(engine: Engine, options: BuildOptions) -> list[str]:
    """Those of -t and of ``--output …,name=``, as they were given, without places."""
    return [name for name in _given(options) if not engine.builds.is_place(name)]


def places_of(engine: Engine, options: BuildOptions) -> list[str]:
    """What -t names by a transport, as Podman has it: ``oci:FOLDER``, ``docker-archive:FILE``, ``docker://NAME``."""
    return [name for name in _given(options) if engine.builds.is_place(name)]


def _given(options: BuildOptions) -> list[str]:
    given = [name for output in options.outputs for name in output.attributes.get("name", "").split(",")]
    return list(dict.fromkeys(name for name in [*options.tags, *given] if name))
