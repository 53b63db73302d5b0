"""A build with all that comes after the last step: images, files, lists, pushes, notes of what was made."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from skerry import fastjson
from skerry.build.build import make_image, solve
from skerry.build.contexts import open_contexts
from skerry.build.events import Note
from skerry.build.outcome import BuildResult
from skerry.build.shared_cache import export_cache, import_cache, transfer_of
from skerry.build.ssh import Agents
from skerry.errors import Invalid, SkerryError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.events import Event
    from skerry.build.options import BuildOptions, Output
    from skerry.build.outcome import Solved
    from skerry.engine.engine import Engine


def produce(engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> BuildResult:
    """Build, and write every output. `Invalid` for outputs that cannot be together."""
    several = len(options.platforms) > 1
    if several and options.tags and not options.manifest and not options.outputs:
        options.manifest, options.tags = options.tags[0], options.tags[1:]
    import_cache(engine, options, report)
    with Agents(engine, options.ssh_keys) as agents, open_contexts(engine, options, report) as contexts:
        options.ssh.update(agents)
        result = solve(engine, options, contexts, report)
        if options.explain:
            return result
        if options.wants_image:
            _images(engine, options, result, report)
        for output in options.outputs:
            _write(engine, options, result, output, report)
        export_cache(engine, options, result.stages, result.cache_mounts, report)
    _notes(options, result)
    engine.builds.finish()
    return result


def _images(engine: Engine, options: BuildOptions, result: BuildResult, report: Callable[[Event], None]) -> None:
    names = [*options.tags, *(n for o in options.outputs for n in o.attributes.get("name", "").split(",") if n)]
    for number, solved in enumerate(result.solved):
        mine = names if number == 0 else []
        if mine:
            report(Note(f"COMMIT {mine[0]}"))
        image = make_image(engine, options, solved, mine)
        result.images[solved.platform] = image["id"]
        if number == 0:
            result.image_id, result.digest, result.names = image["id"], image["digest"], list(image["names"])
    if options.manifest:
        _list(engine, options, result)
    push = options.push or any(_pushes(output) for output in options.outputs)
    if push:
        for name in [options.manifest] if options.manifest else names:
            _push(engine, options, name, report)


def _pushes(output: Output) -> bool:
    return output.type == "registry" or output.attributes.get("push") in ("true", "1")


def _list(engine: Engine, options: BuildOptions, result: BuildResult) -> None:
    if not engine.manifests.exists(options.manifest):
        engine.manifests.create(options.manifest)
    for image_id in result.images.values():
        engine.manifests.add_image(options.manifest, image_id)


def _push(engine: Engine, options: BuildOptions, name: str, report: Callable[[Event], None]) -> None:
    from skerry.engine.images.push import Push

    report(Note(f"Pushing {name}"))
    push = engine.manifests.push if options.manifest else engine.images.push
    push(name, "", Push(transfer=transfer_of(options)))


def _write(
    engine: Engine, options: BuildOptions, result: BuildResult, output: Output, report: Callable[[Event], None]
) -> None:
    if output.type in ("image", "registry", "cacheonly"):
        return
    if output.type in ("oci", "docker"):
        _archive(engine, result, output)
        return
    clamp = options.source_date_epoch
    for solved in result.solved:
        _files(engine, solved, output, None if clamp is None else clamp * 10**9, several=len(result.solved) > 1)
    if output.dest != "-":
        report(Note(f"Wrote {output.dest}"))


def _files(engine: Engine, solved: Solved, output: Output, clamp_ns: int | None, *, several: bool) -> None:
    if output.type == "local":
        split = several and output.attributes.get("platform-split", "true") != "false"
        folder = f"{output.dest}/{solved.platform.replace('/', '_')}" if split else output.dest
        engine.builds.export_tree(solved.layers, folder, clamp_ns=clamp_ns)
        return
    if several:
        raise Invalid("--output type=tar is for one platform only", hint="type=local makes a folder for each")
    if output.dest == "-":
        if sys.stdout.isatty():
            raise Invalid("refusing to write a tar to a terminal", hint="-o FILE, or redirect the output")
        engine.builds.export_tar(solved.layers, 1, clamp_ns=clamp_ns)
        return
    try:
        fd = os.open(output.dest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unavailable(f"cannot write {output.dest}: {error.strerror}") from None
    try:
        engine.builds.export_tar(solved.layers, fd, clamp_ns=clamp_ns)
    finally:
        os.close(fd)


def _archive(engine: Engine, result: BuildResult, output: Output) -> None:
    as_folder = output.attributes.get("tar") == "false"
    kinds = {"oci": "oci-dir" if as_folder else "oci-archive", "docker": "docker-archive"}
    names = result.names or [result.image_id]
    try:
        engine.images.save(names[:1], "/dev/stdout" if output.dest == "-" else output.dest, format=kinds[output.type])
    except SkerryError as error:
        error.message = f"--output type={output.type}: {error.message}"
        raise


def _notes(options: BuildOptions, result: BuildResult) -> None:
    if options.iid_file:
        _write_file(options.iid_file, f"sha256:{result.image_id}")
    if options.iid_file_raw:
        _write_file(options.iid_file_raw, result.image_id)
    if options.metadata_file:
        notes: dict[str, Any] = {}
        if result.image_id:
            notes = {
                "containerimage.config.digest": f"sha256:{result.image_id}",
                "containerimage.digest": result.digest,
                "image.name": ",".join(result.names),
            }
        _write_file(options.metadata_file, fastjson.dumps(notes) + "\n")


def _write_file(path: str, text: str) -> None:
    try:
        beside = f"{path}.{os.getpid()}"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(beside, path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None
