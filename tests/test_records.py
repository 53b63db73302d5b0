"""What stands in for dataclasses is as they are, where builds need it."""

from __future__ import annotations

import dataclasses
import random

import pytest

from skerry import records
from skerry.engine.images.add import NEVER_NS, parse_time


def kinds(module):
    @module.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 2

    @module.dataclass(slots=True)
    class Bag:
        name: str
        items: list = module.field(default_factory=list)
        shown: tuple = module.field(default=())

    return Point, Bag


@pytest.fixture(params=[records, dataclasses], ids=["records", "dataclasses"])
def module(request):
    return request.param


def test_values_come_by_place_by_name_and_by_default(module):
    point, bag = kinds(module)
    assert (point(1).x, point(1).y, point(y=4, x=3).y, bag("a", shown=(1,)).shown) == (1, 2, 4, (1,))
    assert bag("a").items == []
    assert bag("a").items is not bag("a").items


@pytest.mark.parametrize(("args", "names"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((), {"y": 1})])
def test_missing_and_unknown_values_are_errors(module, args, names):
    with pytest.raises(TypeError):
        kinds(module)[0](*args, **names)


def test_equal_values_are_equal_and_frozen_ones_have_a_hash(module):
    point, bag = kinds(module)
    assert point(1) == point(1, 2) != point(2)
    assert len({point(1), point(y=2, x=1)}) == 1
    assert bag("a") == bag("a")
    assert bag("a") != point(1)
    with pytest.raises(TypeError):
        hash(bag("a"))


def test_a_copy_with_other_values_leaves_the_first_alone(module):
    point, _ = kinds(module)
    first = point(1)
    assert module.replace(first, y=9) == point(1, 9)
    assert first == point(1)


def test_a_record_shows_its_values(module):
    assert repr(kinds(module)[0](1)).endswith("Point(x=1, y=2)")


def test_fields_are_those_of_records_alone():
    assert records.fields(kinds(records)[1]("a")) == ("name", "items", "shown")
    assert records.fields({"a": 1}) == ()


def test_times_are_those_of_the_calendar():
    import time

    numbers = random.Random(1)
    for seconds in [numbers.randrange(-9_000_000_000, 9_000_000_000) for _ in range(2000)]:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).rjust(19, "0")
        assert parse_time(text + "Z") == seconds * 10**9


@pytest.mark.parametrize(
    "text", ["2024-13-01T00:00:00Z", "2024-01-32T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T24:00:00Z"]
)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) == NEVER_NS
