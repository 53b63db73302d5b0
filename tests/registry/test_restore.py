"""system check --repair fetches again what was damaged, and removes only what nobody has any more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.image.archives import tar_of
from tests.registry.lying import LyingRegistry
from tests.registry.test_pull import layer
from tests.support.command import Skerry

TARGET = "etc/target"


@pytest.fixture
def pulled(skerry: Skerry, liar: LyingRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An image of two layers from a registry that needs no flags."""
    conf = tmp_path / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "{liar.host}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    liar.add_image(layer("base", 5000), layer("top", 3000))
    name = f"{liar.host}/x"
    skerry("pull", "-q", name)
    return f"{name}:latest"


def layers_of(skerry: Skerry) -> list[Path]:
    return sorted((skerry.root / "layers").iterdir(), key=lambda path: len(list(path.glob("diff/**/top*"))))


def alter_file(skerry: Skerry) -> None:
    path = next(path for path in layers_of(skerry)[0].glob("diff/**/*") if path.is_file())
    path.write_bytes(b"altered")


def remove_layer(skerry: Skerry) -> None:
    shutil.rmtree(layers_of(skerry)[0])


def remove_recipe(skerry: Skerry) -> None:
    (layers_of(skerry)[-1] / "recipe.zst").unlink()


def remove_everything(skerry: Skerry) -> None:
    for path in [*layers_of(skerry)]:
        shutil.rmtree(path)
    for path in (skerry.root / "blobs/sha256").iterdir():
        path.unlink()


def alter_document(which: str) -> Callable[[Skerry], None]:
    def alter(skerry: Skerry) -> None:
        field = "{{.Id}}" if which == "config" else "{{.Digest}}"
        digest = skerry("images", "--no-trunc", "--format", field).lines[0].removeprefix("sha256:")
        (skerry.root / "blobs/sha256" / digest).write_bytes(b"{}")

    return alter


def remove_layer_and_alter_its_blob(skerry: Skerry) -> None:
    remove_layer(skerry)
    for path in (skerry.root / "blobs/sha256").iterdir():
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


DAMAGES = [
    alter_file, remove_layer, remove_recipe, remove_everything, alter_document("config"), alter_document("manifest"),
    remove_layer_and_alter_its_blob,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_registry_has_is_fetched_again(damage: Callable[[Skerry], None], skerry: Skerry, pulled: str) -> None:
    before = skerry("images", "--digests", "--no-trunc").stdout
    damage(skerry)
    assert skerry("system", "check", check=False).code == 125
    mended = skerry("system", "check", "--repair")
    assert "fetched again" in mended.stdout
    assert skerry("system", "check").stdout == ""
    assert skerry("images", "--digests", "--no-trunc").stdout == before
    assert skerry("image", "exists", pulled).code == 0
    assert (skerry.root / "partial").exists() is False or list((skerry.root / "partial").iterdir()) == []


def test_what_its_own_blob_has_is_not_fetched(skerry: Skerry, pulled: str, liar: LyingRegistry) -> None:
    alter_file(skerry)
    liar.seen.clear()
    liar.blobs.clear()
    assert "fetched again" in skerry("system", "check", "--repair").stdout
    assert skerry("system", "check").stdout == ""
    assert liar.requests("GET", "/blobs/") == []
    assert skerry("image", "exists", pulled).code == 0


def test_a_blob_that_is_gone_costs_nothing_but_itself(skerry: Skerry, pulled: str, liar: LyingRegistry) -> None:
    for path in (skerry.root / "blobs/sha256").iterdir():
        if path.read_bytes()[:2] == b"\x1f\x8b":
            path.unlink()
    assert "its blob" in skerry("system", "check", check=False).stdout
    skerry("system", "check", "--repair")
    assert skerry("system", "check").stdout == ""
    skerry("push", "-q", pulled, f"{liar.host}/again")


@pytest.mark.parametrize("damage", [alter_document("config"), remove_everything])
def test_what_nobody_has_is_removed(
    damage: Callable[[Skerry], None], skerry: Skerry, pulled: str, liar: LyingRegistry
) -> None:
    damage(skerry)
    liar.blobs.clear()
    liar.manifests.clear()
    skerry("system", "check", "--repair")
    assert skerry("system", "check").stdout == ""
    assert skerry("image", "exists", pulled, check=False).code == 1


def test_a_registry_that_has_something_else_now_changes_nothing(
    skerry: Skerry, pulled: str, liar: LyingRegistry
) -> None:
    remove_everything(skerry)
    tar = tar_of({TARGET: b"evil"})
    for digest in list(liar.blobs):
        liar.blobs[digest] = tar
    skerry("system", "check", "--repair")
    assert skerry("image", "exists", pulled, check=False).code == 1
    assert list((skerry.root / "layers").iterdir()) == []


def test_a_layer_that_a_container_runs_on_is_left_alone(
    skerry: Skerry, busybox: str, liar: LyingRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "{liar.host}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    name = f"{liar.host}/bb"
    skerry("push", "-q", busybox, name)
    skerry("rmi", busybox)
    skerry("run", "-d", "--pull=always", "--name", "box", "--network", "none", name, "sleep", "1000")
    (layer_path,) = (skerry.root / "layers").iterdir()
    (layer_path / "diff/added").touch()
    (layer_path / "recipe.zst").rename(tmp_path / "recipe")
    result = skerry("system", "check", "--repair", check=False)
    assert result.code == 125
    assert "runs on it" in result.stdout
    skerry("stop", "-t", "0", "box")
    assert "fetched again" in skerry("system", "check", "--repair").stdout
    skerry("start", "box")
    skerry("rm", "-f", "-t", "0", "box")
