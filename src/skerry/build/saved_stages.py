"""``--save-stages``: an image of each stage on the way to the target; ``--stage-labels`` says which each one is,
``--layer-label`` whatever is wanted."""

from __future__ import annotations

from skerry.build.build import finished, make_image
from skerry.build.options import BuildOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.plan import Planned
    from skerry.build.solver import Solver
    from skerry.build.stage_state import StageState
    from skerry.engine.engine import Engine

_NAME, _BASE = "io.buildah.stage.name", "io.buildah.stage.base"  # what Podman's tools look for


def save_stages(engine: Engine, options: BuildOptions, solver: Solver, target: StageState) -> StageState:
    """Make images of the stages that were built for ``target``, whose state is given back with its labels."""
    images: dict[int, str] = {}
    plain = BuildOptions(
        format=options.format, timestamp=options.timestamp, source_date_epoch=options.source_date_epoch,
        omit_history=options.omit_history, no_cache=options.no_cache,
    )  # fmt: skip
    states = solver.states()
    for index in sorted(states.keys() - {solver.plan.target}):
        planned = solver.plan.stages[index]
        state = _labelled(options, states[index], planned, images)
        if options.layer_labels:
            state = _with_labels(state, options.layer_labels)
        images[index] = make_image(engine, plain, finished(engine, plain, state, planned.platform))["id"]
    return _labelled(options, target, solver.plan.stages[solver.plan.target], images)


def _labelled(options: BuildOptions, state: StageState, planned: Planned, images: dict[int, str]) -> StageState:
    if not options.stage_labels:
        return state
    base = state.base if planned.base is None else images.get(planned.base, "")
    return _with_labels(state, {_NAME: planned.label, _BASE: base})


def _with_labels(state: StageState, labels: dict[str, str]) -> StageState:
    new = state.copy()
    new.base_id = ""  # it is an image of its own
    new.config["Labels"] = {**(state.config.get("Labels") or {}), **labels}
    return new
