"""Images of a build's result: in this store under their names, as a list of several, with attestations, in registries."""

from __future__ import annotations

import os

from skerry.build.build import make_image
from skerry.build.events import Note
from skerry.build.outputs.annotations import chosen
from skerry.build.outputs.names import names_of, places_of
from skerry.build.shared_cache import transfer_of
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.build.events import Event
    from skerry.build.options import Output
    from skerry.build.outcome import Solved
    from skerry.build.outputs.work import Work
    from skerry.engine.images.push import Push


def needs_list(work: Work) -> bool:
    """Whether the result is more than one manifest."""
    return len(work.result.solved) > 1 or bool(work.options.attestations)


def pushing(work: Work) -> list[Output | None]:
    """The outputs that go to a registry; None is --push."""
    found: list[Output | None] = [
        output for output in work.options.outputs
        if output.type == "registry" or output.attributes.get("push") in ("true", "1")
    ]  # fmt: skip
    return [None, *found] if work.options.push else found


def write_images(work: Work, report: Callable[[Event], None]) -> None:
    """Make them, name them, push them. `Invalid` when what is asked for needs a name."""
    engine, options, result = work.engine, work.options, work.result
    names = names_of(engine, options)
    stays = not options.outputs or any(output.type in ("image", "registry") for output in options.outputs) or any(
        output.type == "docker" and not output.dest for output in options.outputs
    )  # fmt: skip
    one = not needs_list(work)
    if one and not options.manifest and any(each.kind != "manifest" for each in options.annotations):
        raise Invalid("index annotations not supported for single platform export")
    shown = options.tags[0] if options.tags else ""
    mine = names if stays and one else []
    for number, solved in enumerate(result.solved):
        words = (solved.platform if len(result.solved) > 1 else "", solved.place)
        where = "".join(f"[{word}] " for word in words if word)
        report(Note(f"{where}COMMIT {shown}" if shown and stays and one and not number else f"{where}COMMIT"))
        image = make_image(engine, options, solved, mine if not number else ())
        report(Note(f"--> {image['id'][:12]}"))
        result.images[solved.platform] = image["id"]
        if not number:
            result.image_id, result.digest = image["id"], image["digest"]
    result.names = engine.builds.full_names(mine)
    if places := places_of(engine, options):
        _send(work, places)
    _push(work, names, report)
    if options.manifest:
        _add_to(work, options.manifest)
        for _output in pushing(work):
            report(Note(f"Pushing {options.manifest}"))
            engine.manifests.push(options.manifest, "", push_options(work, _output))
    if not one and stays and not options.manifest:
        if names:
            result.names = named_list(work, names, digests={})
        elif options.attestations and not places_of(engine, options):
            raise Invalid("an image with attestations needs a name", hint="-t NAME")


def push_options(work: Work, output: Output | None) -> Push:
    """Compression and credentials."""
    from skerry.engine.images.push import Push

    attributes = output.attributes if output is not None else {}
    compression = attributes.get("compression", "")
    if compression == "uncompressed":
        raise Invalid("--output …,compression=uncompressed is not supported for a registry: gzip and zstd are")
    level = attributes.get("compression-level", "")
    if level and not level.isdecimal():
        raise Invalid(f"invalid compression-level {level!r}")
    media = attributes.get("oci-mediatypes", "")
    return Push(
        format="oci" if media in ("true", "1") else "v2s2" if media in ("false", "0") else "",
        compression=compression, level=int(level) if level else None,
        force=attributes.get("force-compression") in ("true", "1"), transfer=transfer_of(work.options),
    )  # fmt: skip


def _push(work: Work, names: Sequence[str], report: Callable[[Event], None]) -> None:
    if work.options.manifest:
        return
    for output in pushing(work):
        if not names:
            raise Invalid("tag is needed when pushing to registry", hint="-t NAME")
        for name in names:
            report(Note(f"Pushing {name}"))
            if needs_list(work):
                work.pushed[name] = _push_list(work, name, output)
            else:
                work.pushed[name] = work.engine.images.push(work.result.image_id, name, push_options(work, output))


def _send(work: Work, places: Sequence[str]) -> None:
    """To where -t names a transport; as Podman without compression, but to a registry."""
    from skerry.engine.images.push import Push

    for place in places:
        options = push_options(work, None) if place.startswith("docker://") else Push(compression="uncompressed")
        if needs_list(work):
            _push_list(work, place, None)
        else:
            work.engine.images.push(work.result.image_id, place, options)


def _push_list(work: Work, name: str, output: Output | None) -> str:
    """Images first: attestations speak of their manifests as the registry has them, with compressed layers."""
    engine = work.engine
    digests = {}
    if work.options.attestations:
        for platform, image_id in work.result.images.items():
            digests[platform] = engine.images.push(image_id, name, push_options(work, output))
    temporary = make_list(work, name, digests)
    try:
        return engine.manifests.push(temporary, name, push_options(work, output))
    finally:
        engine.manifests.rm([temporary])


def make_list(work: Work, name: str, digests: dict[str, str]) -> str:
    """A list of the result's images under a name of its own. ``digests``: of the manifests as they are elsewhere."""
    temporary = f"localhost/skerry-build-{os.urandom(6).hex()}:latest"
    manifests = work.engine.manifests
    manifests.create(temporary)
    try:
        for solved in work.result.solved:
            digest = manifests.add_image(temporary, work.result.images[solved.platform])
            _describe(work, temporary, solved, digest)
            if work.options.attestations:
                digest = digests.get(solved.platform, digest)
                manifests.add_attestation(temporary, digest, _statements(work, solved, name, digest))
    except BaseException:
        manifests.rm([temporary])
        raise
    return temporary


def named_list(work: Work, names: Sequence[str], digests: dict[str, str]) -> list[str]:
    """A list that has the names from here on; those, in full. A list that had them before and has no other is gone."""
    engine = work.engine
    before = set()
    for name in names:
        if engine.images.exists(name) and _is_list(work, name):
            before.add(engine.manifests.resolve(name)["id"])
    temporary = make_list(work, names[0], digests)
    record = engine.manifests.resolve(temporary)
    engine.images.tag(temporary, *names)
    engine.images.untag(temporary, temporary)
    for old in before - {record["id"]}:
        if not engine.manifests.resolve(old)["names"]:
            engine.manifests.rm([old])
    return [name for name in engine.manifests.resolve(record["id"])["names"] if name != temporary]


def _is_list(work: Work, name: str) -> bool:
    try:
        return work.engine.manifests.exists(name)
    except Invalid:
        return False


def _add_to(work: Work, name: str) -> None:
    """--manifest: the images beside those that the list has."""
    manifests = work.engine.manifests
    if not manifests.exists(name):
        manifests.create(name)
    for solved in work.result.solved:
        digest = manifests.add_image(name, work.result.images[solved.platform])
        _describe(work, name, solved, digest)
        if work.options.attestations:
            manifests.add_attestation(name, digest, _statements(work, solved, name, digest))


def _describe(work: Work, name: str, solved: Solved, digest: str) -> None:
    """What --annotation says of the list and of this entry of it."""
    from skerry.engine.manifests.change import Details

    options, manifests = work.options, work.engine.manifests
    if of_list := chosen(options, "index"):
        manifests.annotate(name, index_annotations={**(manifests.resolve(name).get("annotations") or {}), **of_list})
    if of_entry := chosen(options, "manifest-descriptor", solved.platform):
        manifests.annotate(name, digest, details=Details(annotations=of_entry))


def _statements(work: Work, solved: Solved, name: str, digest: str) -> list[tuple[str, bytes]]:
    if not work.options.attestations:
        return []
    from skerry.build.outputs.statements import statements_about

    return statements_about(work, solved, name, digest)
