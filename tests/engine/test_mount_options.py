"""-v, --mount and --tmpfs: what they say, and what is refused in Podman's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.engine.containers.idmap_option import read
from skerry.engine.containers.options.mount_flag import parse_mount
from skerry.engine.containers.options.volume_flag import clean, parse_tmpfs, parse_volume
from skerry.errors import Invalid, NotFound


def mount_of(item):
    (mount,) = parse_mount(item)
    return mount


def test_a_path_is_a_bind_mount(tmp_path):
    mount = parse_volume(f"{tmp_path}:/data:ro")
    assert (mount["type"], mount["source"], mount["destination"]) == ("bind", str(tmp_path), "/data")
    assert mount["options"] == ["ro", "rprivate", "rbind"]


def test_a_relative_path_is_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    assert parse_volume(".:/src")["source"] == str(tmp_path)
    assert parse_volume("./link:/src")["source"] == str(tmp_path)


def test_a_word_is_a_volume():
    mount = parse_volume("data:/srv")
    assert (mount["type"], mount["name"], mount.get("anonymous", False)) == ("volume", "data", False)
    assert mount["options"] == ["rprivate", "nosuid", "nodev", "rbind"]


def test_a_destination_alone_is_an_anonymous_volume():
    mount = parse_volume("/srv")
    assert mount["anonymous"]
    assert len(mount["name"]) == 64


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("", "container directory cannot be empty"),
        (":/x", "host directory cannot be empty"),
        ("a:", "container directory cannot be empty"),
        ("a:/b:ro:x", "a:/b:ro:x: incorrect volume format, should be [host-dir:]ctr-dir[:option]"),
        ("data:relative", 'invalid container path "relative", must be an absolute path'),
        ("data:/x:bogus", 'invalid option type "bogus"'),
        ("data:/x:size=5", 'invalid option type "size=5"'),
        ("data:/x:ro,rw", "invalid options \"ro, rw\", can only specify 1 'rw' or 'ro' option"),
        ("data:/x:z,Z", "invalid options \"z, Z\", can only specify 1 'z', 'Z', or 'O' option"),
        (
            "data:/x:shared,private",
            "invalid options \"shared, private\", can only specify 1 '[r]shared', '[r]private', '[r]slave' or "
            "'[r]unbindable' option",
        ),
        (
            "~/x:/x",
            'creating named volume "~/x": running volume create option: names must match '
            "[a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
        ),
        ("/:/x:O,ro", "can't use 'O' with options other than 'U', 'upperdir', 'workdir' and 'idmap'"),
        ("/:/x:nocreate", 'unknown mount option "nocreate": invalid mount option'),
        ("data:/x:nocreate,nocreate", "invalid options \"nocreate, nocreate\", can only specify 1 'nocreate' option"),
        ("/:/x:O,upperdir=/up", "must set both `upperdir` and `workdir`"),
    ],
)
def test_what_is_no_volume_is_refused(item, said):
    with pytest.raises(Invalid) as caught:
        parse_volume(item)
    assert caught.value.message == said


@pytest.mark.parametrize("name", ["a/../../etc", "a\nb", "x" * 200 + "/", "-rf", "_x", "a b", "a\0"])
def test_a_volume_s_name_leads_nowhere(name):
    with pytest.raises(Invalid):
        parse_volume(f"{name}:/x")


def test_words_of_other_systems_mean_nothing(tmp_path):
    assert parse_volume(f"{tmp_path}:/x:cached,consistent,delegated")["options"] == ["rprivate", "rbind"]


@pytest.mark.parametrize(
    "mode", ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"]
)
def test_every_propagation_is_understood(mode, tmp_path):
    assert mode in parse_volume(f"{tmp_path}:/x:{mode}")["options"]
    assert mode in mount_of(f"type=bind,src={tmp_path},dst=/x,bind-propagation={mode}")["options"]


def test_a_missing_source_is_named():
    with pytest.raises(NotFound, match="statfs /does/not/exist: no such file or directory"):
        parse_volume("/does/not/exist:/x")
    with pytest.raises(NotFound, match="lstat nosuch: no such file or directory"):
        parse_volume("./nosuch:/x")


def test_mount_flag_types(tmp_path):
    bind = mount_of(f"type=bind,src={tmp_path},target=/x,readonly")
    assert (bind["type"], bind["destination"]) == ("bind", "/x")
    assert "ro" in bind["options"]
    tmpfs = mount_of("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777")
    assert {"size=1m", "mode=1777", "tmpcopyup"} <= set(tmpfs["options"])
    assert mount_of("type=volume,source=v,destination=/v")["name"] == "v"
    assert mount_of("dst=/v")["anonymous"]
    assert mount_of("type=ramfs,dst=/r")["type"] == "ramfs"
    assert mount_of("type=devpts,dst=/p,uid=5,max=7")["options"] == ["uid=5", "max=7"]


def test_a_bind_without_a_source_is_of_the_same_place(tmp_path):
    assert mount_of(f"type=bind,dst={tmp_path}")["source"] == str(tmp_path)


def test_quoted_fields_hold_commas(tmp_path):
    (tmp_path / "a,b").mkdir()
    assert mount_of(f'type=bind,"src={tmp_path}/a,b",dst=/x')["source"] == f"{tmp_path}/a,b"


def test_a_volume_s_part_and_driver_options():
    mount = mount_of("type=volume,src=v,dst=/x,subpath=a/b,volume-opt=type=tmpfs,volume-opt=o=size=1m")
    assert mount["subpath"] == "a/b"
    assert mount["driver_options"] == {"type": "tmpfs", "o": "size=1m"}


def test_a_glob_is_a_mount_for_each_file(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    mounts = parse_mount(f"type=glob,src={tmp_path}/*,dst=/x,ro")
    assert [(mount["source"], mount["destination"]) for mount in mounts] == [
        (f"{tmp_path}/one", "/x/one"), (f"{tmp_path}/two", "/x/two"),
    ]  # fmt: skip
    assert [mount["destination"] for mount in parse_mount(f"type=glob,src={tmp_path}/*")] == [
        f"{tmp_path}/one", f"{tmp_path}/two",
    ]  # fmt: skip
    with pytest.raises(NotFound, match="no file paths matching glob"):
        parse_mount(f"type=glob,src={tmp_path}/no*,dst=/x")


def test_read_only_can_be_recursive(tmp_path):
    assert {"ro", "rro"} <= set(mount_of(f"type=bind,src={tmp_path},dst=/x,ro=recursive")["options"])
    assert "ro" in mount_of(f"type=bind,src={tmp_path},dst=/x,rw=false")["options"]
    assert "ro" not in mount_of(f"type=bind,src={tmp_path},dst=/x,ro=false")["options"]


NO_VALUE = "must provide an argument for option"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("type=nfs,dst=/x", 'invalid filesystem type "nfs"'),
        ("type=volume,src=v", "must set volume destination"),
        ("type=tmpfs,dst=/x,foo=1", "foo: invalid mount option"),
        ("type=tmpfs,dst=/x,src=y", '"src" option not supported for "tmpfs" mount types'),
        ("type=bind,src=/,dst=/x,tmpfs-size=5", '"tmpfs-size" option not supported for "bind" mount types'),
        ("type=bind,src=/,dst=/x,bind-propagation=foo", 'invalid value "bind-propagation=foo"'),
        ("type=bind,src=/,dst=/x,ro,rw", f"cannot pass 'readonly', 'ro', or 'rw' mnt.Options more than once: {NO_VALUE}"),
        ("type=bind,src=/,dst=/x,ro=bogus", 'ro must be true or false, instead received "bogus": invalid mount option'),
        ("type=bind,src=/,dst=/x,src=/y", f'cannot pass "src" option more than once: {NO_VALUE}'),
        ("type=bind,src=,dst=/x", f"host directory cannot be empty: {NO_VALUE}"),
        ("type=bind,src,dst=/x", f"src: {NO_VALUE}"),
        ("type=bind,src=/,dst=/x,relabel=foo", "relabel mount option must be 'private' or 'shared': invalid mount option"),
        ("type=bind,src=/,dst=/x,subpath=a", 'cannot set option "subpath" on non-volume mounts'),
        ("type=bind,src=/,dst=/x,U=foo", f"'U' or 'chown' must be set to true or false, instead received \"foo\": {NO_VALUE}"),
        ("type=volume,src=v,dst=/x,volume-label=a", "the --volume-label option is not presently implemented"),
        ("type=image,dst=/x", "must set source and destination for image volume"),
        ("type=image,src=a,dst=/x,rw", 'invalid rw value "": invalid mount option'),
        ("type=image,src=a,dst=/x,subpath=etc", 'volume subpath "etc" must be an absolute path'),
        ("type=artifact,src=a,dst=/x", "a: artifact does not exist"),
        ("type=devpts,dst=/x,foo=6", "foo: invalid mount option"),
        ("type=tmpfs,dst=/x,exec,noexec", f"cannot pass 'noexec' and 'exec' mnt.Options more than once: {NO_VALUE}"),
    ],
)  # fmt: skip
def test_what_is_no_mount_is_refused(item, said):
    with pytest.raises(Invalid) as caught:
        parse_mount(item)
    assert caught.value.message == said


def test_tmpfs_keeps_its_options():
    assert parse_tmpfs("/run:size=64m,mode=755")["options"] == [
        "size=64m", "mode=755", "rprivate", "nosuid", "nodev", "tmpcopyup",
    ]  # fmt: skip
    assert "nodev" not in parse_tmpfs("/run:dev")["options"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("/x:bogus", 'unknown mount option "bogus": invalid mount option'),
        ("/x:ro,rw", "only one of 'rw' and 'ro' can be used: duplicate mount option passed"),
        ("/x:size=1,size=2", "only one tmpfs size can be specified: duplicate mount option passed"),
        ("/x:z", "the 'z' and 'Z' options are not allowed with tmpfs mounts: invalid mount option"),
        ("x", 'invalid container path "x", must be an absolute path'),
    ],
)
def test_what_is_no_tmpfs_is_refused(item, said):
    with pytest.raises(Invalid) as caught:
        parse_tmpfs(item)
    assert caught.value.message == said


def test_noswap_is_root_s():
    assert "noswap" in parse_tmpfs("/x:noswap")["options"]
    with pytest.raises(Invalid, match="only allowed with rootful tmpfs mounts"):
        parse_tmpfs("/x:noswap", rootless=True)


def entry(inside, outside, size):
    return {"containerID": inside, "hostID": outside, "size": size}


def test_idmap_takes_the_container_s_ids_or_its_own():
    maps = [entry(0, 100000, 1000)]
    assert read("idmap", maps, maps) == (maps, maps)
    own = read("idmap=uids=0-1-10#10-11-10;gids=@0-7-10", maps, maps)
    assert own == ([entry(0, 1, 10), entry(10, 11, 10)], [entry(0, 100007, 10)])


@pytest.mark.parametrize(
    "word", ["foo", "uids=", "uids=1-2", "uids=0-0-0", "uids=a-b-c", "uids=@5000-5000-1", "uids=0-1-99999999999"]
)
def test_what_is_no_idmap_is_refused(word):
    with pytest.raises(Invalid):
        read(f"idmap={word}", [entry(0, 100000, 1000)], [])


@given(st.text(alphabet="/.ab", max_size=20))
def test_a_clean_path_has_no_dots(path):
    if path.startswith("/"):
        assert all(part not in (".", "..", "") for part in clean(path).split("/")[1:]) or clean(path) == "/"
    else:
        with pytest.raises(Invalid):
            clean(path)
