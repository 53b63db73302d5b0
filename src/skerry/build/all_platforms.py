"""``--all-platforms``: those that every base image is there for."""

from __future__ import annotations

from skerry.build.contexts import Context
from skerry.build.plan import make_plan
from skerry.build.platforms import host, normalise
from skerry.build.shared_cache import transfer_of
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.contexts import Contexts
    from skerry.build.language.ast import Dockerfile
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine


def all_platforms(engine: Engine, options: BuildOptions, contexts: Contexts, dockerfile: Dockerfile) -> list[str]:
    """As the registries' lists have them. `Invalid` when there is none, or no base image."""
    common: list[str] | None = None
    for name in _bases(options, contexts, dockerfile):
        found = _platforms(engine, options, name)
        common = found if common is None else [platform for platform in common if platform in found]
    if not common:
        problem = "there is no base image" if common is None else "its base images have none in common"
        raise Invalid(f"--all-platforms: {problem}", hint="name the platforms with --platform")
    return common


def _bases(options: BuildOptions, contexts: Contexts, dockerfile: Dockerfile) -> list[str]:
    """Of the stages that are built; a FROM with a --platform of its own has nothing to say."""
    plan = make_plan(dockerfile, options, host())
    found = []
    for index in plan.needed:
        planned = plan.stages[index]
        if planned.base is None and planned.image != "scratch" and planned.stage.from_.platform is None:
            named = contexts.named(planned.image)
            if not isinstance(named, Context):
                found.append(named.reference if named is not None else planned.image)
    return list(dict.fromkeys(found))


def _platforms(engine: Engine, options: BuildOptions, name: str) -> list[str]:
    try:
        entries = engine.manifests.inspect(name, transfer=transfer_of(options)).get("manifests") or []
    except SkerryError:
        if not engine.images.exists(name):
            raise
        image = engine.images.resolve(name)  # it is only here
        entries = [
            {"platform": {"os": image["os"], "architecture": image["architecture"], "variant": image["variant"]}}
        ]
    found = []
    for entry in entries:
        platform = entry.get("platform") or {}
        parts = [platform.get("os"), platform.get("architecture"), platform.get("variant")]
        if parts[0] not in (None, "", "unknown") and parts[1]:
            found.append(normalise("/".join(part for part in parts if part)))
    return list(dict.fromkeys(found))
