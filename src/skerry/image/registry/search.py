"""Searching one registry: by the old v1 endpoint that Docker Hub and Quay serve, else in the catalog of repositories.

Answers are strangers' words: bounded, their types checked, and nothing in them is followed but a page of the catalog.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

from skerry import fastjson
from skerry.errors import Corrupt, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.image.registry.client import Client

_MAX_PAGE, _MAX_PAGES = 4 << 20, 1000
_CATALOG = ("registry:catalog:*",)


class Found:
    """One repository that matches. Catalogs know only names."""

    __slots__ = ("automated", "description", "name", "official", "stars")

    def __init__(
        self, name: str, description: str = "", stars: int = 0, *, official: bool = False, automated: bool = False
    ) -> None:
        self.name = name
        self.description = description
        self.stars = stars
        self.official = official
        self.automated = automated


def search(client: Client, term: str, limit: int) -> list[Found]:
    """Repositories whose names have ``term`` in them, some ``limit`` of them (v1 servers may send more)."""
    client.reach()  # what is wrong with the connection is said once, not hidden by the second way
    if term:
        found = _by_v1(client, term, limit)
        if found is not None:
            return found
    return _by_catalog(client, term, limit)


def _by_v1(client: Client, term: str, limit: int) -> list[Found] | None:
    """None where there is no such endpoint."""
    url = f"{client.base}/v1/search?{urlencode({'q': term, 'n': limit})}"
    try:
        with client.request("GET", url, "searching", anonymous=True, patience=client.patience(retries=0)) as response:
            data = response.read(_MAX_PAGE, "the search's answer")
    except SkerryError:
        return None
    results = _json(data).get("results")
    if not isinstance(results, list):
        return []
    return [_of_v1(item) for item in results if isinstance(item, dict) and _name(item.get("name"))]


def _of_v1(item: dict[str, Any]) -> Found:
    description, stars = item.get("description"), item.get("star_count")
    return Found(
        item["name"], description if isinstance(description, str) else "",
        stars if isinstance(stars, int) and not isinstance(stars, bool) else 0,
        official=item.get("is_official") is True, automated=item.get("is_automated") is True,
    )  # fmt: skip


def _by_catalog(client: Client, term: str, limit: int) -> list[Found]:
    """Page by page. A repository of exactly this name comes first."""
    found: list[Found] = []
    url, seen = f"{client.base}/v2/_catalog", set[str]()
    for _page in range(_MAX_PAGES):
        with client.request("GET", url, "reading the catalog", scopes=_CATALOG) as response:
            data = response.read(_MAX_PAGE, "the catalog")
            link = response.header("Link")
        names = _json(data).get("repositories")
        for name in names if isinstance(names, list) else ():
            if _name(name) and term in name and len(found) < limit:
                found.insert(0 if name == term else len(found), Found(name))
        following = re.match(r"\s*<([^>]*)>", link)
        if not following or len(found) >= limit:
            return found
        seen.add(url)
        url = _next(client, url, following.group(1))
        if url in seen:
            break
    raise Corrupt("the catalog has no end")


def _next(client: Client, url: str, link: str) -> str:
    """The next page, on this server, wherever the link leads."""
    parts = urlsplit(client.target(url, link))
    return f"{client.base}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _json(data: bytes) -> dict[str, Any]:
    try:
        document = fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"the answer is {error.message}") from None
    if not isinstance(document, dict):
        raise Corrupt("the answer is no JSON object")
    return document


def _name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()
