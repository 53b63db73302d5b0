"""A build from its options to its image: contexts, Containerfile, plan, stages, image."""

from __future__ import annotations

import os
import time

from skerry.build.arguments import BUILDER, PROXIES
from skerry.build.base_image import of_platform
from skerry.build.containerfiles import read_containerfiles
from skerry.build.contexts import open_contexts
from skerry.build.errors import WouldRun
from skerry.build.events import StagesPlanned, Warned
from skerry.build.keys import digest, step_key
from skerry.build.language.parser import join, parse
from skerry.build.outcome import BuildResult, Solved
from skerry.build.plan import make_plan
from skerry.build.platforms import host, normalise, target_of
from skerry.build.shared_cache import StageCache
from skerry.build.solver import Schedule, Solver, solve_all
from skerry.build.stage_state import DEFAULT_PATH
from skerry.config.launcher import identity_label
from skerry.errors import Invalid, SkerryError
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from skerry.build.contexts import Contexts
    from skerry.build.events import Event
    from skerry.build.language.ast import Dockerfile
    from skerry.build.options import BuildOptions
    from skerry.build.plan import Plan
    from skerry.build.stage_state import StageState
    from skerry.engine.engine import Engine


def solve(engine: Engine, options: BuildOptions, contexts: Contexts, report: Callable[[Event], None]) -> BuildResult:
    """Build all platforms; no image yet. Errors of the Containerfile know their place, and its lines (``lines``)."""
    dockerfile = _read(engine, options, contexts)
    try:
        return _solve(engine, options, contexts, dockerfile, report)
    except BaseException as error:
        engine.builds.leave()
        if isinstance(error, SkerryError):
            position = getattr(error, "position", None)
            file = position.file if position is not None else getattr(error, "file", "")
            error.lines = dockerfile.sources.get(file, ())  # type: ignore[attr-defined]
        raise


def _solve(
    engine: Engine, options: BuildOptions, contexts: Contexts, dockerfile: Dockerfile, report: Callable[[Event], None]
) -> BuildResult:
    result = BuildResult()
    if options.all_platforms:
        from skerry.build.all_platforms import all_platforms

        options.platforms = all_platforms(engine, options, contexts, dockerfile)
    platforms = list(dict.fromkeys(normalise(platform) for platform in options.platforms)) or [host()]
    from skerry.build.checking import checked, planned
    from skerry.build.checks.check import settings_of

    schedule = Schedule(report, options.jobs or os.cpu_count() or 1)
    solvers: list[Solver] = []
    identity, several = _identity(contexts, dockerfile), len(platforms) > 1
    for platform in platforms:
        plan = planned(dockerfile, options, platform, report)
        if platform == platforms[0]:
            _set_epoch(options, {**plan.arguments, **plan.meta})
            result.warnings += checked(engine, contexts, dockerfile, plan, report)
        report(StagesPlanned(platform if several else "", tuple(index + 1 for index in plan.needed)))
        checks = settings_of(dockerfile, plan.arguments)
        solvers.append(
            Solver(
                engine, options, plan, contexts, schedule, platform=platform, identity=identity, checks=checks,
                several=several,
            )
        )  # fmt: skip
    # What --explain tells is read: one platform after the other.
    states = [_explained(each) for each in solvers] if options.explain else solve_all(solvers)
    for solver, state in zip(solvers, states, strict=True):
        result.warnings += solver.warnings
        result.steps += solver.steps
        result.cached += solver.cached
        if state is None:
            continue  # --explain has said what would be done
        result.stages += [StageCache(stage.layers, stage.steps) for stage in solver.finished()]
        result.cache_mounts |= solver.cache_mounts
        if options.save_stages:
            from skerry.build.saved_stages import save_stages

            state = save_stages(engine, options, solver, state)
        count = solver.plan.target + 1
        solved = finished(engine, options, state, solver.platform)
        result.solved.append(replace(solved, place=f"{count}/{count}" if count > 1 else ""))
        if solver is solvers[0]:
            result.warnings += _unused_arguments(solver.plan, report)
    return result


def _explained(solver: Solver) -> StageState | None:
    try:
        return solver.solve()
    except WouldRun:
        return None


def _set_epoch(options: BuildOptions, arguments: Mapping[str, str]) -> None:
    """SOURCE_DATE_EPOCH, given or an ARG before FROM, is the time of the image, too (as BuildKit has it)."""
    text = arguments.get("SOURCE_DATE_EPOCH", "")
    if options.source_date_epoch is None and text:
        if not (text.isascii() and text.isdigit()):
            raise Invalid(f"invalid SOURCE_DATE_EPOCH: {text}")
        options.source_date_epoch = int(text)


def targets(engine: Engine, options: BuildOptions) -> dict[str, Any]:
    """The Containerfile's stages, as `outline.targets_of` has them."""
    from skerry.build.outline import targets_of

    with open_contexts(engine, options, lambda _event: None) as contexts:
        return targets_of(_read(engine, options, contexts))


def outline(engine: Engine, options: BuildOptions) -> dict[str, Any]:
    """What the target takes, as `outline.outline_of` has it."""
    from skerry.build.outline import outline_of

    with open_contexts(engine, options, lambda _event: None) as contexts:
        dockerfile = _read(engine, options, contexts)
        return outline_of(dockerfile, make_plan(dockerfile, options, target_of(options)))


def _read(engine: Engine, options: BuildOptions, contexts: Contexts) -> Dockerfile:
    return join(parse(item.data, item.name) for item in read_containerfiles(engine, options, contexts))


def make_image(engine: Engine, options: BuildOptions, solved: Solved, names: Any = ()) -> Any:
    """The image of one platform's result: its record."""
    from skerry.build.outputs.annotations import annotations_of

    if solved.same_as:
        if names:
            engine.images.tag(solved.same_as, *names)
        return engine.images.resolve(solved.same_as)
    document = dict(solved.document)
    if options.os_version:
        document["os.version"] = options.os_version
    annotations = annotations_of(engine, options, solved)
    return engine.builds.image(document, solved.layers, list(names), format=options.format, annotations=annotations)


def _identity(contexts: Contexts, dockerfile: Dockerfile) -> str:
    return digest(
        [os.path.abspath(contexts.main.origin) if not contexts.main.own else contexts.main.origin, dockerfile.file]
    )


def _unused_arguments(plan: Plan, report: Callable[[Event], None]) -> list[Warned]:
    unused = sorted(set(plan.arguments) - plan.used_arguments - PROXIES - plan.builtin.keys() - BUILDER)
    if not unused:
        return []
    warning = Warned("", f"one or more build args were not consumed: [{' '.join(unused)}]")
    report(warning)
    return [warning]


def finished(engine: Engine, options: BuildOptions, state: StageState, platform: str) -> Solved:
    """The target's layers and the image's config document, with times that stay the same when nothing changes."""
    layers, history = _clamped(engine, options, state), _history(options, state)
    keep = 0 if options.squash_all else state.base_layers
    if (options.squash or options.squash_all) and len(layers) > keep:
        layers = _squashed(engine, options, layers, keep)
        history = _squashed_history(options, state, history)
    config = _config(options, state)
    document: dict[str, Any] = {**state.document, "config": config}
    if options.os_version:
        document["os.version"] = options.os_version
    if options.os_features:
        document["os.features"] = _features(document.get("os.features") or [], options.os_features)
    if options.platforms:  # that was asked for is what it is said to be, whatever FROM --platform built it on
        document = {**document, "variant": "", **of_platform(platform)}
        document = {key: value for key, value in document.items() if value != ""}
    if options.author:
        document["author"] = options.author
    created = _created(engine, options, state, {**document, "history": history, "layers": layers})
    for entry in history:
        entry["created"] = entry.get("created") or created
    document = {"created": created, **document}
    if not options.omit_history:
        document["history"] = history
    same = state.base_id if _is_unchanged(options, state, platform) else ""
    return Solved(platform, tuple(layers), document, state.base, state.base_digest, state.base_layers, same)


def _is_unchanged(options: BuildOptions, state: StageState, platform: str) -> bool:
    """Whether the result is the base itself, to be named: FROM alone, and no flag that asks for something else."""
    asked = (
        options.squash_all, options.env, options.labels, options.annotations,
        options.unset_annotations, not options.inherit_annotations, options.author, options.os_version,
        options.os_features, options.omit_history, options.outputs, options.attestations, options.timestamp is not None,
        options.source_date_epoch is not None,
    )  # fmt: skip
    same_platform = not options.platforms or of_platform(platform).items() <= state.document.items()
    return not state.history and not any(asked) and same_platform


def _features(before: list[str], asked: list[str]) -> list[str]:
    """--os-feature adds, with a minus at its end it takes away."""
    found = list(before)
    for feature in asked:
        if feature.endswith("-"):
            found = [each for each in found if each != feature[:-1]]
        elif feature not in found:
            found.append(feature)
    return found


def _clamp_ns(options: BuildOptions) -> int | None:
    return None if options.source_date_epoch is None else options.source_date_epoch * 10**9


def _clamped(engine: Engine, options: BuildOptions, state: StageState) -> list[str]:
    """The layers; with SOURCE_DATE_EPOCH those that were made here hold no later time, so that they are the same
    wherever they are made. The steps themselves do not depend on it: another commit's time leaves the cache whole."""
    clamp_ns, layers = _clamp_ns(options), list(state.layers)
    if clamp_ns is None:
        return layers
    builds = engine.builds
    for index in range(state.base_layers, len(layers)):
        key = step_key("rewrite", layers[index - 1] if index else "", layer=state.layers[index], clamp_ns=clamp_ns)
        record = builds.lookup(key)
        if record is None:
            (layer,) = builds.rewrite([*layers[:index], state.layers[index]], clamp_ns, keep=index)
            record = builds.record(key, layer["chain_id"])
        assert record["layer"] is not None
        layers[index] = record["layer"]
    return layers


def _squashed(engine: Engine, options: BuildOptions, layers: list[str], keep: int) -> list[str]:
    if len(layers) == keep + 1:
        return layers  # one layer already
    layer = engine.builds.squash(layers, keep=keep, clamp_ns=_clamp_ns(options))
    return [*layers[:keep], layer["chain_id"]]


def _squashed_history(options: BuildOptions, state: StageState, history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As Podman has it: the steps of this build stay, and the last that changed files has the one layer."""
    count = len(state.base_history)
    base, own = [] if options.squash_all else history[:count], history[count:]
    last = max((number for number, entry in enumerate(own) if not entry.get("empty_layer")), default=-1)
    if last < 0:  # the layer is what the base has
        text = history[count - 1]["created_by"] if count else "/bin/sh"
        return [*base, {"created_by": text, "comment": "squashed"}, *own]
    emptied = [entry if number == last else {**entry, "empty_layer": True} for number, entry in enumerate(own)]
    return [*base, *emptied]


def _config(options: BuildOptions, state: StageState) -> dict[str, Any]:
    config = dict(state.config)
    env = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    if not env.keys() - options.env.keys():
        env = {"PATH": DEFAULT_PATH, **env}
    config["Env"] = [f"{name}={value}" for name, value in env.items() if name not in options.unset_env]
    labels = {**dict([identity_label()] if options.identity_label else []), **options.labels}
    if labels:
        config["Labels"] = {**(config.get("Labels") or {}), **labels}
    return {key: value for key, value in config.items() if value not in (None, "", [], {})}


def _history(options: BuildOptions, state: StageState) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [dict(entry) for entry in state.base_history]
    fixed = _fixed(options)
    for entry in state.history:
        item: dict[str, Any] = {"created_by": entry.created_by}
        if fixed or entry.created_ns:
            item = {"created": fixed or time_text(entry.created_ns), **item}
        if entry.comment:
            item["comment"] = entry.comment
        if entry.empty:
            item["empty_layer"] = True
        found.append(item)
    return found


def _fixed(options: BuildOptions) -> str:
    seconds = options.timestamp if options.timestamp is not None else options.source_date_epoch
    return "" if seconds is None else time_text(seconds * 10**9)


def _created(engine: Engine, options: BuildOptions, state: StageState, document: dict[str, Any]) -> str:
    """The image's time: a given one, or when this very image was first built, so that a rebuild is the same image."""
    if fixed := _fixed(options):
        return fixed
    # An image with other annotations is another one, though they are not in its config.
    mine = [[each.platform, each.key, each.value] for each in options.annotations if each.kind == "manifest"]
    annotated = (mine, options.unset_annotations, options.inherit_annotations, options.created_annotation)
    key = step_key(
        "image", state.layers[-1] if state.layers else "", document=document, format=options.format,
        annotations=list(annotated) if annotated != ([], [], True, True) else [],
    )  # fmt: skip
    record = None if options.no_cache else engine.builds.lookup(key)
    if record is None:
        record = engine.builds.record(key, state.layers[-1] if state.layers else None)
    return time_text(record["created_ns"])


def time_text(ns: int) -> str:
    """RFC 3339 with nanoseconds, as Go writes it."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    fraction = f"{ns % 10**9:09d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"
