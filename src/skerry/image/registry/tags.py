"""All tags of a repository, page by page."""

from __future__ import annotations

import re

from skerry import fastjson
from skerry.errors import Corrupt, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.image.registry.client import Client

_MAX_PAGE, _MAX_PAGES, _MAX_TAGS = 4 << 20, 1000, 100_000
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def all_tags(client: Client) -> list[str]:
    """Tags in the registry's order. `Corrupt` for what cannot be a tag."""
    url, found, seen = client.url("tags/list"), list[str](), set[str]()
    for _page in range(_MAX_PAGES):
        what = f"fetching tags list of {client.endpoint}"
        with client.request("GET", url, what) as response:
            data = response.read(_MAX_PAGE, "the list of tags")
            link = response.header("Link")
        try:
            document = fastjson.loads(data)
            tags = document["tags"] or []
        except (SkerryError, KeyError, TypeError):
            raise Corrupt(f"{what}: the registry's answer is no list of tags") from None
        for tag in tags if isinstance(tags, list) else [None]:
            if not isinstance(tag, str) or not _TAG.fullmatch(tag):
                raise Corrupt(f"{what}: {str(tag)[:100]!r} is no tag")
            found.append(tag)
        following = re.match(r'\s*<([^>]*)>\s*;\s*rel="?next"?', link)
        if not following:
            return found
        seen.add(url)
        url = client.target(url, following.group(1))
        if url in seen or len(found) > _MAX_TAGS:
            break
    raise Corrupt(f"the list of tags of {client.endpoint} has no end")
