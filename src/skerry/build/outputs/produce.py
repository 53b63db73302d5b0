"""A build with all that comes after the last step: images, files, lists, pushes, notes of what was made."""

from __future__ import annotations

import time

from skerry.build.build import solve, time_text
from skerry.build.contexts import open_contexts
from skerry.build.outputs.names import names_of, places_of
from skerry.build.shared_cache import export_cache, import_cache
from skerry.build.ssh import Agents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.containerfiles import Containerfile
    from skerry.build.contexts import Contexts
    from skerry.build.events import Event
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import BuildResult
    from skerry.build.outputs.work import Work
    from skerry.engine.engine import Engine


def produce(engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> BuildResult:
    """Build, and write every output. `Invalid` for outputs that cannot be together."""
    if options.outputs:
        from skerry.build.outputs.files import check_files

        check_files(options.outputs)
    engine.builds.full_names(names_of(engine, options))
    run = options.run
    engine.builds.check(
        capabilities=[*run.cap_add, *run.cap_drop], ulimits=run.ulimits, devices=run.devices, runtime=run.runtime
    )
    started = _now()
    import_cache(engine, options, report)
    with Agents(engine, options.ssh_keys) as agents, open_contexts(engine, options, report) as contexts:
        options.ssh.update(agents)
        result = solve(engine, options, contexts, report)
        if options.explain:
            return result
        _write(engine, options, contexts, result, started, report)
        export_cache(engine, options, result.stages, result.cache_mounts, report)
    engine.builds.finish()
    return result


def _write(
    engine: Engine, options: BuildOptions, contexts: Contexts, result: BuildResult, started: str,
    report: Callable[[Event], None],
) -> None:  # fmt: skip
    from skerry.build.outputs.images import write_images
    from skerry.build.outputs.notes import write_notes
    from skerry.build.outputs.work import Work

    work = Work(engine, options, result, contexts.main, started, _now(), _texts(contexts.read))
    lists = None
    if options.scan.wanted:
        from skerry.build.outputs.packages import PackageLists

        lists = PackageLists(engine, options, report)
        lists.make(contexts, result)
    if options.wants_image:
        write_images(work, report)
    if options.outputs:
        from skerry.build.outputs.files import write_files

        for output in options.outputs:
            write_files(work, output, report)
    if lists is not None:
        lists.write()
    write_notes(work)
    sent = places_of(engine, options) and not any(solved.same_as for solved in result.solved)
    if options.wants_image and (options.outputs or sent) and not result.names:
        _forget(work)


def _forget(work: Work) -> None:
    """An image that was only made to be written to an archive."""
    if any(output.type in ("image", "registry") or not output.dest for output in work.options.outputs):
        return
    if work.options.manifest:
        return
    for image_id in work.result.images.values():
        if not work.engine.images.resolve(image_id)["names"]:
            work.engine.images.remove([image_id], ignore=True, prune=False)


def _texts(files: list[Containerfile]) -> dict[str, str]:
    return {item.name: item.data.decode("utf-8", "surrogateescape") for item in files}


def _now() -> str:
    return time_text(time.time_ns() // 10**9 * 10**9)
