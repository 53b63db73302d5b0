"""system df: what images share and what each has alone, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write

from skerry.engine.engine import Engine

BASE, A, B, ALONE = (tar_of({name: name.encode() * size}) for name, size in
                     (("base", 300_000), ("a", 200_000), ("b", 100_000), ("x", 50_000)))  # fmt: skip
IMAGES = {"base:1": [BASE], "a:1": [BASE, A], "ab:1": [BASE, A, B], "alone:1": [ALONE]}


@pytest.fixture
def four(engine: Engine, tmp_path: Path) -> Engine:
    for number, (name, layers) in enumerate(IMAGES.items()):
        engine.images.load(write(tmp_path / f"{number}.tar", docker_members(*layers, tags=[name])))
    return engine


def usage(engine: Engine) -> dict[str, tuple[int, int, int]]:
    found = engine.system.disk_usage().images
    return {item.names[0].removeprefix("localhost/"): (item.size, item.shared_size, item.unique_size) for item in found}


def own(name: str, engine: Engine) -> int:
    """Config and manifest, which no image shares."""
    return engine.images.resolve(name)["size"] - sum(len(layer) for layer in IMAGES[name])


def test_layers_of_several_images_are_shared_the_rest_is_unique(four: Engine) -> None:
    found = usage(four)
    shared = {"base:1": len(BASE), "a:1": len(BASE + A), "ab:1": len(BASE + A), "alone:1": 0}
    alone = {"base:1": 0, "a:1": 0, "ab:1": len(B), "alone:1": len(ALONE)}
    for name in IMAGES:
        size, shared_size, unique = found[name]
        assert shared_size == shared[name]
        assert unique == alone[name] + own(name, four)
        assert size == shared_size + unique
    total = four.system.disk_usage().images_size
    assert total == len(BASE + A + B + ALONE) + sum(own(name, four) for name in IMAGES)


@pytest.mark.parametrize("order", [list(IMAGES), list(IMAGES)[::-1], ["a:1", "alone:1", "base:1", "ab:1"]])
def test_a_removal_frees_what_was_unique(order: list[str], four: Engine) -> None:
    for name in order:
        before, unique = four.system.disk_usage().images_size, usage(four)[name][2]
        four.images.remove([name])
        assert four.system.disk_usage().images_size == before - unique
    assert four.system.disk_usage().images_size == 0


def test_what_is_reclaimable_is_what_a_prune_of_all_frees(four: Engine) -> None:
    four.containers.create("a:1", ["x"], network=["none"])
    before = four.system.disk_usage()
    used = four.images.resolve("a:1")["size"]
    assert before.images_reclaimable == before.images_size - used
    four.images.prune(all=True)
    assert four.system.disk_usage().images_size == used
    four.images.remove(["a:1"], force=True)
