"""``--filter`` of ``images`` and ``image prune``. The same key twice: either; different keys: both."""

from __future__ import annotations

import calendar
import time

from skerry.engine.images.resolve import find
from skerry.engine.manifests.document import INDEXES
from skerry.engine.units import parse_duration
from skerry.errors import Invalid, NotFound
from skerry.image.reference import repository_of, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed

    Test = Callable[[Listed], bool]


def matcher(engine: Engine, filters: Sequence[str]) -> Test:
    """Whether an image passes all filters. `Invalid` for one that is none."""
    groups: dict[str, list[Test]] = {}
    every: list[Test] = []
    for item in filters:
        key, equals, value = item.partition("=")
        if not equals:
            raise Invalid(f'invalid image filter "{item}": must be in the format "filter=value or filter!=value"')
        negated = key.endswith("!")
        test = _test(engine, key.removesuffix("!"), value)
        if negated:
            every.append(lambda image, test=test: not test(image))  # type: ignore[misc]
        elif key == "label":
            every.append(test)
        else:
            groups.setdefault(key, []).append(test)
    return lambda image: (
        all(test(image) for test in every) and all(any(test(image) for test in tests) for tests in groups.values())
    )


def _test(engine: Engine, key: str, value: str) -> Test:
    if key in ("before", "since", "after"):
        other = find(engine, value)
        if other is None:
            raise NotFound(f"{value}: image not known")
        limit = other["created_ns"]
        if key == "before":
            return lambda image: image["created_ns"] < limit
        return lambda image: image["created_ns"] > limit
    if key == "until":
        until = _time(value)
        return lambda image: image["created_ns"] < until
    if key == "label":
        name, equals, wanted = value.partition("=")
        return lambda image: (
            name in (image["config"].get("Labels") or {})
            and (not equals or image["config"]["Labels"][name] == wanted)
        )  # fmt: skip
    if key == "reference":
        return lambda image: any(_matches(value, name) for name in image["names"])
    if key == "id":
        return lambda image: image["id"].startswith(value.removeprefix("sha256:"))
    if key == "digest":
        return lambda image: any(item.startswith(value) for item in (image["digest"], *image.get("index_digests", ())))
    if key in ("dangling", "intermediate", "readonly", "manifest", "containers"):
        return _boolean(key, value)
    raise Invalid(f'unsupported image filter "{key}"')


def _boolean(key: str, value: str) -> Test:
    lowered = value.lower()
    if lowered not in ("true", "false", "1", "0", "t", "f"):
        raise Invalid(
            f'non-boolean value "{value}" for {key} filter: strconv.ParseBool: parsing "{value}": invalid syntax'
        )
    wanted = lowered in ("true", "1", "t")
    if key == "dangling":
        return lambda image: (not image["names"]) == wanted
    if key == "containers":
        return lambda image: bool(image["containers"]) == wanted
    if key == "intermediate":
        return lambda image: (not image["names"] and image["is_parent"]) == wanted
    if key == "manifest":
        return lambda image: (image["media_type"] in INDEXES) == wanted
    return lambda _image: not wanted  # nothing here is read-only


def _matches(pattern: str, name: str) -> bool:
    """A shell pattern against the full name, and each end of it that begins behind a slash, with and without tag.
    As in a path, no wildcard stands for a slash."""
    from fnmatch import fnmatchcase

    wanted = pattern.split("/")
    parts = repository_of(name).split("/")
    for ends in (parts, [*parts[:-1], f"{parts[-1]}:{tag_of(name)}"]):
        if len(wanted) <= len(ends) and all(map(fnmatchcase, ends[-len(wanted) :], wanted)):
            return True
    return False


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
