"""What a stage begins with: nothing, an image, or another stage."""

from __future__ import annotations

from skerry.build.stage_state import DEFAULT_PATH, StageState
from skerry.engine.builds.select import Tree
from skerry.errors import NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.contexts import Context, Contexts
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

_ARCHIVES = ("oci-archive", "docker-archive", "oci", "dir")
_DOCUMENT = ("author", "os.version", "os.features")


def scratch(platform: str) -> StageState:
    """FROM scratch."""
    return StageState(
        base="scratch", document=of_platform(platform), platform=platform,
        config={"WorkingDir": "/", "Env": [f"PATH={DEFAULT_PATH}"]},  # as both builders have it
    )  # fmt: skip


def from_image(engine: Engine, name: str, platform: str, options: BuildOptions) -> StageState:
    """FROM an image, pulled if the options say so."""
    image = find_image(engine, name, platform, options)
    document: dict[str, Any] = of_platform(platform)
    for key in ("architecture", "os", "variant"):
        if image.get(key):
            document[key] = image[key]  # type: ignore[literal-required]
    if image.get("author"):
        document["author"] = image["author"]
    config = {key: value for key, value in image["config"].items() if value is not None}
    state = StageState(
        layers=list(image["layers"]), config=config, document=document, base_history=list(image["history"]),
        base=name, base_layers=len(image["layers"]), base_digest=image["digest"], platform=platform,
        created_ns=image["created_ns"], base_name=image["names"][0] if image["names"] else "",
    )  # fmt: skip
    if options.inherit_labels and not (options.unset_env or options.unset_labels):
        state.base_id = image["id"]
    for text in options.unset_env:
        state.config["Env"] = [item for item in state.config.get("Env") or () if item.partition("=")[0] != text]
    if not options.inherit_labels:
        state.config.pop("Labels", None)
    for label in options.unset_labels:
        (state.config.get("Labels") or {}).pop(label, None)
    return state


def from_folder(engine: Engine, context: Context, name: str, platform: str) -> StageState:
    """FROM a named context that is a folder: its files are the only layer."""
    from skerry.build.keys import step_key
    from skerry.build.origins import context_tree
    from skerry.engine.builds.copying import CopyRequest, carry_out, gather

    state = scratch(platform)
    state.base = name
    with context_tree(context) as tree:
        gathered = gather(engine, tree, CopyRequest(dest="/", patterns=["."]))
        key = step_key("copy", "", content=gathered.digest, dest="/")
        with engine.builds.lock_step(key):
            record = engine.builds.lookup(key)
            if record is None:
                with engine.builds.open_root(()) as root:
                    carry_out(root.path, gathered, now_ns=0)
                    layer = root.commit()
                record = engine.builds.record(key, layer["chain_id"] if layer else None)
    if record["layer"] is not None:
        state.layers.append(record["layer"])
        state.note(f"/bin/sh -c #(nop) COPY dir:{gathered.digest} in / ", empty=False, created_ns=record["created_ns"])
    return state


def in_context(contexts: Contexts, name: str) -> str:
    """An image's name; of an archive or a layout that the context has, as Podman looks for it, its place out here."""
    transport, _, rest = name.partition(":")
    if transport not in _ARCHIVES or not contexts.main.folder:
        return name
    path, colon, which = (rest, "", "") if transport == "dir" else rest.partition(":")
    with Tree(contexts.main.folder) as tree:
        try:
            (chosen,) = tree.choose(path)
        except (NotFound, ValueError):
            return name
    return f"{transport}:{contexts.main.folder}/{chosen.real}{colon}{which}"


def find_image(engine: Engine, name: str, platform: str, options: BuildOptions) -> ImageRecord:
    """The image here, or pulled as ``--pull`` has it."""
    from skerry.build.platforms import host
    from skerry.engine.images.resolve import find

    if options.source_policy is not None:
        name = options.source_policy.image(engine, name)

    policy = {"true": "always", "false": "missing", "ifmissing": "missing"}.get(options.pull, options.pull)
    if policy in ("missing", "never"):
        record = find(engine, name)
        if record is not None and _is_for(record, platform):
            _warn_of_variant(engine, record, platform)
            return record
        record = _in_list(engine, name, platform) if platform != host() else None
        if record is not None:
            return record
    from skerry.engine.images.pull_for import image_for

    request: dict[str, Any] = {**options.pull_options, "image": name, "pull": policy}
    if platform != host():
        request["platform"] = platform
    try:
        return image_for(engine, request)  # type: ignore[arg-type]
    except SkerryError as error:
        shown = error.message if name in error.message else f"{name}: {error.message}"
        error.message = f"creating build container: {shown}"
        raise


def _is_for(image: ImageRecord, platform: str) -> bool:
    wanted = platform.split("/")
    if not image["architecture"]:
        return True
    return [image["os"] or "linux", image["architecture"]] == wanted[:2]


def _in_list(engine: Engine, name: str, platform: str) -> ImageRecord | None:
    """The image for another platform of a list that is here."""
    from skerry.engine.images.transfer import platform_of
    from skerry.engine.manifests.find import find_list, instance
    from skerry.errors import NotFound

    found = find_list(engine, name)
    try:
        return instance(engine, found, platform_of(platform=platform)) if found is not None else None
    except NotFound:
        return None


def _warn_of_variant(engine: Engine, image: ImageRecord, platform: str) -> None:
    wanted = platform.split("/")
    if len(wanted) > 2 and image["architecture"] and image["variant"] != wanted[2]:
        found = "/".join(filter(None, (image["os"] or "linux", image["architecture"], image["variant"])))
        engine.log(f"image platform ({found}) does not match the expected platform ({platform})")


def of_platform(platform: str) -> dict[str, Any]:
    """The image config's fields of ``OS/ARCH[/VARIANT]``."""
    parts = platform.split("/")
    found = {"os": parts[0], "architecture": parts[1]}
    return {**found, "variant": parts[2]} if parts[2:] else found
