"""``--userns=auto``: ids that no other container has. For root from the ranges of the user ``containers`` in
/etc/subuid (as Podman does), for a user from their own."""

from __future__ import annotations

import os
import stat

from skerry import fastjson
from skerry.config.subid import ranges_of
from skerry.errors import Unavailable
from skerry.linux.beneath import open_in_root
from skerry.store.layers import layer_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skerry.config.subid import Range
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.runtime.types import IDMap

_MAX_BYTES = 1 << 20
# Those with ids of their own, by their index.
MAPPED = "SELECT doc FROM containers WHERE doc LIKE '%\"uid_maps\"%'"

_NOBODY = (b"nobody", b"nogroup")  # whatever their numbers: no reason for all ids there are


def choose(
    engine: Engine, options: CreateOptions, image: ImageRecord | None, values: dict[str, str]
) -> tuple[list[IDMap], list[IDMap]]:
    """Maps of uids and gids. `Unavailable` when there is no range of the wanted size left."""
    from skerry.engine.containers.options.userns import id_maps, parse_uint

    # Podman takes a size of 0 for none as well.
    size = (parse_uint(values["size"]) if "size" in values else 0) or _size(engine, options, image)
    result = []
    for kind in ("uid", "gid"):
        given = list(filter(None, values.get(f"{kind}mapping", "").split(",")))
        fixed = id_maps(given, f"{kind}mapping", kind, flags="")
        result.append(_place(fixed, size, _free(engine, kind), kind))
    return result[0], result[1]


def _size(engine: Engine, options: CreateOptions, image: ImageRecord | None) -> int:
    """One more than the highest id in the image's own lists, within bounds."""
    highest = 0
    for name in str(options.get("user") or "").split(":"):
        if name.isascii() and name.isdigit():
            highest = max(highest, int(name))
    for path in ("etc/passwd", "etc/group"):
        highest = max(highest, *_ids(engine, image["layers"] if image else (), path))
    conf = engine.settings.conf["auto_ids"]
    return int(min(max(highest + 1, conf["auto-userns-min-size"]), conf["auto-userns-max-size"]))


def _ids(engine: Engine, layers: Sequence[str], path: str) -> Iterator[int]:
    yield 0
    for chain_id in reversed(layers):
        try:
            fd = open_in_root(layer_dir(engine.store, chain_id), path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return
            content = os.read(fd, _MAX_BYTES)
        except OSError:
            return
        finally:
            os.close(fd)
        for line in content.split(b"\n"):
            name, *fields = line.split(b":")
            if fields[1:] and fields[1].isdigit() and 0 < int(fields[1]) < 65534 and name not in _NOBODY:
                yield int(fields[1])
        return


def _free(engine: Engine, kind: str) -> list[Range]:
    """What is ours to give and no other container has, nor a step of a build."""
    if engine.settings.rootless:
        from skerry.engine.containers.options.userns import available

        free = [(entry["hostID"], entry["size"]) for entry in available(kind) if entry["hostID"]]
    else:
        path, user = f"/etc/sub{kind}", engine.settings.conf["auto_ids"]["root-auto-userns-user"]
        free = ranges_of(path, user)
        if not free:
            raise Unavailable(
                f'cannot find mappings for user "{user}": no sub{kind} ranges found for user "{user}" in {path}',
                hint=f"echo {user}:2147483647:2147483648 >> {path}",
            )
    from skerry.engine.builds.step_ids import taken

    theirs = taken(engine, kind)
    for (document,) in engine.store.db.query(MAPPED):
        theirs += fastjson.loads(document)["config"].get(f"{kind}_maps", ())
    for entry in theirs:
        free = [piece for each in free for piece in _without(each, (entry["hostID"], entry["size"]))]
    return free


def _without(whole: Range, taken: Range) -> list[Range]:
    (first, size), (start, count) = whole, taken
    low, high = max(start, first), min(start + count, first + size)
    if low >= high:
        return [whole]
    return [piece for piece in ((first, low - first), (high, first + size - high)) if piece[1] > 0]


def _place(fixed: list[IDMap], size: int, free: list[Range], kind: str) -> list[IDMap]:
    """0 to ``size`` inside, but for what is fixed, on the first free ranges."""
    gaps: list[Range] = [(0, size)]
    for entry in fixed:
        gaps = [piece for gap in gaps for piece in _without(gap, (entry["containerID"], entry["size"]))]
        free = [piece for each in free for piece in _without(each, (entry["hostID"], entry["size"]))]
    result = list(fixed)
    for inside, count in gaps:
        place = next((start for start, room in free if room >= count), None)
        if place is None:
            raise Unavailable(f"not enough unused ids in user namespace: {count} {kind}s are wanted")
        result.append({"containerID": inside, "hostID": place, "size": count})
        free = [piece for each in free for piece in _without(each, (place, count))]
    return sorted(result, key=lambda entry: entry["containerID"])
