"""How much builds keep, how it is bounded and removed; cache mounts."""

from __future__ import annotations

import os
import threading
import time

import pytest
from tests.engine.builds.builder import engine_on

from skerry.engine.builds.errors import Interrupted
from skerry.errors import Invalid
from skerry.store.layers import get_layer


@pytest.fixture
def cached(engine, layer_of, base):
    """Three steps above each other, 100 kB each, the last used last."""
    chain, layers = list(base), []
    for number in range(3):
        layer = layer_of(chain, f"dd if=/dev/urandom of=/f{number} bs=1000 count=100 2>/dev/null")
        chain.append(layer)
        layers.append(layer)
        engine.builds.record(f"k{number}", layer, identity=f"step {number}")
    engine.builds.finish()
    return layers


def keys(engine):
    return {row[0] for row in engine.store.db.query("SELECT key FROM build_steps")}


def test_du_shows_steps_the_last_used_first(engine, cached):
    rows = engine.builds.du()
    assert [row.id for row in rows] == ["k2", "k1", "k0"]
    assert all(row.size > 100_000 for row in rows)
    assert all(row.reclaimable and not row.shared for row in rows)


def test_prune_removes_the_layers_that_nothing_else_has(engine, cached):
    pruned = engine.builds.prune()
    assert set(pruned.ids) == {"k0", "k1", "k2"}
    assert pruned.freed_bytes > 300_000
    assert [get_layer(engine.store, layer) for layer in cached] == [None] * 3


def test_what_an_image_is_made_of_stays_unless_all_is_said(engine, cached, base):
    engine.builds.image({"config": {}}, [*base, *cached[:2]], ["built"])
    assert engine.builds.prune().ids == ["k2"]
    assert engine.builds.prune(all=True).ids == ["k0", "k1"]
    assert get_layer(engine.store, cached[1])
    assert not get_layer(engine.store, cached[2])


def test_so_much_is_left(engine, cached):
    pruned = engine.builds.prune(keep_bytes=250_000)
    assert pruned.ids == ["k0"]
    assert keys(engine) == {"k1", "k2"}


def test_a_dry_run_removes_nothing(engine, cached):
    assert engine.builds.prune(dry_run=True).freed_bytes > 300_000
    assert keys(engine) == {"k0", "k1", "k2"}


def test_what_a_running_build_uses_stays(engine, cached, skerry, base):
    with engine.builds.open_root([*base, *cached[:2]]):
        assert engine_on(str(skerry.top)).builds.prune(all=True).ids == ["k2"]
    engine.builds.finish()


def test_filters_choose(engine, cached):
    assert [row.id for row in engine.builds.du(["id=k1"])] == ["k1"]
    assert engine.builds.du(["unused-for=1h"]) == []
    assert len(engine.builds.du(["until=0s"])) == 3
    assert len(engine.builds.du(["type=regular"])) == 3
    assert engine.builds.du(["type=exec.cachemount"]) == []
    with pytest.raises(Invalid, match='invalid filter "nonsense"'):
        engine.builds.du(["nonsense=1"])


def test_the_end_of_a_build_keeps_the_bound(engine, cached, monkeypatch):
    monkeypatch.setenv("SKERRY_BUILD_CACHE", "150k")
    engine.builds.lookup("k0")
    engine.builds.finish()
    assert keys(engine) == {"k0"}


def test_the_commands_show_and_remove(engine, cached, skerry):
    assert "k2" in skerry("builder", "du").stdout
    assert "k2" in skerry("buildx", "du", "--format", "{{.ID}}").lines
    assert skerry("builder", "prune", "-f", "--filter", "id=k2").lines[1] == "k2"
    assert "reclaimed" in skerry("system", "prune", "-f", "--build").stdout
    assert not keys(engine)


def test_check_finds_nothing_wrong_with_what_is_kept_and_mends_what_is_damaged(engine, cached, skerry):
    with engine.builds.cache_mount("c") as mount:
        folder = os.path.dirname(mount.path)
    assert skerry("system", "check", check=False).code == 0
    from skerry.store.layers import layer_dir

    with open(layer_dir(engine.store, cached[1]) + "/f1", "r+b") as file:
        file.write(b"damage")
    os.rename(folder, folder[:-1] + ("0" if folder[-1] != "0" else "1"))
    assert skerry("system", "check", check=False).code != 0
    skerry("system", "check", "--repair", check=False)
    assert skerry("system", "check", check=False).code == 0
    assert keys(engine) == {"k0"}
    assert engine.builds.du(["type=mount"]) == []


def test_reset_takes_it_all(engine, cached, skerry):
    with engine.builds.cache_mount("c"):
        pass
    skerry("system", "reset", "-f")
    assert not (skerry.root / "builds").exists()


def test_a_cache_mount_stays(engine):
    with engine.builds.cache_mount("pip", uid=5, gid=6, mode=0o700) as mount:
        with open(mount.path + "/x", "w") as file:
            file.write("kept")
        status = os.stat(mount.path)
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (5, 6, 0o700)
    with engine.builds.cache_mount("pip") as mount, open(mount.path + "/x") as file:
        assert file.read() == "kept"
    assert [(row.id, row.size) for row in engine.builds.du(["type=exec.cachemount"])] == [("pip", 4)]
    engine.builds.prune()
    with engine.builds.cache_mount("pip") as mount:
        assert os.listdir(mount.path) == []


def test_shared_ones_are_had_at_once_and_private_ones_apart(engine):
    with engine.builds.cache_mount("a") as one, engine.builds.cache_mount("a") as two:
        assert one.path == two.path
    with (
        engine.builds.cache_mount("p", sharing="private") as one,
        engine.builds.cache_mount("p", sharing="private") as two,
    ):
        assert one.path != two.path
        second = two.path
    with (
        engine.builds.cache_mount("p", sharing="private"), engine.builds.cache_mount("p", sharing="private") as two,
    ):  # fmt: skip
        assert two.path == second  # a third is only made when two are in use


def test_a_locked_one_is_waited_for(engine, skerry):
    had = []

    def other():
        with engine_on(str(skerry.top)).builds.cache_mount("l", sharing="locked"):
            had.append(time.monotonic())

    with engine.builds.cache_mount("l", sharing="locked"):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        released = time.monotonic()
    thread.join(10)
    assert had[0] >= released
    with (
        engine.builds.cache_mount("l", sharing="locked"),
        pytest.raises(Interrupted),
        engine.builds.cache_mount("l", sharing="locked", cancelled=lambda: True),
    ):
        pass


def test_another_kind_of_sharing_is_refused(engine):
    with pytest.raises(Invalid, match="sharing"):
        engine.builds.cache_mount("x", sharing="some")


def test_one_begins_as_a_copy_of_a_folder(engine, short_tmp):
    (short_tmp / "from/sub").mkdir(parents=True)
    (short_tmp / "from/sub/x").write_text("seed")
    os.link(short_tmp / "from/sub/x", short_tmp / "from/y")
    with engine.builds.cache_mount("s", source=str(short_tmp / "from")) as mount:
        assert open(mount.path + "/sub/x").read() == "seed"
        assert os.stat(mount.path + "/y").st_ino == os.stat(mount.path + "/sub/x").st_ino
        os.unlink(mount.path + "/y")
    with engine.builds.cache_mount("s", source=str(short_tmp / "from")) as mount:
        assert os.listdir(mount.path) == ["sub"]


def test_it_travels_as_a_tar(engine, short_tmp):
    with engine.builds.cache_mount("one") as mount:
        os.mkdir(mount.path + "/d")
        with open(mount.path + "/d/x", "w") as file:
            file.write("there")
    with open(short_tmp / "m.tar", "wb") as tar:
        assert engine.builds.export_cache_mount("one", tar.fileno())
        assert not engine.builds.export_cache_mount("none", tar.fileno())
    for replace, expected in ((False, True), (False, False), (True, True)):
        with open(short_tmp / "m.tar", "rb") as tar:
            assert engine.builds.import_cache_mount("two", tar.fileno(), replace=replace) is expected
    with engine.builds.cache_mount("two") as mount:
        assert open(mount.path + "/d/x").read() == "there"


def test_image_prune_takes_what_builds_keep_along_when_asked(engine, cached, skerry):
    with engine.builds.cache_mount("c"):
        pass
    assert "c" in skerry("image", "prune", "-f", "--build-cache").lines
    assert engine.builds.du(["type=exec.cachemount"]) == []
    assert keys(engine) == set()
