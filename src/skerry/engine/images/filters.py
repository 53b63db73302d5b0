"""``--filter`` of ``images`` and ``image prune``. All must hold; of several references one."""

from __future__ import annotations

import calendar
import time

from skerry.engine.images.resolve import find
from skerry.engine.manifests.document import INDEXES
from skerry.engine.patterns import labelled
from skerry.engine.units import parse_duration
from skerry.errors import Conflict, Invalid, NotFound
from skerry.image.reference import complete, parse, repository_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed
    from skerry.engine.images.types import ImageRecord

    Test = Callable[[Listed], bool]

_ONCE = ("dangling", "intermediate", "readonly", "manifest", "containers")


def matcher(engine: Engine, filters: Sequence[str]) -> Test:
    """Whether an image passes all filters. `Invalid` for one that is none."""
    every: list[Test] = []
    wanted: list[Test] = []
    values: dict[str, str] = {}
    for item in filters:
        key, equals, value = item.partition("=")
        if not equals:
            raise _no_filter(item)
        negated = key.endswith("!")
        key = key.removesuffix("!")
        if key in _ONCE and values.setdefault(key, value) != value:
            raise Invalid(f'specifying "{key}" filter more than once with different values is not supported')
        test = _test(engine, key, value)
        if negated:
            every.append(lambda image, test=test: not test(image))  # type: ignore[misc]
        else:
            (wanted if key == "reference" else every).append(test)
    return lambda image: (
        all(test(image) for test in every) and (not wanted or any(test(image) for test in wanted))
    )  # fmt: skip


def _no_filter(text: str) -> Invalid:
    return Invalid(f'invalid image filter "{text}": must be in the format "filter=value or filter!=value"')


def _test(engine: Engine, key: str, value: str) -> Test:
    if key in ("before", "since", "after"):
        other = find(engine, value)
        if other is None:
            raise NotFound(f'could not find local image for filter "{key}"="{value}": {value}: image not known')
        limit = other["created_ns"]
        if key == "before":
            return lambda image: image["created_ns"] < limit
        return lambda image: image["created_ns"] > limit
    if key == "until":
        until = _time(value)
        return lambda image: image["created_ns"] < until
    if key == "label":
        return _label(value)
    if key == "reference":
        meant = _meant(engine, value)
        return lambda image: (
            (meant is not None and image["id"] == meant["id"]) or any(_matches(value, name) for name in image["names"])
        )
    if key == "id":
        return lambda image: image["id"].startswith(value.removeprefix("sha256:"))
    if key == "digest":
        if not value.startswith("sha256:"):
            raise Invalid(f'invalid value "{value}" for digest filter')
        return lambda image: any(item.startswith(value) for item in (image["digest"], *image.get("index_digests", ())))
    if key in _ONCE:
        return _boolean(key, value)
    raise _no_filter(key)


def _meant(engine: Engine, name: str) -> ImageRecord | None:
    """The image that is called so; not what is in a list of that name, and none when several ids begin so."""
    from skerry.engine.manifests.find import find_list

    try:
        return find(engine, name) if find_list(engine, name) is None else None
    except Conflict:
        return None


def _label(value: str) -> Test:
    has = labelled(value)
    return lambda image: has(image["config"].get("Labels") or {})


def _boolean(key: str, value: str) -> Test:
    if key == "containers":
        if value not in ("true", "false", "external"):
            raise Invalid(f'unsupported value "{value}" for containers filter')
        # external: none but containers of other tools, which nothing is known of here.
        return lambda image: bool(image["containers"]) == (value == "true")
    lowered = value.lower()
    if lowered not in ("true", "false", "1", "0", "t", "f"):
        raise Invalid(
            f'non-boolean value "{value}" for {key} filter: strconv.ParseBool: parsing "{value}": invalid syntax'
        )
    wanted = lowered in ("true", "1", "t")
    if key == "dangling":
        return lambda image: (not image["names"]) == wanted
    if key == "intermediate":
        return lambda image: (not image["names"] and image["is_parent"]) == wanted
    if key == "manifest":
        return lambda image: (image["media_type"] in INDEXES) == wanted
    return lambda image: bool(image.get("store")) == wanted


def _matches(pattern: str, name: str) -> bool:
    """A shell pattern against the name, with and without its tag: whole, without the registry, or the last part alone.
    As in a path, no wildcard stands for a slash."""
    from fnmatch import fnmatchcase

    wanted = pattern.split("/")
    for whole in (name, repository_of(name)):
        path = whole.partition("/")[2]
        for text in (whole, path, path.rpartition("/")[2]):
            parts = text.split("/")
            if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
                return True
    return False


def asked_names(filters: Sequence[str], names: list[str]) -> list[str]:
    """Which of an image's names are shown: where one full reference is asked for, only what it means."""
    asked = [value for key, _, value in (item.partition("=") for item in filters) if key == "reference"]
    if len(asked) != 1 or any(item.startswith("reference!=") for item in filters) or not _is_full(asked[0]):
        return names
    if "@" in asked[0]:
        return [name for name in names if repository_of(name) == repository_of(asked[0])]
    return [name for name in names if name == asked[0]]


def _is_full(text: str) -> bool:
    """With a registry, and a tag or digest."""
    try:
        reference = parse(text)
    except Invalid:
        return False
    return bool(reference.domain and (reference.tag or reference.digest)) and complete(reference) == text


def _time(text: str) -> int:
    """A moment: a duration ago, seconds since 1970, or RFC 3339, possibly shortened."""
    try:
        return time.time_ns() - parse_duration(text, "until")
    except Invalid:
        pass  # no duration
    if text.replace(".", "", 1).isdecimal():
        return int(float(text) * 1e9)
    from skerry.engine.images.add import parse_time
    from skerry.engine.times import NEVER_NS

    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            return calendar.timegm(time.strptime(text, form)) * 10**9
        except ValueError:
            continue
    found = parse_time(text)
    if found == NEVER_NS:
        raise Invalid(f'failed to parse "{text}" as a time or duration')
    return found
