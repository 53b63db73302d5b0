"""Names and removal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write

from skerry.engine.engine import Engine
from skerry.errors import Conflict, InUse, NotFound

BASE = tar_of({"base": b"1"})
TOP = tar_of({"top": b"2"})


@pytest.fixture
def loaded(engine: Engine, tmp_path: Path) -> Engine:
    engine.images.load(write(tmp_path / "one.tar", docker_members(BASE, tags=["one"])))
    engine.images.load(write(tmp_path / "two.tar", docker_members(BASE, TOP, tags=["two"])))
    return engine


def test_shared_layers_stay_with_the_image_that_still_has_them(loaded: Engine) -> None:
    loaded.images.remove(["one"])
    assert loaded.store.db.query("SELECT count(*) FROM layers") == [(2,)]
    loaded.images.remove(["two"])
    assert loaded.store.db.query("SELECT count(*) FROM layers") == [(0,)]


def test_a_name_goes_before_the_image(loaded: Engine) -> None:
    loaded.images.tag("one", "other:2")
    assert loaded.images.remove(["one"]) == ["Untagged: localhost/one:latest"]
    assert loaded.images.exists("other:2")


def test_an_id_with_several_names_wants_force(loaded: Engine) -> None:
    loaded.images.remove(["two"])
    loaded.images.tag("one", "other")
    image_id = loaded.images.resolve("one")["id"]
    with pytest.raises(Conflict, match=r"more than one tag \(\[localhost/other:latest localhost/one:latest\]\)"):
        loaded.images.remove([image_id])
    assert loaded.images.remove([image_id], force=True)[-1] == f"Deleted: {image_id}"


def test_what_another_image_is_made_of_is_not_said_to_be_deleted(loaded: Engine) -> None:
    loaded.containers.create("one", name="box")
    loaded.images.commit("box", "above")
    loaded.containers.remove("box")
    assert loaded.images.remove(["one"]) == ["Untagged: localhost/one:latest"]
    assert not loaded.images.exists("one")
    assert loaded.images.remove(["above"])[-1].startswith("Deleted: ")


def test_a_name_that_can_be_none_is_said_to_be(engine: Engine) -> None:
    for call in (engine.images.resolve, lambda name: engine.images.remove([name])):
        with pytest.raises(NotFound, match=r'cannot parse input: "Upper/Case": .*must be lowercase'):
            call("Upper/Case")


def test_a_short_name_with_a_digest_is_any_registrys(loaded: Engine) -> None:
    loaded.images.tag("one", "quay.io/team/deep:1")
    image = loaded.images.resolve("one")
    digest = image["digest"]
    assert loaded.images.resolve(f"deep@{digest}")["id"] == image["id"]
    with pytest.raises(NotFound):
        loaded.images.resolve(f"eep@{digest}")


def test_an_image_in_use_stays(loaded: Engine) -> None:
    loaded.containers.create("one", name="user")
    with pytest.raises(InUse, match="image is in use by a container") as caught:
        loaded.images.remove(["one"])
    assert caught.value.exit_code == 2
    assert loaded.images.exists("one")
    loaded.images.remove(["one"], force=True)


def test_an_unknown_image_is_exit_code_1(engine: Engine) -> None:
    with pytest.raises(NotFound, match="nix: image not known") as caught:
        engine.images.remove(["nix"])
    assert caught.value.exit_code == 1


def test_a_name_moves_and_leaves_its_image_dangling(loaded: Engine) -> None:
    before = loaded.images.resolve("one")["id"]
    loaded.images.tag("two", "one")
    assert [row["Id"] for row in loaded.images.list(filters=["dangling=true"])] == [before]
    assert loaded.images.prune() == [before]


def test_untag_takes_all_names(loaded: Engine) -> None:
    image_id = loaded.images.resolve("one")["id"]
    loaded.images.untag("one")
    assert loaded.images.resolve(image_id[:12])["names"] == []


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["reference=on*"], ["one"]),
        (["reference=localhost/two:latest"], ["two"]),
        (["label=tier=web"], ["one", "two"]),
        (["label!=tier"], []),
        (["dangling=true"], []),
        (["reference=one", "reference=two"], ["one", "two"]),
    ],
)
def test_filters(filters: list[str], names: list[str], loaded: Engine) -> None:
    rows = loaded.images.list(filters=filters)
    assert sorted(row["Names"][0] for row in rows) == [f"localhost/{name}:latest" for name in names]
