"""-v, --mount and --tmpfs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.engine.containers.options.mounts import clean, parse_mount, parse_tmpfs, parse_volume
from skerry.errors import Invalid, NotFound


def test_a_path_is_a_bind_mount(tmp_path):
    mount = parse_volume(f"{tmp_path}:/data:ro")
    assert (mount["type"], mount["source"], mount["destination"]) == ("bind", str(tmp_path), "/data")
    assert set(mount["options"]) == {"ro", "rbind"}


def test_a_relative_path_is_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_volume(".:/src")["source"] == str(tmp_path)


def test_a_word_is_a_volume():
    mount = parse_volume("data:/srv")
    assert (mount["type"], mount["name"], mount.get("anonymous", False)) == ("volume", "data", False)


def test_a_destination_alone_is_an_anonymous_volume():
    mount = parse_volume("/srv")
    assert mount["anonymous"]
    assert len(mount["name"]) == 64


@pytest.mark.parametrize(
    "item", ["", ":", "a:", ":/x", "a:/b:ro:x", "data:relative", "data:/x:bogus", "da ta:/x", "data:/x:ro,rw"]
)
def test_what_is_no_volume_is_refused(item):
    with pytest.raises(Invalid):
        parse_volume(item)


def test_a_missing_source_is_named():
    with pytest.raises(NotFound, match="statfs /does/not/exist: no such file or directory"):
        parse_volume("/does/not/exist:/x")


def test_mount_flag_types(tmp_path):
    bind = parse_mount(f"type=bind,src={tmp_path},target=/x,readonly")
    assert (bind["type"], bind["destination"]) == ("bind", "/x")
    assert "ro" in bind["options"]
    tmpfs = parse_mount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777")
    assert {"size=1m", "mode=1777"} <= set(tmpfs["options"])
    assert parse_mount("type=volume,source=v,destination=/v")["name"] == "v"


@pytest.mark.parametrize(
    "item", ["type=bind,dst=/tmp", "type=nfs,dst=/x", "type=volume,src=v", "type=tmpfs,dst=/x,foo=1"]
)
def test_what_is_no_mount_is_refused(item):
    with pytest.raises(Invalid):
        parse_mount(item)


def test_tmpfs_keeps_its_options():
    assert parse_tmpfs("/run:size=64m,mode=755")["options"] == ["nosuid", "nodev", "size=64m", "mode=755"]


@given(st.text(alphabet="/.ab", max_size=20))
def test_a_clean_path_has_no_dots(path):
    if path.startswith("/"):
        assert all(part not in (".", "..", "") for part in clean(path).split("/")[1:]) or clean(path) == "/"
    else:
        with pytest.raises(Invalid):
            clean(path)
