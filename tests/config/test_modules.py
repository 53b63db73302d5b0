"""``--module``: files of containers.conf.modules that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.config.conftest import Host

from skerry.config import files
from skerry.errors import Invalid


def module(host: Host, folder: Path, name: str, text: str) -> Path:
    return host.write(folder, f"containers.conf.modules/{name}", text)


def test_a_module_is_read_only_when_it_is_named(host: Host) -> None:
    module(host, host.admin, "berlin.conf", '[containers]\ntz = "Europe/Berlin"\n')
    assert host.load().tz == ""
    assert host.load(module=["berlin.conf"]).tz == "Europe/Berlin"


def test_the_users_module_hides_the_administrators_of_the_same_name(host: Host) -> None:
    module(host, host.admin, "sub/a.conf", '[containers]\numask = "0002"\n')
    assert host.load(module=["sub/a.conf"]).umask == "0002"
    mine = module(host, host.user, "sub/a.conf", '[containers]\numask = "0003"\n')
    settings = host.load(module=["sub/a.conf"])
    assert (settings.umask, settings.modules) == ("0003", [str(mine)])


def test_modules_come_after_all_files_in_their_order_and_before_the_override(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write(host.admin, "containers.conf", '[containers]\ndns_options = ["main"]\n')
    module(host, host.admin, "a", '[containers]\ndns_options = ["a", {append = true}]\numask = "0001"\n')
    module(host, host.admin, "b", '[containers]\ndns_options = ["b"]\numask = "0002"\n')
    settings = host.load(module=["a", "b"])
    assert (settings.dns_options, settings.umask) == (["main", "a", "b"], "0002")
    assert host.load(module=["b", "a"]).umask == "0001"
    override = host.write(host.top, "override", '[containers]\numask = "0007"\n')
    monkeypatch.setenv("CONTAINERS_CONF_OVERRIDE", str(override))
    assert host.load(module=["a", "b"]).umask == "0007"


def test_an_absolute_path_is_a_module_and_containers_conf_does_not_hide_modules(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", str(host.write(host.top, "only", '[containers]\ntz = "UTC"\n')))
    path = host.write(host.top, "elsewhere.conf", '[containers]\numask = "0001"\n')
    settings = host.load(module=[str(path)])
    assert (settings.tz, settings.umask) == ("UTC", "0001")


def test_a_module_that_is_nowhere_was_looked_for_in_each_place(host: Host) -> None:
    wanted = r"could not resolve module: open .*/config/containers/.*nope: no such file or directory\nopen .*\nopen .*nope: no"
    with pytest.raises(Invalid, match=wanted):
        host.load(module=["nope"])


def test_a_changed_module_is_read_again(host: Host, parses: Callable[[], int]) -> None:
    path = module(host, host.admin, "m", '[containers]\numask = "0001"\n')
    assert host.load(module=["m"]).umask == "0001"
    before = parses()
    assert host.load(module=["m"]).umask == "0001"
    assert parses() == before
    path.write_text('[containers]\numask = "00002"\n')
    assert host.load(module=["m"]).umask == "00002"


def test_the_names_of_modules_are_known_for_completion(host: Host) -> None:
    module(host, host.vendor, "net/fast.conf", "")
    module(host, host.user, "mine.conf", "")
    assert files.module_names() == ["mine.conf", "net/fast.conf"]
