"""The parsed configuration is kept, and never believed when anything may have changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.config.conftest import Host

from skerry.config import cache
from skerry.config.defaults import defaults

Count = Callable[[], int]


def kept(host: Host) -> Path:
    (path,) = host.run.glob("config-*.json")
    return path


def test_a_second_load_parses_nothing(host: Host, parses: Count) -> None:
    host.write(host.admin, "containers.conf", '[containers]\ntz = "UTC"\n')
    first = host.load()
    before = parses()
    second = host.load()
    assert parses() == before
    assert first.conf == second.conf
    assert second.tz == "UTC"


@pytest.mark.parametrize(
    "change",
    [
        lambda host: host.write(host.admin, "containers.conf", '[containers]\ntz = "CET"\n'),
        lambda host: host.write(host.user, "containers.conf", '[containers]\ntz = "CET"\n'),
        lambda host: host.write(host.vendor, "containers.conf.d/new.conf", '[containers]\ntz = "CET"\n'),
        lambda host: host.write(host.admin, "containers.conf.d/old.conf", '[containers]\ntz = "CET"\n'),
    ],
)
def test_any_change_is_noticed(host: Host, change: Callable[[Host], object]) -> None:
    host.write(host.admin, "containers.conf", '[containers]\ntz = "UTC"\n')
    host.write(host.admin, "containers.conf.d/old.conf", "\n")
    assert host.load().tz == "UTC"
    change(host)
    assert host.load().tz == "CET"


def test_a_removed_file_is_noticed(host: Host) -> None:
    path = host.write(host.admin, "containers.conf.d/a.conf", '[containers]\ntz = "UTC"\n')
    assert host.load().tz == "UTC"
    path.unlink()
    assert host.load().tz == ""


def test_an_edit_that_keeps_size_and_mtime_is_noticed(host: Host) -> None:
    path = host.write(host.admin, "containers.conf", '[containers]\ntz = "UTC"\n')
    assert host.load().tz == "UTC"
    status = path.stat()
    path.write_text('[containers]\ntz = "CET"\n')
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert host.load().tz == "CET"


def test_a_file_written_this_moment_is_not_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SETTLED_NS", 10**12)
    host.write(host.admin, "containers.conf", '[containers]\ntz = "UTC"\n')
    assert host.load().tz == "UTC"
    assert not list(host.run.glob("config-*"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"key": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_copy_counts_as_none(host: Host, damage: bytes) -> None:
    host.write(host.admin, "containers.conf", '[containers]\ntz = "UTC"\n')
    host.load()
    kept(host).write_bytes(damage)
    assert host.load().tz == "UTC"


def test_a_truncated_copy_counts_as_none(host: Host) -> None:
    host.load()
    whole = kept(host).read_bytes()
    for length in range(0, len(whole), 997):
        kept(host).write_bytes(whole[:length])
        assert host.load().umask == "0022"


def test_a_copy_that_others_could_have_written_is_not_believed(host: Host, parses: Count) -> None:
    host.write(host.admin, "containers.conf", "")
    host.load()
    before = parses()
    kept(host).chmod(0o666)
    host.load()
    assert parses() > before


def test_a_fifo_or_link_in_its_place_does_no_harm(host: Host) -> None:
    host.load()
    path = kept(host)
    path.unlink()
    os.mkfifo(path)
    assert host.load().umask == "0022"
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/passwd")
    assert host.load().umask == "0022"
    assert Path("/etc/passwd").read_text().startswith("root:")


def test_that_it_cannot_be_kept_is_no_failure(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "rename", full)
    assert host.load().umask == "0022"
    assert not list(host.run.glob("config-*"))


def test_different_environments_are_kept_side_by_side(
    host: Host, monkeypatch: pytest.MonkeyPatch, parses: Count
) -> None:
    one = host.write(host.top, "one", '[containers]\ntz = "one"\n')
    two = host.write(host.top, "two", '[containers]\ntz = "two"\n')
    seen = []
    for path in (one, two, one, two):
        monkeypatch.setenv("CONTAINERS_CONF", str(path))
        seen.append((host.load().tz, parses()))
    assert seen == [("one", 1), ("two", 2), ("one", 2), ("two", 2)]


def test_other_defaults_have_another_format() -> None:
    """A copy that an older version kept must not be read with keys that it does not have: raise FORMAT when this fails,
    and write the new number and sum here."""
    keys = json.dumps({table: sorted(keys) for table, keys in sorted(defaults().items())})
    assert (cache.FORMAT, hashlib.sha256(keys.encode()).hexdigest()[:12]) == (8, "aae2bada13c0")
