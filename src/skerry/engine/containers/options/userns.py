"""``--userns``, ``--uidmap``, ``--gidmap``: which ids a container's user namespace has, in Podman's notation.

Host ids are those of the namespace that Skerry itself is in: the host's for root, and for a user 0 for themselves and
1… for their subordinate ids.
"""

from __future__ import annotations

import itertools
import os

from skerry.config.subid import ranges_of
from skerry.engine.containers.state import find
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.runtime.types import ContainerConfig, IDMap

_KEYS = {"auto": ("uidmapping", "gidmapping", "size"), "keep-id": ("uid", "gid", "size"), "nomap": ()}
_MAX_ID = 2**32 - 1


class UserNamespace:
    """What was asked for: ``mode`` (host, private, auto, keep-id, nomap, container:…, ns:…) and its maps.

    ``user``: whom the process runs as unless the user says otherwise (keep-id). ``adds_caller``: who calls is to be
    known in the container."""

    __slots__ = ("adds_caller", "gids", "mode", "uids", "user")

    def __init__(
        self, mode: str, uids: list[IDMap], gids: list[IDMap], user: str = "", *, adds_caller: bool = False
    ) -> None:
        self.mode = mode
        self.uids = uids
        self.gids = gids
        self.user = user
        self.adds_caller = adds_caller


def user_namespace(engine: Engine, options: CreateOptions, image: ImageRecord | None) -> UserNamespace | None:
    """The ids that the options ask for; None when there is nothing to map. `Invalid`, `NotFound`.

    For ``auto`` the caller holds the lock of `ids` until the container is recorded, so that nobody takes the same."""
    given = options.get("userns") or ""
    if options.get("subuidname") or options.get("subgidname"):
        return _of_names(options, given)
    if options.get("uidmap") or options.get("gidmap"):
        if given and given != "private":
            raise Invalid("--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive")
        return UserNamespace("private", *_given(options))
    mode, _, rest = given.partition(":")
    if mode not in _KEYS:
        if mode == "private":
            raise Invalid("--userns=private needs --uidmap or --gidmap", hint="or --userns=auto")
        return None
    values = _values(mode, rest)
    if mode == "auto":
        from skerry.engine.containers.options.auto_ids import choose

        return UserNamespace("private", *choose(engine, options, image, values))
    if not engine.settings.rootless:
        if mode == "nomap":
            raise Invalid("nomap is only supported in rootless mode")
        return _of_root(values)
    counts = [sum(entry["size"] for entry in available(kind)) - 1 for kind in ("uid", "gid")]
    if not all(counts):
        raise Invalid(
            f"{mode} requires additional UIDs or GIDs defined in /etc/subuid and /etc/subgid to function correctly"
        )
    if mode == "nomap":
        return UserNamespace("private", [_map(0, 1, counts[0])], [_map(0, 1, counts[1])])
    own = [
        _number(values.get("uid"), "uid", engine.settings.uid),
        _number(values.get("gid"), "gid", engine.settings.gid),
    ]
    size = _number(values.get("size"), "size", _MAX_ID)
    uids, gids = (_keeping(number, min(count, size - 1)) for number, count in zip(own, counts, strict=True))
    named = "uid" in values or "gid" in values
    return UserNamespace("private", uids, gids, f"{own[0]}:{own[1]}", adds_caller=not named)


def _of_root(values: dict[str, str]) -> UserNamespace:
    """keep-id as root: all ids as they are."""
    if "size" in values:
        raise Invalid("cannot set max size for user namespace when not running rootless")
    user = ":".join(str(_number(values.get(kind), kind, 0)) for kind in ("uid", "gid")) if values else ""
    return UserNamespace("private", available("uid"), available("gid"), user)


def _map(inside: int, outside: int, size: int) -> IDMap:
    return {"containerID": inside, "hostID": outside, "size": size}


def _keeping(number: int, count: int) -> list[IDMap]:
    """Who calls is ``number`` inside; the ``count`` subordinate ids go around it."""
    below = min(number, count)
    found = [_map(0, 1, below)] if below else []
    found.append(_map(number, 0, 1))
    if count > number:
        found.append(_map(number + 1, number + 1, count - number))
    return found


def _values(mode: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise Invalid(f'invalid option specified: "{item}"')
        if key not in _KEYS[mode]:
            raise Invalid(
                f"unknown option specified: {key!r}".replace("'", '"'), hint=f"{mode}: {', '.join(_KEYS[mode])}"
            )
        if key.endswith("mapping") and key in found:
            value = f"{found[key]},{value}"
        found[key] = value
    return found


def _number(text: str | None, what: str, default: int) -> int:
    if text is None:
        return default
    number = parse_uint(text)
    if number == _MAX_ID:
        raise Invalid(f'invalid {what} "{text}" for --userns')
    return number


def available(kind: str) -> list[IDMap]:
    """The ids of this namespace, each mapped to itself (``kind``: uid or gid)."""
    with open(f"/proc/self/{kind}_map", "rb") as file:
        rows = [line.split() for line in file]
    return [_map(int(inside), int(inside), int(size)) for inside, _outside, size in rows]


def _given(options: CreateOptions) -> tuple[list[IDMap], list[IDMap]]:
    uids, gids = list(options.get("uidmap") or ()), list(options.get("gidmap") or ())
    for_gids = [text for text in uids if "g" in _flags(text)]
    uid_maps = id_maps(uids or gids, "uidmap", "uid")
    gid_maps = id_maps([*(gids or ([] if for_gids else uids)), *for_gids], "gidmap", "gid")
    return _in_pieces(uid_maps, "uid"), _in_pieces(gid_maps, "gid")


def _in_pieces(maps: list[IDMap], kind: str) -> list[IDMap]:
    """The same maps, none across a border of our own namespace's: a user's own id and their subordinate ids are two
    pieces there, and the kernel takes no range that is in more than one. What is not mapped here stays, for it to refuse.
    """
    borders = {end for entry in available(kind) for end in (entry["hostID"], entry["hostID"] + entry["size"])}
    result = []
    for entry in maps:
        first = entry["hostID"]
        ends = [first, *sorted(end for end in borders if first < end < first + entry["size"]), first + entry["size"]]
        result += [_map(entry["containerID"] + low - first, low, high - low) for low, high in itertools.pairwise(ends)]
    return result


def _of_names(options: CreateOptions, userns: str) -> UserNamespace:
    """``--subuidname`` and ``--subgidname``: all ids of a name in /etc/subuid and /etc/subgid; one stands for both."""
    if options.get("uidmap") or options.get("gidmap") or userns not in ("", "private"):
        raise Invalid("--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive")
    uids = options.get("subuidname") or options["subgidname"]
    return UserNamespace("private", _named(uids, "uid"), _named(options.get("subgidname") or uids, "gid"))


def _named(name: str, kind: str) -> list[IDMap]:
    found: list[IDMap] = []
    inside = 0
    for first, count in ranges_of(f"/etc/sub{kind}", name):
        outside = _inner(first, kind)
        if _inner(first + count - 1, kind) != outside + count - 1:
            raise Invalid(f"--sub{kind}name {name}: the ids from {first} on are not mapped in one piece")
        found.append(_map(inside, outside, count))
        inside += count
    if not found:
        raise Invalid(f'no sub{kind} ranges found for user "{name}" in /etc/sub{kind}')
    return found


def _flags(text: str) -> str:
    return text[: len(text) - len(text.lstrip("+ug"))]


def id_maps(items: Sequence[str], flag: str, kind: str, *, flags: str = "+ug") -> list[IDMap]:
    """``[FLAGS]CONTAINER:HOST[:SIZE]`` items. ``+`` changes the default map instead of making one; ``@`` before the host
    id means the host's own, which for a user is looked up in their map. `Invalid` in Podman's words."""
    fresh: list[IDMap] = []
    extra: list[IDMap] = []
    for item in filter(None, items):
        parts = item.split(":")
        if len(parts) == 2:
            parts.append("1")
        if len(parts) % 3 or not all(parts[::3]):
            known = f"[{flags}]uint32" if flags else "uint32"
            raise Invalid(
                f'initializing ID mappings: {kind.upper()} setting is malformed expected ["{known}:[@]uint32[:uint32]"]'
                f" : {_quoted(items if flags else item)}"
            )
        for start in range(0, len(parts), 3):
            given, entry = _triple(parts[start : start + 3], kind, flags)
            if not entry["size"]:
                raise Invalid(f'invalid --{flag} "{item}": the size must not be 0')
            (extra if "+" in given else fresh).append(entry)
    if extra:
        fresh = _without(fresh or available(kind), extra) + extra
    return _checked(fresh, flag)


def _quoted(what: str | Sequence[str]) -> str:
    if isinstance(what, str):
        return f'"{what}"'
    return "[" + " ".join(f'"{each}"' for each in what) + "]"


def _triple(parts: list[str], kind: str, known: str) -> tuple[str, IDMap]:
    """The flags and the map of one ``FLAGS+CONTAINER, HOST, SIZE``."""
    inside, outside, size = parts
    shown = f"[{' '.join(parts)}]"
    digits = inside.lstrip(known) if known else inside
    given = inside[: len(inside) - len(digits)]
    if known and not digits:
        raise Invalid(f"invalid mapping: {shown}, parsing flags")
    if known and not "0" <= digits[0] <= "9":
        raise Invalid(f"invalid mapping: {shown}. Unknown flag {ord(digits[0])}")
    if not outside:
        raise Invalid(f"invalid empty host id at {kind.upper()} map: {shown}")
    first = _id(digits, inside)
    of_host = outside.startswith("@")
    number = _id(outside.removeprefix("@"), outside)
    return given, _map(first, _inner(number, kind) if of_host else number, _id(size, size))


def _id(text: str, shown: str) -> int:
    try:
        return parse_uint(text)
    except Invalid as error:
        raise Invalid(f'parsing id map value "{shown}": {error.message}') from None


def parse_uint(text: str) -> int:
    """An id or a number of ids; `Invalid` in the words of Go, which Podman passes on."""
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > _MAX_ID:
        raise Invalid(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def _inner(number: int, kind: str) -> int:
    with open(f"/proc/self/{kind}_map", "rb") as file:
        for line in file:
            inside, outside, size = map(int, line.split())
            if outside <= number < outside + size:
                return inside + number - outside
    raise Invalid(f"parent ID {kind.upper()} {number} is not mapped/delegated")


def _without(maps: Sequence[IDMap], taken: Sequence[IDMap]) -> list[IDMap]:
    """``maps`` but for what ``taken`` uses, inside or outside."""
    result = list(maps)
    for entry in taken:
        for key in ("containerID", "hostID"):
            result = [piece for each in result for piece in _cut(each, entry[key], entry["size"], key)]  # type: ignore[literal-required]
    return result


def _cut(entry: IDMap, first: int, size: int, key: str) -> list[IDMap]:
    start: int = entry[key]  # type: ignore[literal-required]
    low, high = max(first - start, 0), min(first + size - start, entry["size"])
    if low >= high:
        return [entry]
    pieces = [(0, low), (high, entry["size"])]
    return [_map(entry["containerID"] + a, entry["hostID"] + a, b - a) for a, b in pieces if b > a]


def _checked(maps: list[IDMap], flag: str) -> list[IDMap]:
    for key in ("containerID", "hostID"):
        end = -1
        for entry in sorted(maps, key=lambda each: each[key]):  # type: ignore[literal-required]
            if entry[key] < end:  # type: ignore[literal-required]
                raise Invalid(f"--{flag}: ranges overlap at {entry[key]}")  # type: ignore[literal-required]
            end = entry[key] + entry["size"]  # type: ignore[literal-required]
    if len(maps) > 340:
        raise Invalid(f"--{flag}: more than 340 ranges")
    return sorted(maps, key=lambda each: each["containerID"])


def apply(engine: Engine, options: CreateOptions, image: ImageRecord | None, record: ContainerRecord) -> None:
    """Put the maps into the container's config, and who its process is where that follows from them."""
    config = record["config"]
    how, _, other = str(config["namespaces"]["user"]).partition(":")
    if how == "container":
        theirs = find(engine, other)[0]["config"]
        config["uid_maps"], config["gid_maps"] = theirs.get("uid_maps", []), theirs.get("gid_maps", [])
        return
    found = user_namespace(engine, options, image)
    if found is None:
        return
    config["uid_maps"], config["gid_maps"] = found.uids, found.gids
    config["namespaces"]["user"] = found.mode
    if found.user:
        if not options.get("user"):
            config["user"] = found.user
        if found.adds_caller:
            record["caller_entry"] = _caller_entry(engine, config, found.user)
            record["caller_group"] = _caller_group(engine)


def _caller_entry(engine: Engine, config: ContainerConfig, user: str) -> str:
    """The line of /etc/passwd for who calls (keep-id), with their home if it is mounted, else the working directory."""
    import pwd

    try:
        entry = pwd.getpwuid(engine.settings.uid)
    except KeyError:
        return ""
    home, folder = config["cwd"], entry.pw_dir
    mounted = {mount["destination"] for mount in config["mounts"]}
    while folder not in ("/", ""):
        if folder in mounted:
            home = entry.pw_dir
            break
        folder = os.path.dirname(folder)
    return f"{entry.pw_name}:*:{user}:{entry.pw_gecos.split(',')[0]}:{home}:/bin/sh"


def _caller_group(engine: Engine) -> str:
    """The line of /etc/group for the group of who calls."""
    import grp
    import pwd

    try:
        return f"{grp.getgrgid(engine.settings.gid).gr_name}:x:{engine.settings.gid}:{pwd.getpwuid(engine.settings.uid).pw_name}"
    except KeyError:
        return ""
