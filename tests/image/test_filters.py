"""``images --filter``: each key, and what is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write

from skerry.engine.engine import Engine
from skerry.errors import Invalid, NotFound


@pytest.fixture
def three(engine: Engine, tmp_path: Path) -> Engine:
    """Images old, mid and new, made in these years."""
    for number, (name, year) in enumerate((("old", 2001), ("mid", 2011), ("new", 2021))):
        members = dict(docker_members(tar_of({"f": b"%d" % number}), tags=[name]))
        entry = json.loads(members["manifest.json"])[0]
        config = json.loads(members[entry["Config"]])
        config["created"] = f"{year}-01-01T00:00:00Z"
        config["config"]["Labels"] = {"year": str(year), "odd": "yes"}
        members[entry["Config"]] = json.dumps(config).encode()
        engine.images.load(write(tmp_path / f"{name}.tar", members))
    return engine


def names(engine: Engine, filters: Sequence[str]) -> list[str]:
    rows = engine.images.list(filters=filters, all=True)
    return sorted(row["Names"][0].split("/")[1].split(":")[0] if "Names" in row else "-" for row in rows)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (["before=mid"], ["old"]), (["since=mid"], ["new"]), (["after=mid"], ["new"]), (["before!=mid"], ["mid", "new"]),
        (["until=2015-01-01"], ["mid", "old"]), (["until=87600h"], ["mid", "old"]), (["until=2001-06-01T00:00:00Z"], ["old"]),
        (["label=year"], ["mid", "new", "old"]), (["label=year=2011"], ["mid"]), (["label!=year=2011"], ["new", "old"]),
        (["label=year=2011", "label=odd=no"], []), (["reference=old"], ["old"]), (["reference=*:latest"], ["mid", "new", "old"]),
        (["reference=localhost/m*"], ["mid"]), (["reference=old", "reference=new"], ["new", "old"]),
        (["reference=old", "since=mid"], []), (["dangling=true"], []), (["dangling=false"], ["mid", "new", "old"]),
        (["intermediate=true"], []), (["containers=true"], []), (["containers=false"], ["mid", "new", "old"]),
        (["before=new", "before=mid"], ["old"]), (["label=y*r=2011"], ["mid"]), (["containers=external"], ["mid", "new", "old"]),
        (["manifest=true"], []), (["readonly=true"], []), (["readonly=false"], ["mid", "new", "old"]),
    ],
)  # fmt: skip
def test_filters(three: Engine, filters: list[str], wanted: list[str]) -> None:
    assert names(three, filters) == wanted


def test_ids_and_digests(three: Engine) -> None:
    image = three.images.resolve("mid")
    for item in (f"id={image['id'][:12]}", f"id=sha256:{image['id']}", f"digest={image['digest']}"):
        assert names(three, [item]) == ["mid"]
    assert names(three, [f"digest={image['digest'][:-1]}x"]) == []


def test_what_lost_its_name_is_dangling(three: Engine) -> None:
    three.images.untag("old")
    assert names(three, ["dangling=true"]) == ["-"]
    assert names(three, ["dangling!=true"]) == ["mid", "new"]


@pytest.mark.parametrize(
    "item", ["x", "nix=1", "dangling=perhaps", "until=sometime", "=x", "digest=abc", "containers=some"]
)
def test_what_is_no_filter(three: Engine, item: str) -> None:
    with pytest.raises(Invalid):
        names(three, [item])


def test_before_what_does_not_exist(three: Engine) -> None:
    with pytest.raises(NotFound):
        names(three, ["before=nix"])


def test_of_a_full_reference_only_what_it_means_is_shown(three: Engine) -> None:
    three.images.tag("old", "quay.io/team/old:1", "quay.io/team/old:2")
    assert three.images.list(names=["quay.io/team/old:2"])[0]["Names"] == ["quay.io/team/old:2"]
    assert three.images.list(filters=["reference=quay.io/team/old:1"])[0]["Names"] == ["quay.io/team/old:1"]
    assert len(three.images.list(names=["team/old"])[0]["Names"]) == 3
    digest = three.images.resolve("old")["digest"]
    assert three.images.list(names=[f"quay.io/team/old@{digest}"])[0]["Names"] == [
        "quay.io/team/old:1",
        "quay.io/team/old:2",
    ]
    both = ["reference=quay.io/team/old:1", "reference=mid"]
    assert [len(row["Names"]) for row in three.images.list(filters=both)] == [1, 3]


def test_a_boolean_filter_has_one_value(three: Engine) -> None:
    with pytest.raises(Invalid, match='specifying "dangling" filter more than once'):
        names(three, ["dangling=true", "dangling=false"])
    assert names(three, ["dangling=true", "dangling=true"]) == []


def test_a_name_that_several_ids_begin_with_is_a_name(engine: Engine, tmp_path: Path) -> None:
    for number in range(17):  # two of so many begin with the same digit
        engine.images.load(write(tmp_path / "a.tar", docker_members(tar_of({f"{number}": b"x"}), tags=[])))
    firsts = [row["Id"][0] for row in engine.images.list(all=True)]
    digit = max(firsts, key=firsts.count)
    assert engine.images.list(names=[digit], all=True) == []
    assert engine.images.list(filters=[f"reference={digit}"], all=True) == []
