"""Pulling an image: manifest, config, layers, and then the row from which on it exists."""

from __future__ import annotations

from contextlib import closing

from skerry.config import policy
from skerry.engine.images.add import add_image, diff_ids_of, note_index, parse_config
from skerry.engine.images.pull_layers import fetch_layers
from skerry.engine.images.resolve import find
from skerry.engine.images.transfer import Report, Transfer, connect
from skerry.errors import Conflict, Corrupt, Denied, Invalid, NotFound, SkerryError, Unavailable, Unsupported
from skerry.image import locations, shortnames
from skerry.image.archive import MAX_JSON
from skerry.image.reference import parse
from skerry.image.registry import documents, platforms
from skerry.image.registry.endpoints import endpoints
from skerry.image.registry.tags import all_tags
from skerry.store.blobs import has_blob, read_blob
from skerry.store.partial import sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.reference import Reference
    from skerry.image.registry.client import Client
    from skerry.image.registry.documents import Descriptor, Document
    from skerry.image.registry.endpoints import Endpoint
    from skerry.image.registry.platforms import Platform
    from skerry.image.shortnames import Choose, Resolved

POLICIES = ("always", "missing", "never", "newer")
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_MAX_NESTING = 3
_TRIES = 3


class Pull:
    """What is wanted: ``platform`` None is this machine's. ``exact``: somebody asked for it. ``choose`` asks the user
    which of several names a short one means; None when nobody can be asked."""

    __slots__ = ("choose", "exact", "platform", "policy", "report", "transfer")

    def __init__(
        self,
        *,
        platform: Platform | None = None,
        policy: str = "always",
        transfer: Transfer | None = None,
        report: Report | None = None,
        choose: Choose | None = None,
    ) -> None:
        if policy not in POLICIES:
            raise Invalid(f'unsupported pull policy "{policy}"')
        self.exact = platform is not None
        self.platform = platform or platforms.host()
        self.policy = policy
        self.transfer = transfer or Transfer()
        self.report = report or Report()
        self.choose = choose

    def check_platform(self, os: object, architecture: object, variant: object) -> None:
        """Warn of an image for another platform, or without the variant that was asked for."""
        wanted = self.platform.variant if self.exact and str(self.platform) != "linux/arm64/v8" else ""
        same = (os, architecture) == (self.platform.os, self.platform.architecture)
        if not same or (wanted and variant != wanted):
            found = f"{os or ''}/{architecture or ''}" + (f"/{variant}" if variant else "")
            self.report.warn(f"image platform ({found}) does not match the expected platform ({self.platform})")


def pull(engine: Engine, name: str, options: Pull) -> ImageRecord:
    """See `Images.pull`."""
    return pull_named(engine, name, options)[0]


def pull_named(engine: Engine, name: str, options: Pull) -> list[ImageRecord]:
    """As `pull`; the image once for each name that it got: an archive may give it several."""
    try:
        location = locations.parse(name)
        if location is not None:
            from skerry.engine.images.pull_location import pull_location

            return pull_location(engine, location, options)
        return [_pull_from_registries(engine, name, options)]
    except SkerryError as error:
        engine.events.emit(type="image", status="pull-error", name=name, error=error.message)
        raise


def _pull_from_registries(engine: Engine, name: str, options: Pull) -> ImageRecord:
    here = find(engine, name)
    local = (
        None if options.policy == "always" or (here and options.exact and not _is_for(here, options.platform)) else here
    )
    if local and options.policy != "newer":
        return local
    if options.policy == "never":
        raise NotFound(f"{name}: image not known")
    if here and here["id"].startswith(name.removeprefix("sha256:")) and not _is_name_of(engine, name, here):
        if options.policy == "always":
            raise Invalid(f"pull policy is always but image has been referred to by ID ({name})")
        return here
    if here and here["names"] and not options.exact and "@" not in name:
        name = here["names"][0]  # what a short name means here, it means when it is pulled
    try:
        return _pull_first(engine, shortnames.resolve(engine.settings, name, options.choose), options, local)
    except SkerryError:
        if local:
            return local  # newer: what cannot be asked is not newer
        raise


def _is_name_of(engine: Engine, name: str, record: ImageRecord) -> bool:
    """A name may look like the beginning of an id."""
    try:
        return not set(record["names"]).isdisjoint(shortnames.local_candidates(engine.settings, name))
    except Invalid:
        return False


def pull_all_tags(engine: Engine, name: str, options: Pull) -> list[ImageRecord]:
    """Every tag of the repository."""
    location = locations.parse(name)
    if location is not None:
        raise Invalid(f"pulling all tags is not supported for {location.transport} transport")
    (reference, *_) = shortnames.resolve(engine.settings, name, options.choose).candidates
    if reference.digest or reference.tag != "latest" or name.endswith(":latest"):
        raise Invalid("tag can't be used with --all-tags/-a")
    tags = _tags(engine, reference, options)
    wanted = [shortnames.full(parse(f"{reference.repository}:{tag}")) for tag in tags]
    return [_pull_first(engine, shortnames.Resolved([item]), options) for item in wanted]


def _tags(engine: Engine, reference: Reference, options: Pull) -> list[str]:
    """The tags that the first mirror, or else the registry itself, has."""
    *mirrors, registry = endpoints(reference)
    for endpoint in mirrors:
        try:
            with closing(connect(engine.settings, endpoint, options.transfer)) as client:
                return all_tags(client)
        except SkerryError as error:
            options.report.warn(f"{endpoint}: {error.message}")
    with closing(connect(engine.settings, registry, options.transfer)) as client:
        return all_tags(client)


def _is_for(record: ImageRecord, platform: Platform) -> bool:
    same = (record["os"], record["architecture"]) == (platform.os, platform.architecture)
    return same and (not platform.variant or record["variant"] in ("", platform.variant))


def _pull_first(engine: Engine, resolved: Resolved, options: Pull, local: ImageRecord | None = None) -> ImageRecord:
    """The first of the candidates that some registry has (``local``, if it is the same); the error of all when none."""
    errors: list[SkerryError] = []
    if resolved.description:
        options.report.line(resolved.description)
    for reference in resolved.candidates:
        try:
            policy.load(options.transfer.signature_policy).check("docker", f"{reference}")
            places = endpoints(reference)
        except Denied as error:  # by policy.json, or blocked in registries.conf: another candidate may be allowed
            errors.append(error)
            continue
        for endpoint in places:
            options.report.line(f"Trying to pull {reference}...")
            start = f"Error: initializing source docker://{reference}: "
            options.transfer.limits.tell = lambda text, start=start: options.report.warn(
                text.replace("Error: ", start, 1)
            )  # type: ignore[misc]
            try:
                record = _pull_from(engine, reference, endpoint, options, local)
                _remember(engine, resolved, reference, options)
                return record
            except SkerryError as error:
                error.message = f"initializing source docker://{reference}: {error.message}"
                errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    text = "; ".join(error.message for error in errors)
    kind = errors[0].__class__ if len({type(error) for error in errors}) == 1 else Unavailable
    raise kind(f"{len(errors)} errors occurred while pulling: {text}")


def _remember(engine: Engine, resolved: Resolved, reference: Reference, options: Pull) -> None:
    """Keep what the user chose for a short name."""
    if not resolved.alias_of:
        return
    try:
        shortnames.remember(engine.settings, resolved.alias_of, reference)
    except OSError as error:  # the image is here; that it will be asked for again is no failure
        options.report.warn(f'cannot keep the short-name alias "{resolved.alias_of}": {error.strerror}')


def _pull_from(
    engine: Engine, reference: Reference, endpoint: Endpoint, options: Pull, local: ImageRecord | None
) -> ImageRecord:
    engine.store.db  # noqa: B018 - the root's folders exist
    sweep(engine.store)
    with closing(connect(engine.settings, endpoint, options.transfer)) as client:
        source = Source(client, options)
        manifest = source.manifest(reference)
        index = source.index
        if local and local["digest"] == manifest.digest:
            note_index(engine, local["id"], index)
            return local
        config = source.config(engine, manifest)
        options.report.line("Getting image source signatures")
        for _try in range(_TRIES - 1):
            try:
                return _store(engine, client, reference, manifest, config, index, options.report)
            except Conflict:
                continue  # a layer that was there was removed by another command meanwhile
        return _store(engine, client, reference, manifest, config, index, options.report)


def _store(
    engine: Engine, client: Client, reference: Reference, manifest: Document, config: bytes, index: str, report: Report
) -> ImageRecord:  # fmt: skip
    diff_ids = diff_ids_of(parse_config(config))
    if len(manifest.layers) != len(diff_ids):
        raise Corrupt(f"the image's config has {len(diff_ids)} layers, its manifest {len(manifest.layers)}")
    assert manifest.config
    with fetch_layers(engine, client, manifest.layers, diff_ids, report) as layers:
        report.copying(manifest.config.digest, len(config), "config")
        report.done(manifest.config.digest)
        report.line("Writing manifest to image destination")
        record = add_image(
            engine, config, manifest.data, manifest.media_type, layers.ids, [str(reference)], pulled=True,
            index_digest=index,
        )  # fmt: skip
        layers.keep()
    engine.events.emit(type="image", status="pull", id=record["id"], name=str(reference))
    return record


class Source:
    """An image in a registry."""

    def __init__(self, client: Client, options: Pull) -> None:
        self._client = client
        self._options = options
        self.index = ""  # the digest of what the reference itself means, when that is an index

    def manifest(self, reference: Reference) -> Document:
        """The manifest that ``reference`` names, through indexes to the one for the platform."""
        document = self._document(reference.digest or reference.tag, reference.digest, None)
        for _nested in range(_MAX_NESTING):
            if not document.manifests and document.config:
                break
            self.index = self.index or document.digest
            chosen = platforms.choose(document.manifests, self._options.platform, document.media_type)
            document = self._document(chosen.digest, chosen.digest, chosen)
        if document.config is None:
            raise Corrupt(f"{self._client.endpoint}: indexes in indexes in indexes")
        if document.config.media_type not in _CONFIGS:
            kind = document.config.media_type[:100]
            raise Unsupported(f'unsupported image-specific operation on artifact with type "{kind}"')
        return document

    def _document(self, name: str, digest: str, expected: Descriptor | None) -> Document:
        client = self._client
        data, content_type, promised = client.manifest(name, documents.ACCEPT, documents.MAX_MANIFEST)
        what = f"the manifest {name} of {client.endpoint}"
        found = documents.digest_of(data)
        promised = promised if promised.startswith("sha256:") else ""
        if found != (digest or promised or found):
            raise Corrupt(f"{what} has the digest {found}, not {digest or promised}")
        if expected and len(data) != expected.size:
            raise Corrupt(f"{what} has {len(data)} bytes, not {expected.size}")
        return documents.parse(data, content_type, what)

    def config(self, engine: Engine, manifest: Document) -> bytes:
        """The image's config, from the store when it is there."""
        descriptor = manifest.config
        assert descriptor
        data = b""
        if has_blob(engine.store, descriptor.digest):
            data = read_blob(engine.store, descriptor.digest, MAX_JSON)
        if documents.digest_of(data) != descriptor.digest:
            data = self._client.small_blob(descriptor.digest, descriptor.size, MAX_JSON)
        if documents.digest_of(data) != descriptor.digest:
            raise Corrupt(f"the image's config has the digest {documents.digest_of(data)}, not {descriptor.digest}")
        if len(data) != descriptor.size:
            raise Corrupt(f"the image's config has {len(data)} bytes, not {descriptor.size}")
        document = parse_config(data)
        self._options.check_platform(document.get("os"), document.get("architecture"), document.get("variant"))
        return data
