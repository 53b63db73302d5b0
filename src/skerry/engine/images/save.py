"""Saving images as archives and folders that Podman, Docker, Skopeo and umoci read."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import OCI_MANIFEST, digest_of
from skerry.engine.images.resolve import resolve
from skerry.engine.images.write_image import PLAIN, Form, layers_of, write_image
from skerry.errors import Invalid
from skerry.image.beside import Beside
from skerry.image.layout import FolderTarget, TarTarget, add_bytes, write_error
from skerry.image.reference import HEX, repository_of, tag_of
from skerry.store.blobs import read_blob
from skerry.store.layers import open_layer_tar
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.layout import Target

FORMATS = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")
LAYOUT_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_NAME = "org.opencontainers.image.ref.name"


def save(
    engine: Engine, names: Sequence[str], target: str | BinaryIO, *, format: str, compress: bool, multi: bool,
    uncompressed: bool = False, advance: Callable[[int], object] | None = None,
) -> None:  # fmt: skip
    """See `Images.save`. A file appears when it is whole."""
    if format not in FORMATS:
        raise Invalid(f'unknown format "{format}"')
    chosen = select(engine, names, multi)
    _save(engine, chosen, target, format, compress=compress, uncompressed=uncompressed, advance=advance)
    for image, _names in chosen:
        engine.events.emit(type="image", status="save", id=image["id"], name=target if isinstance(target, str) else "")


def _save(
    engine: Engine, chosen: list[tuple[ImageRecord, list[str]]], target: str | BinaryIO, format: str, *,
    compress: bool, uncompressed: bool, advance: Callable[[int], object] | None,
) -> None:  # fmt: skip
    if len(chosen) > 1 and format not in ("docker-archive", "oci-archive"):
        raise Invalid(f"saving several images is not supported for format {format}")
    # Layouts have OCI's manifests: umoci reads no others. A config keeps its bytes, and so the image its id.
    media_type = OCI_MANIFEST if format.startswith("oci") else ""
    form = Form(media_type=media_type, encoding="gzip" if compress else PLAIN if uncompressed else "")
    if format.endswith("-dir"):
        if not isinstance(target, str):
            raise Invalid(f"--format {format} needs a folder (--output)")
        write_folder(engine, chosen[0][0], chosen[0][1], target, form, oci=format == "oci-dir")
        return
    if not isinstance(target, str):
        write_archive(engine, chosen, TarTarget(target, advance), form, oci=format == "oci-archive")
        return
    step("image.save")
    try:
        with Beside(target) as file:
            write_archive(engine, chosen, TarTarget(file, advance), form, oci=format == "oci-archive")
            step("image.save-rename")
    except OSError as error:
        raise write_error(error) from None


def select(engine: Engine, names: Sequence[str], multi: bool) -> list[tuple[ImageRecord, list[str]]]:
    """Images with the names that they are saved under. Without ``multi``, all names are one image's."""
    found: dict[str, tuple[ImageRecord, list[str]]] = {}
    for name in names:
        record = resolve(engine, name)
        _record, tags = found.setdefault(record["id"], (record, []))
        by_id = HEX.issuperset(name.removeprefix("sha256:")) and record["id"].startswith(name.removeprefix("sha256:"))
        if record["names"] and not by_id and record["names"][0] not in tags:
            tags.append(record["names"][0])
    if len(found) > 1 and not multi:
        first = next(iter(found.values()))[0]
        other = next(name for name in names if resolve(engine, name)["id"] != first["id"])
        raise Invalid(
            f"additional tag {other} is not a name of {first['id'][:12]}", hint="--multi-image-archive saves several"
        )
    return list(found.values())


def write_archive(
    engine: Engine, chosen: Sequence[tuple[ImageRecord, list[str]]], target: TarTarget, form: Form, *, oci: bool
) -> list[str]:
    """Images with their names as one docker-archive or OCI archive; the manifests' digests in an OCI archive."""
    index: list[dict[str, Any]] = []
    if oci:
        index = [entry for image, names in chosen for entry in _layout_image(engine, image, names, target, form)]
        _layout_ends(target, index)
    else:
        _docker_archive(engine, chosen, target, form)
    target.close()
    return [str(entry["digest"]) for entry in index]


# docker-archive: Podman's layout, with the one of Docker before 1.10 in links


def _docker_archive(
    engine: Engine, chosen: Sequence[tuple[ImageRecord, list[str]]], target: Target, form: Form
) -> None:
    entries: list[dict[str, Any]] = []
    repositories: dict[str, dict[str, str]] = {}
    for image, names in chosen:
        files = []
        for layer in layers_of(engine, image):
            name = layer["diff_id"][7:] + ".tar"
            files.append(name)
            if form.report:
                form.report.copying(layer["diff_id"], layer["size"])
            with open_layer_tar(engine.store, layer["chain_id"]) as stream:
                target.add(name, stream, layer["size"])
            if form.report:
                form.report.done(layer["diff_id"])
        config = read_blob(engine.store, f"sha256:{image['id']}")
        add_bytes(target, f"{image['id']}.json", config)
        if form.report:
            form.report.copying(f"sha256:{image['id']}", len(config), "config")
            form.report.done(f"sha256:{image['id']}")
        legacy = _legacy(target, files, config, image)
        for name in names:
            if legacy and "@" not in name:
                repositories.setdefault(repository_of(name), {})[tag_of(name)] = legacy
        entries.append(
            {"Config": f"{image['id']}.json", "RepoTags": [name for name in names if "@" not in name], "Layers": files}
        )
    add_bytes(target, "manifest.json", fastjson.dumps(entries).encode())
    add_bytes(target, "repositories", fastjson.dumps(repositories).encode())


def _legacy(target: Target, files: list[str], config: bytes, image: ImageRecord) -> str:
    """Folders as Docker wrote them before there were manifests; the name of the top one."""
    parent = ""
    for position, name in enumerate(files):
        document: dict[str, Any] = {"created": "1970-01-01T00:00:00Z", "layer_id": name[:-4]}
        if position == len(files) - 1:
            document = fastjson.loads(config)
            document.pop("history", None)
            document.pop("rootfs", None)
        if parent:
            document["parent"] = parent
        folder = digest_of(f"{parent}/{name}/{image['id'] if position == len(files) - 1 else ''}".encode())[7:]
        document["id"] = folder
        target.link(f"{folder}/layer.tar", f"../{name}")
        add_bytes(target, f"{folder}/VERSION", b"1.0")
        add_bytes(target, f"{folder}/json", fastjson.dumps(document, sort_keys=True).encode())
        parent = folder
    return parent


# OCI layouts and docker-dirs


def _layout_image(
    engine: Engine, image: ImageRecord, names: Sequence[str], target: Target, form: Form
) -> list[dict[str, Any]]:
    """Write an image's blobs into a layout; its entries in index.json."""
    manifest, media_type = write_image(engine, image, target, "blobs/sha256/", form)
    digest = digest_of(manifest)
    add_bytes(target, "blobs/sha256/" + digest[7:], manifest)
    base = {"mediaType": media_type, "digest": digest, "size": len(manifest)}
    return [{**base, "annotations": {_NAME: name}} if name else base for name in names or [""]]


def _layout_ends(target: Target, index: list[dict[str, Any]]) -> None:
    add_bytes(target, "oci-layout", LAYOUT_VERSION)
    add_bytes(target, "index.json", fastjson.dumps({"schemaVersion": 2, "manifests": index}).encode())


def add_to_layout(target: Target, descriptor: dict[str, Any], name: str) -> None:
    """Note a manifest or an index in a layout's index.json, beside those that are there already."""
    entry = {**descriptor, "annotations": {_NAME: name}} if name else descriptor
    _layout_ends(target, _merged(target, [entry]) if isinstance(target, FolderTarget) else [entry])


def write_folder(
    engine: Engine, image: ImageRecord, names: Sequence[str], path: str, form: Form, *, oci: bool
) -> str:  # fmt: skip
    """An image in an OCI layout (beside those that are there) or as a docker-dir (instead of what is there); its
    manifest's digest. Killed anywhere: the folder has the images that it had, or the new one, too."""
    target = FolderTarget(path)
    if oci:
        add_bytes(target, "oci-layout", LAYOUT_VERSION)  # what is cut is known for a layout, and can be written again
        entries = _layout_image(engine, image, names, target, form)
        step("image.save-index")
        _layout_ends(target, _merged(target, entries))
        return str(entries[0]["digest"])
    add_bytes(target, "version", b"Directory Transport Version: 1.1\n")
    manifest, _media_type = write_image(engine, image, target, "", form)
    step("image.save-index")
    add_bytes(target, "manifest.json", manifest)
    target.remove_others()
    return digest_of(manifest)


def _merged(target: FolderTarget, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layout's index with ``entries``, instead of images of the same name, and of itself without a name."""
    known = target.json("index.json")
    manifests = known.get("manifests") if isinstance(known, dict) else None
    names = {entry.get("annotations", {}).get(_NAME) for entry in entries}

    def stays(entry: Any) -> bool:
        if not isinstance(entry, dict):
            return False
        annotations = entry.get("annotations") or {}
        name = annotations.get(_NAME) if isinstance(annotations, dict) else None
        return name not in names if name else entry.get("digest") != entries[0]["digest"]

    return [*filter(stays, manifests if isinstance(manifests, list) else ()), *entries]
