"""Additional image stores: what other stores have can be used, and they stay as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import BUSYBOX
from tests.support.command import TOP, Skerry
from tests.support.podman import Podman


@pytest.fixture
def other(short_tmp: Path, busybox_archive: Path) -> Iterator[Skerry]:
    """Another store, with the busybox image."""
    (short_tmp / "other").mkdir()
    store = Skerry(short_tmp / "other")
    store("load", "-i", str(busybox_archive))
    yield store
    store.remove_everything()


@pytest.fixture
def here(skerry: Skerry, other: Skerry) -> Skerry:
    """An empty store that has the other one as its additional store."""
    return with_stores(skerry, other.root)


def with_stores(store: Skerry, *paths: Path | str) -> Skerry:
    conf = store.top / "storage.conf"
    listed = ", ".join(f'"{path}"' for path in paths)
    conf.write_text(f"[storage]\n[storage.options]\nadditionalimagestores = [{listed}]\n")
    os.environ["CONTAINERS_STORAGE_CONF"] = str(conf)
    return store


@pytest.fixture(autouse=True)
def no_storage_conf() -> Iterator[None]:
    before = os.environ.get("CONTAINERS_STORAGE_CONF")
    yield
    os.environ.pop("CONTAINERS_STORAGE_CONF", None)
    if before is not None:
        os.environ["CONTAINERS_STORAGE_CONF"] = before


def state_of(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything about each file of a store, but when it was read."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            status = os.lstat(f"{folder}/{name}")
            found[f"{folder}/{name}"] = (
                status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
            )  # fmt: skip
    return found


@pytest.fixture
def unchanged(other: Skerry) -> Iterator[None]:
    before = state_of(other.root)
    yield
    assert state_of(other.root) == before


def image_of(store: Skerry, name: str = BUSYBOX) -> str:
    return store("image", "inspect", "-f", "{{.Id}}", name).stdout.strip()


def test_images_are_seen_and_marked(here: Skerry, unchanged: None) -> None:
    assert here("images").lines[0].split()[-1] == "R/O"
    assert here("images", "--format", "{{.Repository}}:{{.Tag}} {{.ReadOnly}}").lines == [f"{BUSYBOX} true"]
    assert json.loads(here("images", "--format", "json").stdout)[0]["ReadOnly"] is True
    assert here("images", "-q", "--filter", "readonly=false").lines == []
    assert len(here("images", "-q", "--filter", "readonly=true").lines) == 1
    assert here("image", "exists", BUSYBOX).code == 0
    assert here("info", "--format", "{{.Store.ImageStore.Number}}").stdout == "1\n"


def test_containers_and_builds_start_from_them(here: Skerry, unchanged: None) -> None:
    assert here("run", "--rm", "busybox", "echo", "hi").stdout == "hi\n"
    text = "FROM busybox\nRUN echo made > /file\nCOPY --from=busybox /bin/busybox /copy\n"
    here("build", "-t", "made", "-f", "-", str(here.top / "tmp"), input=text)
    assert here("run", "--rm", "made", "cat", "/file").stdout == "made\n"
    here("build", "--squash-all", "-t", "squashed", "-f", "-", str(here.top / "tmp"), input=text)
    assert here("run", "--rm", "squashed", "cat", "/file").stdout == "made\n"
    assert not list((here.root / "layers").glob(image_layer(here)))


def image_layer(store: Skerry) -> str:
    """The folder of the busybox image's layer."""
    return store("image", "inspect", "-f", "{{index .RootFS.Layers 0}}", BUSYBOX).stdout.strip()[7:]


def test_what_only_reads_works(here: Skerry, other: Skerry, tmp_path: Path) -> None:
    for words in (
        ["history", "-q", "--no-trunc"],
        ["image", "tree"],
        ["image", "inspect", "-f", "{{.Digest}} {{.Size}}"],
    ):
        assert here(*words, BUSYBOX).stdout == other(*words, BUSYBOX).stdout
    here("save", "-o", str(tmp_path / "here.tar"), BUSYBOX)
    other("save", "-o", str(tmp_path / "other.tar"), BUSYBOX)
    assert (tmp_path / "here.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()
    here("push", "-q", BUSYBOX, f"oci:{tmp_path}/oci")
    mounted = here("image", "mount", BUSYBOX).stdout.strip()
    assert os.path.exists(mounted + "/bin/busybox")
    here("image", "unmount", BUSYBOX)


def test_nothing_removes_them(here: Skerry, unchanged: None) -> None:
    refusal = f'Error: cannot remove read-only image "{image_of(here)}"\n'
    for words in ([BUSYBOX], ["-f", BUSYBOX], ["-f", image_of(here)]):
        result = here("rmi", *words, check=False)
        assert (result.code, result.stdout, result.stderr) == (125, "", refusal)
    for words in (["rmi", "-fa"], ["image", "prune", "-fa"], ["system", "prune", "-fa"]):
        here(*words)
    assert here("image", "exists", BUSYBOX).code == 0
    assert here("system", "check").stdout == ""


def test_a_name_given_here_makes_the_image_ours(here: Skerry, unchanged: None) -> None:
    here("tag", BUSYBOX, "mine")
    rows = here("images", "--format", "{{.Repository}} {{.ReadOnly}}").lines
    assert sorted(rows) == ["localhost/busybox false", "localhost/busybox true", "localhost/mine false"]
    assert here("run", "--rm", "mine", "echo", "hi").stdout == "hi\n"
    here("rmi", "mine")
    here("untag", BUSYBOX)
    assert here("images", "--filter", "readonly=false", "--format", "{{.Repository}}").lines == ["<none>"]
    here("rmi", "-a")
    assert here("images", "--format", "{{.Repository}} {{.ReadOnly}}").lines == ["localhost/busybox true"]


def test_loading_what_is_there_takes_its_layers(here: Skerry, busybox_archive: Path, unchanged: None) -> None:
    here("load", "-i", str(busybox_archive))
    assert os.listdir(here.root / "layers") == []
    assert here("images", "--format", "{{.Repository}} {{.ReadOnly}}").lines == [
        "localhost/busybox false", "localhost/busybox true",
    ]  # fmt: skip
    assert here("run", "--rm", BUSYBOX, "echo", "hi").stdout == "hi\n"


def test_without_the_store_nothing_of_it_is_left(here: Skerry, other: Skerry, unchanged: None) -> None:
    box = here("create", "busybox", "true").id
    with_stores(here)
    assert here("images", "-q").lines == []
    result = here("start", box, check=False)
    assert result.code == 125
    assert re.search(r"the layer at .* is gone", result.stderr)
    with_stores(here, other.root)
    here("start", "-a", box)
    here("rm", box)


def test_the_option_names_stores_too(skerry: Skerry, other: Skerry, unchanged: None) -> None:
    for option in ("overlay.imagestore", "vfs.imagestore", ".imagestore", "overlay.additionalimagestore"):
        flags = ("--storage-opt", f"{option}={other.root}")
        assert len(skerry(*flags, "images", "-q").lines) == 1
        # What conmon calls at the end sees the same images.
        box = skerry(*flags, "run", "-d", "busybox", "true").id
        skerry(*flags, "wait", box)
        skerry(*flags, "rm", box)
    assert skerry("images", "-q").lines == []


def test_a_store_that_changed_is_looked_at_again(here: Skerry, other: Skerry) -> None:
    assert here("images", "-q").lines
    other("tag", BUSYBOX, "second")
    assert here("image", "exists", "second").code == 0
    other("rmi", "-f", image_of(other))
    assert here("images", "-q").lines == []


def test_many_look_at_it_at_once_for_the_first_time(here: Skerry, unchanged: None) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: here("images", "-q").lines, range(16)))
    assert all(len(lines) == 1 for lines in found)
    assert len(os.listdir(here.root / "stores")) == 1


def test_a_damaged_mirror_is_made_again(here: Skerry) -> None:
    here("images")
    (mirror,) = (here.root / "stores").iterdir()
    for damage in (b"", b"no database", mirror.read_bytes()[:5000]):
        mirror.write_bytes(damage)
        result = here("images", "-q")
        assert (len(result.lines), result.stderr) == (1, "")


def test_a_command_that_is_killed_leaves_nothing_in_the_way(here: Skerry, unchanged: None) -> None:
    assert here("images", check=False, env={"SKERRY_CRASH_AT": "stores.rename"}).code == -9
    assert len(here("images", "-q").lines) == 1
    here("system", "check", "--repair")


# Stores of containers/storage


@pytest.fixture
def podmans(podman: Podman, busybox_archive: Path, tmp_path: Path) -> Path:
    """Podman's store, with busybox and what it built of that: whiteouts, an opaque folder, links, a long name."""
    podman("load", "-i", str(busybox_archive))
    long = "n" * 150
    (tmp_path / "Containerfile").write_text(
        f"FROM {BUSYBOX}\n"
        f"RUN mkdir -p /d/{long} && echo one > /d/{long}/a && ln /d/{long}/a /d/b && ln -s /etc /d/c && mkdir /d/e && touch /d/e/old && head -c 3000000 /dev/zero > /big\n"
        "RUN rm /d/b && rm -r /big && rm -r /d/e && mkdir /d/e && echo new > /d/e/only\n"
    )
    podman("build", "--layers", "-t", "made:1", "--isolation", "chroot", str(tmp_path), timeout=300)
    return podman.top / "root"


def test_podmans_images_need_no_pull(skerry: Skerry, podman: Podman, podmans: Path, tmp_path: Path) -> None:
    fields = "{{.Id}} {{.Digest}} {{.RootFS.Layers}} {{.Config.Cmd}}"
    theirs = [podman("image", "inspect", "-f", fields, name).stdout for name in (BUSYBOX, "made:1")]
    before = state_of(podmans)
    with_stores(skerry, podmans)
    assert [skerry("image", "inspect", "-f", fields, name).stdout for name in (BUSYBOX, "made:1")] == theirs
    script = "cat /d/*/a; ls /d/e; ls -d /d/b /big 2>/dev/null; readlink /d/c"
    assert skerry("run", "--rm", "made:1", "sh", "-c", script).stdout == "one\nonly\n/etc\n"
    # Each layer's tar is rebuilt byte for byte: the digests of an archive say so.
    skerry("save", "-o", str(tmp_path / "made.tar"), "made:1")
    loaded = Skerry(tmp_path / "loaded")
    loaded("load", "-i", str(tmp_path / "made.tar"))
    assert image_of(loaded, "made:1") == image_of(skerry, "made:1")
    skerry(
        "build", "-t", "more", "-f", "-", str(tmp_path / "loaded"), input="FROM made:1\nRUN echo more >> /d/e/only\n"
    )
    assert skerry("run", "--rm", "more", "cat", "/d/e/only").stdout == "new\nmore\n"
    assert skerry("rmi", "-f", "made:1", check=False).code == 125
    assert state_of(podmans) == before


def test_what_is_cut_or_foreign_in_podmans_store_is_left_out(skerry: Skerry, podmans: Path) -> None:
    with_stores(skerry, podmans)
    layers = json.loads((podmans / "overlay-layers/layers.json").read_text())
    whole = len(skerry("images", "-aq").lines)
    assert whole >= 2
    top = next(layer for layer in layers if layer.get("parent"))
    for change in (
        {"diff-digest": ""},
        {"flags": {"incomplete": True}},
        {"uidmap": [{"size": 1}]},
        {"parent": "0" * 64},
    ):
        changed = [{**layer, **change} if layer is top else layer for layer in layers]
        (podmans / "overlay-layers/layers.json").write_text(json.dumps(changed))
        time.sleep(0.1)  # what was written just now is looked at anew by each command
        result = skerry("images", "-aq")
        assert 1 <= len(result.lines) < whole
        assert result.stderr.count("\n") == 1
        assert f"additional image store {podmans}: " in result.stderr
        assert skerry("images", "-q").stderr == ""  # said once, not by each command


def test_data_of_podmans_that_was_altered_is_not_given_on(skerry: Skerry, podmans: Path, tmp_path: Path) -> None:
    with_stores(skerry, podmans)
    folder = next(
        path for path in (podmans / "overlay").iterdir() if (path / "diff/bin/busybox").exists()
    )  # fmt: skip
    secret = tmp_path / "secret"
    program = folder / "diff/bin/busybox"
    secret.write_bytes(b"s" * program.stat().st_size)
    program.unlink()
    program.symlink_to(secret)
    result = skerry("save", "-o", str(tmp_path / "made.tar"), BUSYBOX, check=False)
    assert result.code == 125
    assert "a file of the layer is gone or replaced" in result.stderr


# Stores that are none


def _garbage(path: Path) -> None:
    (path / "skerry.db").write_bytes(b"no database at all" * 1000)
    (path / "skerry.db-wal").unlink(missing_ok=True)


def _cut(path: Path) -> None:
    data = (path / "skerry.db").read_bytes()
    (path / "skerry.db").write_bytes(data[: len(data) // 2])
    (path / "skerry.db-wal").unlink(missing_ok=True)


def _fifo(path: Path) -> None:
    (path / "skerry.db").unlink()
    os.mkfifo(path / "skerry.db")


def _link(path: Path) -> None:
    (path / "skerry.db").rename(path / "real.db")
    (path / "skerry.db").symlink_to(path / "real.db")


def _newer(path: Path) -> None:
    with sqlite3.connect(path / "skerry.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def _other_tables(path: Path) -> None:
    with sqlite3.connect(path / "skerry.db") as db:
        db.execute("DROP TABLE images")
        db.execute("CREATE TABLE images (id INTEGER)")
    db.close()


def _podman_garbage(path: Path) -> None:
    shutil.rmtree(path)
    (path / "overlay-images").mkdir(parents=True)
    (path / "overlay-images/images.json").write_text('[{"id": ')


def _podman_no_list(path: Path) -> None:
    _podman_garbage(path)
    (path / "overlay-images/images.json").write_text('{"id": 1}')


def _podman_vfs(path: Path) -> None:
    shutil.rmtree(path)
    (path / "vfs-images").mkdir(parents=True)
    (path / "vfs-images/images.json").write_text("[]")


def _file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


@pytest.mark.parametrize(
    "spoil",
    [
        _garbage,
        _cut,
        _fifo,
        _link,
        _newer,
        _other_tables,
        _podman_garbage,
        _podman_no_list,
        _podman_vfs,
        _file,
        shutil.rmtree,
    ],
)
def test_a_store_that_is_none_is_one_line(here: Skerry, other: Skerry, spoil: Callable[[Path], None]) -> None:
    here("images")
    copy = here.top / "copy"
    shutil.copytree(other.root, copy, symlinks=True)
    spoil(copy)
    with_stores(here, copy)
    for words in (["images", "-q"], ["ps", "-a"]):
        result = here(*words)
        assert result.stderr.count("\n") == 1, result
        assert f"additional image store {copy} cannot be used: " in result.stderr
    with_stores(here, copy, other.root)
    assert len(here("images", "-q").lines) == 1  # the others count


def _row(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path / "skerry.db") as db:
        db.execute(sql, values)
    db.close()


def test_rows_that_lie_are_left_out(here: Skerry, other: Skerry) -> None:
    copy = here.top / "copy"
    image, layer = image_of(other), "sha256:" + image_layer(other)
    for sql, *values in (
        ("UPDATE layers SET chain_id = ?", "sha256:../../../../etc"),
        ("UPDATE layers SET doc = ?", "[" * 100000),
        ("UPDATE layers SET doc = ?", '{"size": -1}'),
        ("UPDATE images SET doc = ?", '{"layers": ["../.."]}'),
        ("UPDATE images SET doc = ?", b"\xff\xfe"),
        ("UPDATE images SET id = ?", "../" + image[3:]),
        ("UPDATE images SET doc = ?", json.dumps({"layers": [layer, layer]})),
    ):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(other.root, copy, symlinks=True)
        _row(copy, sql, *values)
        with_stores(here, copy)
        result = here("images", "-q")
        assert result.lines == []
        assert "Traceback" not in result.stderr


def test_files_that_are_links_or_altered_are_left_out(here: Skerry, other: Skerry) -> None:
    copy = here.top / "copy"
    image = image_of(other)

    def swap(path: Path) -> None:
        path.rename(path.with_suffix(".real"))
        path.symlink_to(path.with_suffix(".real"))

    for spoil in (
        lambda: swap(next((copy / "layers").glob("[0-9a-f]*"))),
        lambda: swap(copy / "blobs/sha256" / image),
        lambda: (copy / "blobs/sha256" / image).write_bytes(b"{}"),
        lambda: (copy / "blobs/sha256" / image).unlink(),
        lambda: os.truncate(copy / "blobs/sha256" / image, 0),
    ):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(other.root, copy, symlinks=True)
        spoil()
        with_stores(here, copy)
        result = here("images", "-q")
        assert result.lines == []
        assert "Traceback" not in result.stderr


def test_names_that_are_none_are_not_shown(here: Skerry, other: Skerry) -> None:
    copy = here.top / "copy"
    shutil.copytree(other.root, copy, symlinks=True)
    for name in ("\x1b[31mred", "no/../name:x", "", "short"):
        _row(copy, "INSERT INTO image_names VALUES (?, ?, 1)", name, image_of(other))
    with_stores(here, copy)
    assert here("images", "--format", "{{.Repository}}:{{.Tag}}").lines == [BUSYBOX]


def test_a_relative_path_is_refused(skerry: Skerry) -> None:
    result = skerry("--storage-opt", "overlay.imagestore=here", "images", check=False)
    assert result.code == 125
    assert result.stderr == 'Error: overlay: image path "here" is not absolute.  Can not be relative\n'


def test_an_empty_folder_and_this_very_store_have_nothing_more(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    with_stores(skerry, tmp_path, skerry.root)
    result = skerry("images", "--format", "{{.Repository}} {{.ReadOnly}}")
    assert (result.lines, result.stderr) == (["localhost/busybox false"], "")


def test_every_write_says_whose_table(short_tmp: Path) -> None:
    """With an additional store the plain names are views."""
    pattern = re.compile(r"(INSERT[A-Z ]* INTO|UPDATE|DELETE FROM) (images|layers|image_names|past_names|indexes)\b")
    for path in (TOP / "src/skerry").rglob("*.py"):
        if path.name != "database.py":
            assert not pattern.search(path.read_text()), path
