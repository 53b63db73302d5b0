"""Searching registries for images, and a repository for its tags."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from skerry.config import identity, registries
from skerry.engine.images.transfer import Transfer, connect
from skerry.errors import Invalid, NotFound, SkerryError, Unavailable
from skerry.image.reference import DOCKER_HUB, parse
from skerry.image.registry import search as by_name
from skerry.image.registry.endpoints import Endpoint, endpoints
from skerry.image.registry.tags import all_tags
from skerry.image.shortnames import full
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.image.registry.search import Found

_LIMIT = 25
_AT_ONCE = 6
_HUB_SEARCH = "index.docker.io"


@dataclass(frozen=True)
class Search:
    """``limit`` 0 is the default (25 of each registry). ``filters``: stars=N, is-official[=BOOL], is-automated[=BOOL]."""

    filters: Sequence[str] = ()
    limit: int = 0
    list_tags: bool = False
    transfer: Transfer = field(default_factory=Transfer)


def search(engine: Engine, term: str, options: Search) -> list[dict[str, Any]]:
    """See `Images.search`. What one of several registries answers is enough; the errors count when none does."""
    passes = _filter(options.filters)
    if options.list_tags and options.filters:
        raise Invalid("filters are not applicable to list tags result")
    registry, slash, rest = term.partition("/")
    places = [registry] if slash else engine.settings.search_registries
    term = rest if slash else term
    found: list[dict[str, Any]] = []
    errors: list[SkerryError] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in [pool.submit(_one, engine, place, term, options, passes) for place in places]:
            try:
                found += future.result()
            except SkerryError as error:
                errors.append(error)
    if found or not errors:
        return found
    if len(errors) == 1:
        raise errors[0]
    raise Unavailable(f"{len(errors)} errors occurred: " + "; ".join(error.message for error in errors))


def _one(
    engine: Engine, registry: str, term: str, options: Search, passes: Callable[[Found], bool]
) -> list[dict[str, Any]]:
    """One registry. Runs in a thread."""
    if options.list_tags:
        return _tags(engine, registry, term, options)
    limit = options.limit if options.limit > 0 else _LIMIT
    endpoint = Endpoint(registry, "", insecure=registries.push_endpoint(_tables(), registry).insecure)
    if registry == DOCKER_HUB:
        endpoint.host = _HUB_SEARCH
    try:
        with closing(connect(engine.settings, endpoint, options.transfer)) as client:
            results = by_name.search(client, term, limit)
    except SkerryError as error:
        error.message = f'couldn\'t search registry "{registry}": {error.message}'
        raise
    return [_row(registry, item) for item in results[:limit] if passes(item)]


def _tables() -> list[registries.Registry]:
    return registries.load(identity.current())


def _row(registry: str, item: Found) -> dict[str, Any]:
    name = f"{registry}/{item.name}"
    if ".".join(registry.split(".")[-2:]) == DOCKER_HUB and "/" not in item.name:
        name = f"{DOCKER_HUB}/library/{item.name}"
    return {
        "Index": registry,
        "Name": name,
        "Description": item.description.replace("\n", " "),
        "Stars": item.stars,
        "Official": "[OK]" if item.official else "",
        "Automated": "[OK]" if item.automated else "",
        "Tag": "",
    }


def _tags(engine: Engine, registry: str, term: str, options: Search) -> list[dict[str, Any]]:
    try:
        reference = full(parse(f"{registry}/{term}"))
    except Invalid:
        raise Invalid(f'reference "{term}" must be a docker reference') from None
    *_mirrors, endpoint = endpoints(reference)
    try:
        with closing(connect(engine.settings, endpoint, options.transfer)) as client:
            tags = all_tags(client)
    except NotFound:
        raise NotFound(
            f"getting repository tags: fetching tags list: StatusCode: 404, {reference.repository}"
        ) from None
    except SkerryError as error:
        error.message = f"getting repository tags: {error.message}"
        raise
    empty = {"Description": "", "Stars": 0, "Official": "", "Automated": ""}
    return [
        {"Index": registry, "Name": reference.repository, **empty, "Tag": tag}
        for tag in tags[: options.limit if options.limit > 0 else _LIMIT]
    ]


def _filter(filters: Sequence[str]) -> Callable[[Found], bool]:
    stars, wanted = 0, dict[str, bool]()
    for item in filters:
        key, equals, value = item.partition("=")
        if key == "stars":
            if not equals:
                raise Invalid(f'invalid filter "{item}", should be stars=<value>')
            if not value.removeprefix("-").isdecimal():
                raise Invalid(f'incorrect value type for stars filter: strconv.Atoi: parsing "{value}": invalid syntax')
            stars = int(value)
        elif key in ("is-official", "is-automated"):
            wanted[key] = value != "false"
        else:
            raise Invalid(f'invalid filter type "{item}"')
    return lambda found: (
        found.stars >= stars
        and wanted.get("is-official", found.official) == found.official
        and wanted.get("is-automated", found.automated) == found.automated
    )
