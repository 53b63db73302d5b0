"""``idmap`` and ``idmap=uids=…;gids=…``: through which ids a mount is seen."""

from __future__ import annotations

from skerry.errors import Invalid, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.runtime.types import ContainerConfig, IDMap


def namespace(config: ContainerConfig, word: str) -> int:
    """A user namespace with the ids that ``word`` asks for, as a descriptor; -1 when they are the host's own.

    Without ids of its own it has the container's."""
    uids, gids = read(word, config.get("uid_maps", ()), config.get("gid_maps", ()))
    if not uids and not gids:
        return -1
    from skerry.linux.idmap import user_namespace

    try:
        return user_namespace(lines(uids or gids), lines(gids or uids))
    except OSError as error:
        raise Unavailable(f"{word}: cannot make a user namespace with these ids: {error.strerror}") from error


def first_ids(config: ContainerConfig, word: str) -> tuple[int, int] | None:
    """A user and a group that may make files on such a mount; None where anybody may."""
    uids, gids = read(word, config.get("uid_maps", ()), config.get("gid_maps", ()))
    if not uids and not gids:
        return None
    return (uids or gids)[0]["hostID"], (gids or uids)[0]["hostID"]


def read(word: str, uids: Sequence[IDMap], gids: Sequence[IDMap]) -> tuple[list[IDMap], list[IDMap]]:
    """User and group ids, for the container's ``uids`` and ``gids``. `Invalid` for what is no mapping."""
    found = [list(uids), list(gids)]
    for part in filter(None, word.partition("=")[2].split(";")):
        key, _, ranges = part.partition("=")
        if key not in ("uids", "gids"):
            raise Invalid(f'unknown option "{part}"', exit_code=126)
        number = ("uids", "gids").index(key)
        found[number] = [_range(text, part, (uids, gids)[number]) for text in ranges.split("#")]
    return found[0], found[1]


def _range(text: str, part: str, maps: Sequence[IDMap]) -> IDMap:
    relative = text.startswith("@")
    numbers = text.removeprefix("@").split("-")
    if len(numbers) != 3 or not all(each.isascii() and each.isdigit() and int(each) < 2**32 for each in numbers):
        raise Invalid(f'invalid value for "{part}": each range is FILE-HOST-SIZE')
    inside, outside, size = map(int, numbers)
    if not size:
        raise Invalid(f'invalid value for "{part}": a range must not be empty')
    if relative:
        for entry in maps:
            if entry["containerID"] <= outside < entry["containerID"] + entry["size"]:
                outside += entry["hostID"] - entry["containerID"]
                break
        else:
            raise Invalid(f'could not find a user namespace mapping for the relative mapping "{part}"')
    return {"containerID": inside, "hostID": outside, "size": size}


def lines(maps: Sequence[IDMap]) -> str:
    """As /proc/PID/uid_map has them."""
    return "".join(f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in maps)
