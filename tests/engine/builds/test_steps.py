"""Steps that are remembered, and the images that are made of their layers."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
from tests.engine.builds.builder import engine_on

from skerry import fastjson
from skerry.engine.builds.errors import Interrupted
from skerry.errors import InUse, NotFound
from skerry.store.blobs import read_blob
from skerry.store.layers import get_layer, layer_folder, remove_layer


def test_a_step_is_found_by_its_key(engine, layer_of, base):
    layer = layer_of(base, "echo > /x")
    engine.builds.record("k", layer, identity="Containerfile:1", inputs={"instruction": "RUN x"})
    assert engine.builds.lookup("k")["layer"] == layer
    assert engine.builds.lookup("other") is None


def test_a_step_without_a_change_is_remembered_too(engine):
    engine.builds.record("k", None)
    assert engine.builds.lookup("k")["layer"] is None


def test_the_last_of_a_step_tells_what_went_into_it(engine):
    engine.builds.record("k1", None, identity="step", inputs={"files": {"a": "1"}})
    engine.builds.record("k2", None, identity="step", inputs={"files": {"a": "2"}})
    assert engine.builds.latest("step")["inputs"] == {"files": {"a": "2"}}
    assert engine.builds.latest("another") is None


def test_a_layer_that_is_not_there_cannot_be_recorded(engine):
    with pytest.raises(NotFound):
        engine.builds.record("k", "sha256:" + "0" * 64)


def test_a_step_whose_files_are_gone_is_forgotten(engine, layer_of, base):
    layer = layer_of(base, "echo > /x")
    engine.builds.record("k", layer)
    shutil.rmtree(layer_folder(engine.store, layer))
    assert engine.builds.lookup("k") is None
    assert not engine.store.db.query("SELECT 1 FROM build_steps")


def test_the_layer_of_a_step_stays_when_images_are_removed(engine, layer_of, base, skerry, busybox):
    layer = layer_of(base, "echo > /x")
    engine.builds.record("k", layer)
    engine.builds.image({"config": {}}, [*base, layer], ["built"])
    engine.builds.finish()
    skerry("rmi", "-f", "built", busybox)
    assert engine.builds.lookup("k")["layer"] == layer


def test_a_layer_that_a_build_stands_on_cannot_be_removed(engine, layer_of, base):
    layer = layer_of(base, "echo > /x")
    with engine.builds.open_root([*base, layer]), pytest.raises(InUse, match="build that runs"):
        remove_layer(engine.store, layer)
    engine.builds.finish()
    remove_layer(engine.store, layer)
    assert get_layer(engine.store, layer) is None


def test_one_waits_for_the_step_of_another(engine, skerry):
    order = []

    def other():
        with engine_on(str(skerry.top)).builds.lock_step("k") as lock:
            order.append(("second", lock.waited))

    with engine.builds.lock_step("k") as lock:
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        order.append(("first", lock.waited))
    thread.join(10)
    assert order == [("first", False), ("second", True)]


def test_waiting_can_be_cancelled(engine):
    with engine.builds.lock_step("k"), pytest.raises(Interrupted), engine.builds.lock_step("k", cancelled=lambda: True):
        pass


def test_uses_are_written_at_the_end(engine):
    engine.builds.record("k", None)
    before = engine.store.db.query("SELECT used_ns FROM build_steps")[0][0]
    engine.builds.lookup("k")
    engine.builds.finish()
    assert engine.store.db.query("SELECT used_ns FROM build_steps")[0][0] > before


DOCUMENT = {
    "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
    "config": {"Cmd": ["x"], "Healthcheck": {"Test": ["CMD", "true"]}, "OnBuild": ["RUN x"], "Shell": ["/bin/sh"]},
    "history": [{"created_by": "RUN x"}, {"created_by": "CMD x", "empty_layer": True}],
}  # fmt: skip


def document(engine, image):
    return fastjson.loads(read_blob(engine.store, "sha256:" + image["id"]))


def test_dockers_format_keeps_what_it_alone_can_say(engine, base):
    image = engine.builds.image(DOCUMENT, base, ["d:1"], format="docker", annotations={"not": "kept"})
    found = document(engine, image)
    assert found["config"]["Healthcheck"]["Test"] == ["CMD", "true"]
    assert found["history"] == DOCUMENT["history"]
    assert image["annotations"] == {}
    assert not engine.warnings


def test_ocis_format_leaves_it_out_with_a_warning(engine, base):
    image = engine.builds.image(DOCUMENT, base, ["o:1", "o:2"], annotations={"b": "2", "a": "1"})
    assert document(engine, image)["config"] == {"Cmd": ["x"]}
    assert [line.partition(" ")[0] for line in engine.warnings] == ["HEALTHCHECK", "ONBUILD", "SHELL"]
    assert image["annotations"] == {"a": "1", "b": "2"}
    assert engine.images.resolve("o:1")["id"] == engine.images.resolve("o:2")["id"] == image["id"]
    assert DOCUMENT["config"]["Shell"]


def test_the_same_build_is_the_same_image(engine, base):
    first, second = (engine.builds.image(DOCUMENT, base, format="docker") for _ in range(2))
    assert (first["id"], first["digest"]) == (second["id"], second["digest"])
