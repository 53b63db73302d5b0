"""``--cache-to`` and ``--cache-from``: a build's steps as images in a list, in a registry or a folder (an OCI layout).

One image for each stage: its layers are the steps' results, its label tells the steps' keys. With ``mounts=true`` one
more for each cache mount, whose only layer is what is in it. Everything that knows images can carry such a list.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.build.events import Note
from skerry.errors import Invalid, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from skerry.build.events import Event
    from skerry.build.options import BuildOptions, CacheLocation
    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Transfer

STEPS, MOUNT = "io.skerry.build.steps", "io.skerry.build.mount"
_MOST_STEPS = 10000

# (key, the chain id of its layer or None, how many layers its stage has then)
Done = tuple[str, "str | None", int]


class StageCache:
    """What one stage leaves: its layers, and the steps that made them."""

    def __init__(self, layers: list[str], steps: list[Done]) -> None:
        self.layers, self.steps = layers, steps


def export_cache(
    engine: Engine, options: BuildOptions, stages: Iterable[StageCache], mounts: Iterable[str],
    report: Callable[[Event], None],
) -> None:  # fmt: skip
    """Write the steps of ``stages`` to every ``--cache-to``."""
    kept = [stage for stage in stages if stage.steps]
    for location in options.cache_to:
        if location.type == "inline":
            raise Invalid("--cache-to type=inline is not supported", hint="type=registry or type=local")
        report(Note(f"Exporting cache to {location.where}"))
        name = f"localhost/skerry-cache-{os.urandom(6).hex()}:latest"
        images: list[str] = []
        try:
            images += [_stage_image(engine, stage) for stage in kept]
            if location.attributes.get("mounts") in ("true", "1"):
                images += [image for each in sorted(set(mounts)) if (image := _mount_image(engine, each))]
            if not images:
                continue
            if location.type == "local":
                _write(engine, images, location, options)
            else:
                _send(engine, name, images, location, options)
        finally:
            _forget(engine, name, images)


def _write(engine: Engine, images: list[str], location: CacheLocation, options: BuildOptions) -> None:
    """A folder with one image for each, in place of what was in it."""
    from skerry.engine.images.push import Push

    folder = os.path.abspath(location.where)
    if os.path.isfile(f"{folder}/oci-layout"):
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
    push = Push(transfer=transfer_of(options), compression=location.attributes.get("compression", "zstd"))
    for number, image in enumerate(images):
        engine.images.push(image, f"oci:{folder}:cache-{number}", push)


def _send(engine: Engine, name: str, images: list[str], location: CacheLocation, options: BuildOptions) -> None:
    """One list of them all, under one name of a registry."""
    from skerry.engine.images.push import Push

    engine.manifests.create(name)
    for image in images:
        engine.manifests.add_image(name, image)
    push = Push(transfer=transfer_of(options), compression=location.attributes.get("compression", ""))
    engine.manifests.push(name, f"docker://{location.where}", push)


def _stage_image(engine: Engine, stage: StageCache) -> str:
    steps = [[key, layer is not None, depth] for key, layer, depth in stage.steps]
    document = {"os": "linux", "architecture": "unknown", "config": {"Labels": {STEPS: fastjson.dumps(steps)}}}
    image_id: str = engine.builds.image(document, stage.layers)["id"]
    return image_id


def _mount_image(engine: Engine, mount: str) -> str:
    with engine.builds.staging() as staging:
        path = f"{staging.path}/mount.tar"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if not engine.builds.export_cache_mount(mount, fd):
                return ""
        finally:
            os.close(fd)
        record = engine.images.import_tar(path, architecture="unknown")
        document = {"os": "linux", "architecture": "unknown", "config": {"Labels": {MOUNT: mount}}}
        image_id: str = engine.builds.image(document, record["layers"])["id"]
        engine.images.remove([record["id"]], force=True)
        return image_id


def import_cache(engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> None:
    """Take over the steps of every ``--cache-from``. One that is not there, or is no cache, is only told."""
    before = {row["Id"] for row in engine.images.list(all=True)} if options.cache_from else set()
    for location in options.cache_from:
        try:
            images = _load(engine, location) if location.type == "local" else _pull(engine, location, options)
        except SkerryError as error:
            report(Note(f"Importing cache from {location.where}: {error.message}"))
            continue
        mounts = location.attributes.get("mounts") in ("true", "1")
        found = sum(
            _take_over(engine, image, options.imported, ours=image not in before, mounts=mounts) for image in images
        )
        report(Note(f"Importing cache from {location.where}: {found} steps"))


def _load(engine: Engine, location: CacheLocation) -> list[str]:
    if not os.path.isfile(f"{location.where}/oci-layout"):
        raise NotFound("there is no cache yet")
    return [name.removeprefix("sha256:") for name in engine.images.load(os.path.abspath(location.where), named=False)]


def _pull(engine: Engine, location: CacheLocation, options: BuildOptions) -> list[str]:
    transfer = transfer_of(options)
    listed = engine.manifests.inspect(f"docker://{location.where}", transfer=transfer)
    repository = location.where.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return [
        engine.images.pull(f"{repository}@{each['digest']}", transfer=transfer)["id"]
        for each in listed.get("manifests") or ()
    ]


def _take_over(engine: Engine, image_id: str, imported: set[str], *, ours: bool, mounts: bool) -> int:
    """Note the steps of one image; the image itself goes, its layers stay with the steps. One that was here before is
    not ``ours`` to remove: a cache comes from elsewhere, and may hold any image."""
    image = engine.images.resolve(image_id)
    labels = image["config"].get("Labels") or {}
    count = 0
    try:
        if mounts and MOUNT in labels:
            _take_mount(engine, labels[MOUNT], list(image["layers"]))
        for key, has_layer, depth in _steps(labels.get(STEPS, "[]")):
            if depth <= len(image["layers"]):
                layer = image["layers"][depth - 1] if has_layer and depth else None
                if engine.builds.lookup(key) is None:
                    engine.builds.record(key, layer)
                    imported.add(key)
                count += 1
    finally:
        if ours:
            engine.images.remove([image_id], force=True)
    return count


def _steps(text: str) -> list[tuple[str, bool, int]]:
    """What a label says, as far as it is well-formed: it comes from elsewhere."""
    try:
        rows = fastjson.loads(text)
    except SkerryError:
        return []
    if not isinstance(rows, list):
        return []
    return [
        (row[0], row[1], row[2]) for row in rows[:_MOST_STEPS]
        if isinstance(row, list) and len(row) == 3 and isinstance(row[0], str) and len(row[0]) == 64
        and isinstance(row[1], bool) and isinstance(row[2], int) and row[2] >= 0
    ]  # fmt: skip


def _take_mount(engine: Engine, mount: str, layers: list[str]) -> None:
    with engine.builds.staging() as staging:
        path = f"{staging.path}/mount.tar"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            engine.builds.export_tar(layers, fd)
            os.lseek(fd, 0, os.SEEK_SET)
            engine.builds.import_cache_mount(mount, fd)
        finally:
            os.close(fd)


def _forget(engine: Engine, name: str, images: list[str]) -> None:
    try:
        if engine.manifests.exists(name):
            engine.manifests.rm([name])
        if images:
            engine.images.remove(sorted(set(images)), force=True, ignore=True)
    except SkerryError:
        return  # they are nameless images: `image prune` takes them


def transfer_of(options: BuildOptions) -> Transfer:
    """Credentials and the like, as the build's pulls have them."""
    from skerry.engine.images.transfer import Transfer, limits

    given: dict[str, Any] = options.pull_options
    return Transfer(
        authfile=given.get("authfile", ""), cert_dir=given.get("cert_dir", ""),
        signature_policy=given.get("signature_policy", ""), creds=given.get("creds", ""),
        tls_verify=given.get("tls_verify"), limits=limits(given.get("retry", 3), given.get("retry_delay", "")),
    )  # fmt: skip
