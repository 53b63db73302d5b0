"""What was written becomes a layer, several become one, and what they show goes elsewhere."""

from __future__ import annotations

import os
import tarfile
import time

import pytest

from skerry.errors import NotFound
from skerry.store.layers import layer_dir

DAY_NS = 24 * 3600 * 10**9


def test_no_file_data_is_copied(engine, base):
    with engine.builds.open_root(base) as root:
        with open(root.path + "/big", "wb") as file:
            file.write(b"x" * (1 << 20))
        before = os.stat(root.upper + "/big").st_ino
        layer = root.commit()
    assert os.stat(layer_dir(engine.store, layer["chain_id"]) + "/big").st_ino == before


def test_a_root_goes_on_above_its_new_layer(engine, base, tree):
    with engine.builds.open_root(base) as root:
        open(root.path + "/one", "w").close()
        first = root.commit()
        os.rename(root.path + "/one", root.path + "/two")
        second = root.commit()
        assert root.commit() is None
    assert second["parent"] == first["chain_id"]
    assert tree(second["chain_id"]) == {"one": "w", "two": "f"}


def test_the_same_content_is_the_same_layer_whenever_it_was_written(engine, base):
    made = []
    for _ in range(2):
        with engine.builds.open_root(base) as root:
            os.makedirs(root.path + "/d/e")
            with open(root.path + "/d/e/f", "w") as file:
                file.write("text")
            made.append(root.commit(clamp_ns=10**18)["chain_id"])
        time.sleep(1.1)
    assert made[0] == made[1]


def test_clamped_times_are_those_of_the_files_too(engine, base):
    with engine.builds.open_root(base) as root:
        open(root.path + "/new", "w").close()
        open(root.path + "/old", "w").close()
        os.utime(root.path + "/old", ns=(5 * DAY_NS, 5 * DAY_NS))
        layer = root.commit(clamp_ns=10 * DAY_NS)
    top = layer_dir(engine.store, layer["chain_id"])
    assert os.stat(top + "/new").st_mtime_ns == 10 * DAY_NS
    assert os.stat(top + "/old").st_mtime_ns == 5 * DAY_NS


def test_one_time_can_be_given_to_all(engine, base):
    with engine.builds.open_root(base) as root:
        os.mkdir(root.path + "/d")
        open(root.path + "/d/old", "w").close()
        os.utime(root.path + "/d/old", ns=(5 * DAY_NS, 5 * DAY_NS))
        os.symlink("old", root.path + "/d/link")
        layer = root.commit(mtime_ns=10 * DAY_NS)
    top = layer_dir(engine.store, layer["chain_id"])
    assert {os.lstat(f"{top}/{name}").st_mtime_ns for name in ("d", "d/old", "d/link")} == {10 * DAY_NS}


def test_a_root_above_an_unknown_layer_is_refused(engine):
    with pytest.raises(NotFound, match="does not exist"), engine.builds.open_root(["sha256:" + "0" * 64]):
        pass


def test_a_root_of_nothing_is_empty(engine, layer_of):
    with engine.builds.open_root([]) as root:
        assert os.listdir(root.path) == []
        open(root.path + "/x", "w").close()
        assert root.commit()["parent"] is None


def test_a_read_only_root_cannot_be_written(engine, base):
    with engine.builds.open_root(base, writable=False) as root, pytest.raises(OSError):
        open(root.path + "/x", "w").close()


def test_a_root_can_be_read_between_steps_without_the_places_of_mounts(engine, layer_of, base):
    from skerry.engine.builds.types import RunRequest, StepMount

    with engine.builds.open_root(base) as root:
        before = sorted(os.listdir(root.path))
        root.run(RunRequest(["/bin/true"], network="none", mounts=[StepMount("tmpfs", "/somewhere")]))
        assert sorted(os.listdir(root.path)) == before


@pytest.fixture
def chain(layer_of, base):
    """Busybox; files; one removed and a folder replaced; a file where a folder was."""
    result = list(base)
    for script in (
        "echo a > /a; mkdir -p /d/e /f; head -c 99999 /dev/zero > /d/large; echo b > /d/b; ln /d/b /d/c; echo x > /d/e/x; echo g > /f/g; rm -r /home",
        "rm /a /d/b; rm -r /d/e; mkdir /d/e; echo y > /d/e/y; chmod 711 /d",
        "rm -r /f; echo file > /f; ln -s nowhere /l; mkdir /home; echo h > /home/h",
    ):
        result.append(layer_of(result, script))
    return result


def shown(engine, layers):
    with engine.builds.open_root(layers, writable=False) as root:
        found = {}
        for folder, folders, files in os.walk(root.path):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = open(path, "rb").read() if os.path.isfile(path) and not os.path.islink(path) else b""
                found[os.path.relpath(path, root.path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
        return found


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_squashed_layers_show_the_same(engine, chain, keep):
    layer = engine.builds.squash(chain, keep=keep)
    assert layer["parent"] == (chain[keep - 1] if keep else None)
    assert shown(engine, [*chain[:keep], layer["chain_id"]]) == shown(engine, chain)


def test_a_squash_of_everything_has_no_marks(engine, chain, tree):
    kinds = tree(engine.builds.squash(chain)["chain_id"]).values()
    assert "w" not in kinds
    assert "d!" not in kinds


def test_a_squash_shares_what_the_layers_have(engine, chain):
    top = layer_dir(engine.store, engine.builds.squash(chain, keep=1)["chain_id"])
    below = layer_dir(engine.store, chain[1])
    assert os.stat(top + "/d/large").st_ino == os.stat(below + "/d/large").st_ino
    assert os.stat(top + "/d/c").st_ino != os.stat(below + "/d/c").st_ino  # small ones keep one name


def test_rewritten_layers_show_the_same_at_another_time(engine, chain):
    before = shown(engine, chain)
    layers = engine.builds.rewrite(chain, 10**18, keep=1)
    assert len(layers) == 3
    after = shown(engine, [chain[0], *(layer["chain_id"] for layer in layers)])
    assert after.keys() == before.keys()
    assert {name: entry[3] for name, entry in after.items()} == {name: entry[3] for name, entry in before.items()}
    assert max(after[name][2] for name in ("d", "f", "l", "d/e/y")) == 10**18
    assert shown(engine, chain) == before


def test_a_tree_is_exported_over_what_is_there(engine, chain, short_tmp):
    out = short_tmp / "out"
    (out / "d").mkdir(parents=True)
    (out / "d/mine").write_text("mine")
    (out / "f").mkdir()
    (out / "f/inner").write_text("in the way")
    engine.builds.export_tree(chain, str(out))
    assert (out / "d/mine").read_text() == "mine"
    assert (out / "d/c").read_text() == "b\n"
    assert (out / "f").read_text() == "file\n"
    assert os.readlink(out / "l") == "nowhere"
    assert not (out / "a").exists()


def test_links_and_owners_are_exported(engine, layer_of, base, short_tmp):
    layer = layer_of(base, "echo x > /one; ln /one /two; chown 5:6 /one; chmod 4755 /one")
    engine.builds.export_tree([layer], str(short_tmp / "out"))
    one, two = os.stat(short_tmp / "out/one"), os.stat(short_tmp / "out/two")
    assert one.st_ino == two.st_ino
    assert (one.st_uid, one.st_gid, one.st_mode & 0o7777) == (5, 6, 0o4755)


def test_a_tree_is_exported_as_a_tar(engine, chain, short_tmp):
    with open(short_tmp / "x.tar", "wb") as file:
        engine.builds.export_tar(chain, file.fileno())
    with tarfile.open(short_tmp / "x.tar") as archive:
        names = archive.getnames()
        assert "d/e/y" in names
        assert "a" not in names
        assert not any(".wh." in name for name in names)
        assert archive.extractfile("home/h").read() == b"h\n"
