"""Where COPY --from and RUN --mount take files from: a context, another stage, an image; and a folder for each."""

from __future__ import annotations

import posixpath
from contextlib import ExitStack, contextmanager

from skerry.build.base_image import find_image, in_context
from skerry.build.contexts import Context, ImageContext
from skerry.engine.builds.copying import CopyRequest, carry_out, gather
from skerry.engine.builds.select import Tree
from skerry.errors import Invalid, NotFound
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skerry.build.language.instructions import Mount
    from skerry.build.steps import StepWork
    from skerry.engine.builds.root import WorkingRoot


@dataclass(frozen=True, slots=True)
class Layers:
    """The tree that some layers show. ``name``: as the Containerfile calls it."""

    chain_ids: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class MountContent:
    """What of a mount counts for a step's key, and for an explanation."""

    key: list[Any]
    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A folder out here to be mounted. ``root``: the working root that it is in."""

    path: str
    root: WorkingRoot | None = None


def origin(step: StepWork, name: str) -> Context | Layers:
    """What ``name`` is: "" the main context; else a named context, a stage, an image (pulled). `NotFound`."""
    contexts, solver = step.solver.contexts, step.solver
    if not name:
        return contexts.main
    name = solver.plan.named(name, step.builder.planned.stage.index)
    index = solver.plan.find(name, step.builder.planned.stage.index)
    if index is not None:
        return Layers(tuple(solver.result(index).layers), name)
    named = contexts.named(name)
    if isinstance(named, Context):
        return named
    reference = named.reference if isinstance(named, ImageContext) else in_context(contexts, name)
    if reference == "scratch":
        return Layers((), name)
    image = find_image(step.engine, reference, step.builder.planned.platform, step.options)
    return Layers(tuple(image["layers"]), name)


def context_tree(context: Context) -> Tree:
    """A context as COPY sees it: without what the ignore file leaves out."""
    patterns = context.patterns
    if not patterns:
        return Tree(context.folder)
    return Tree(
        context.folder, ignored=patterns.matches, may_contain=patterns.may_match_below, ignore_file=context.ignore_file
    )


@contextmanager
def open_tree(step: StepWork, name: str) -> Iterator[Tree]:
    """The tree that COPY --from=NAME copies from."""
    found = origin(step, name)
    with ExitStack() as stack:
        if isinstance(found, Context):
            yield stack.enter_context(context_tree(found))
        else:
            root = stack.enter_context(step.engine.builds.open_root(found.chain_ids, writable=False))
            yield stack.enter_context(Tree(root.path))


def content_of(step: StepWork, mount: Mount) -> MountContent:
    """What a RUN's mount adds to its key: a secret and an agent how they are asked for, a cache its id."""
    head = [mount.type, mount.target, mount.readonly]
    if mount.type in ("secret", "ssh"):
        asked = [mount.env, mount.required, mount.uid, mount.gid, mount.mode]
        return MountContent([mount.type, mount.id or mount.source, mount.target, *asked])
    if mount.type == "tmpfs":
        return MountContent([*head, mount.size, *(["tmpcopyup"] if mount.copy_up else [])])
    if mount.type == "cache":
        step.solver.use_cache_mount(_cache_id(step, mount))
        return MountContent([*head, mount.id, mount.from_, mount.source, mount.uid, mount.gid, mount.mode])
    found = origin(step, mount.from_)
    if isinstance(found, Layers):
        return MountContent([*head, list(found.chain_ids[-1:]), mount.source])
    with context_tree(found) as tree:
        gathered = gather(step.engine, tree, CopyRequest(dest="/", patterns=[mount.source or "."]))
    return MountContent([*head, mount.source, gathered.digest], gathered.files)


@contextmanager
def open_mount(step: StepWork, mount: Mount) -> Iterator[Source]:
    """The folder or file to bind for a mount of type bind or cache."""
    with ExitStack() as stack:
        if mount.type == "cache":
            yield Source(_cache(stack, step, mount))
        else:
            yield _bound(stack, step, mount)


def _cache(stack: ExitStack, step: StepWork, mount: Mount) -> str:
    seed = ""
    if mount.from_:
        seed = _bound(stack, step, mount).path
    cache = stack.enter_context(
        step.engine.builds.cache_mount(
            _cache_id(step, mount), sharing=mount.sharing or "shared", uid=mount.uid or 0, gid=mount.gid or 0,
            mode=0o755 if mount.mode is None else mount.mode, source=seed, cancelled=step.solver.cancelled,
        )
    )  # fmt: skip
    return cache.path


def _cache_id(step: StepWork, mount: Mount) -> str:
    """Its id, or its place; one that begins as something else's copy is another with each content of that."""
    name = mount.id or step.state.absolute(mount.target).rstrip("/") or "/"
    space = step.solver.plan.arguments.get("BUILDKIT_CACHE_MOUNT_NS", "")
    name = f"{space}/{name}" if space else name
    if not mount.from_:
        return name
    found = origin(step, mount.from_)
    if isinstance(found, Layers):
        return f"{name} from {found.chain_ids[-1] if found.chain_ids else 'scratch'} {mount.source}".rstrip()
    return f"{name} from {found.origin} {mount.source}".rstrip()


def _bound(stack: ExitStack, step: StepWork, mount: Mount) -> Source:
    """A bind's source. Writes are for the step alone: what is writable is an overlay or a copy."""
    found = origin(step, mount.from_)
    source = posixpath.normpath("/" + mount.source).strip("/") or "."
    if isinstance(found, Layers):
        root = stack.enter_context(step.engine.builds.open_root(found.chain_ids, writable=not mount.readonly))
        return Source(_inside(root.path, source, mount), root)
    if mount.readonly and not found.patterns:
        return Source(_inside(found.folder, source, mount))
    # What the ignore file leaves out must not show: only the rest is copied.
    root = stack.enter_context(step.engine.builds.open_root(()))
    with context_tree(found) as tree:
        gathered = gather(
            step.engine, tree,
            CopyRequest(dest="/tree/" if source == "." else f"/tree/{source}", patterns=[source], owner=None),
        )  # fmt: skip
        carry_out(root.path, gathered, now_ns=0)
    return Source(_inside(root.path, f"tree/{source}", mount), root)


def _inside(folder: str, source: str, mount: Mount) -> str:
    with Tree(folder) as tree:
        try:
            (chosen,) = tree.choose(source)
        except NotFound as error:
            raise NotFound(f"--mount {mount.text}: {error.message}") from None
        except ValueError:
            raise Invalid(f"--mount {mount.text}: the source must be one file or folder") from None
    return folder if chosen.real == "." else f"{folder}/{chosen.real}"
