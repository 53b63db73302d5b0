"""Which containers.conf files count, and in which order."""

from __future__ import annotations

import pytest
from tests.config.conftest import Host

from skerry.errors import Invalid


def umask(text: str) -> str:
    return f'[containers]\numask = "{text}"\n'


def test_only_the_most_personal_main_file_is_read(host: Host) -> None:
    host.write(host.vendor, "containers.conf", umask("0001") + 'tz = "vendor"\n')
    host.write(host.admin, "containers.conf", umask("0002"))
    assert (host.load().umask, host.load().tz) == ("0002", "")
    host.write(host.user, "containers.conf", umask("0003"))
    assert host.load().umask == "0003"


def test_drop_ins_are_sorted_by_name_over_all_folders(host: Host) -> None:
    host.write(host.vendor, "containers.conf.d/99-vendor.conf", umask("0099"))
    host.write(host.user, "containers.conf.d/10-user.conf", umask("0010"))
    assert host.load().umask == "0099"


def test_a_drop_in_replaces_one_of_the_same_name_in_an_earlier_folder(host: Host) -> None:
    host.write(host.vendor, "containers.conf.d/50-a.conf", umask("0001"))
    host.write(host.admin, "containers.conf.d/50-a.conf", "# nothing\n")
    assert host.load().umask == "0022"


def test_drop_ins_come_after_the_main_file_and_other_names_do_not_count(host: Host) -> None:
    host.write(host.user, "containers.conf", umask("0001"))
    host.write(host.vendor, "containers.conf.d/a.conf", umask("0002"))
    host.write(host.user, "containers.conf.d/b.conf.bak", umask("0003"))
    (host.user / "containers.conf.d" / "c.conf").mkdir()
    assert host.load().umask == "0002"


def test_folders_for_root_or_for_users_only(host: Host) -> None:
    from skerry.config import files, identity

    host.write(host.admin, "containers.rootful.conf.d/a.conf", umask("0001"))
    user = host.write(host.admin, "containers.rootless.conf.d/1234/a.conf", umask("0002"))
    who = identity.Identity(1234, 1234, rootless=True, userns=True, entered=False)
    assert files.find("containers", who)[0] == [str(user)]
    root = identity.Identity(0, 0, rootless=False, userns=False, entered=False)
    assert files.find("containers", root)[0] == [str(host.admin / "containers.rootful.conf.d/a.conf")]


def test_containers_conf_replaces_all_and_override_comes_last(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.write(host.admin, "containers.conf", umask("0001"))
    host.write(host.admin, "containers.conf.d/x.conf", '[containers]\ntz = "UTC"\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(host.write(host.top, "mine", umask("0002"))))
    assert (host.load().umask, host.load().tz) == ("0002", "")
    monkeypatch.setenv("CONTAINERS_CONF_OVERRIDE", str(host.write(host.top, "last", umask("0003"))))
    assert host.load().umask == "0003"


def test_a_named_file_that_is_missing_is_an_error(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "/no/such/file")
    with pytest.raises(Invalid, match="CONTAINERS_CONF names /no/such/file"):
        host.load()


def test_a_relative_name_is_meant_from_where_the_user_stands(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "mine.conf")
    for name in ("0001", "0002"):
        host.write(host.top / name, "mine.conf", umask(name))
        monkeypatch.chdir(host.top / name)
        assert host.load().umask == name


def test_lists_are_replaced_unless_appended(host: Host) -> None:
    host.write(host.user, "containers.conf", '[containers]\nenv = ["A=1"]\n')
    assert host.load().default_env == ["A=1"]
    host.write(host.user, "containers.conf.d/1.conf", '[containers]\nenv = ["B=2", {append = true}]\n')
    host.write(host.user, "containers.conf.d/2.conf", '[containers]\nenv = ["C=3"]\n')
    assert host.load().default_env == ["A=1", "B=2", "C=3"]  # append lasts for later files, as in Podman
    host.write(host.user, "containers.conf.d/3.conf", '[containers]\nenv = ["D=4", {append = false}]\n')
    assert host.load().default_env == ["D=4"]


def test_runtimes_are_added_to_the_known_ones(host: Host) -> None:
    host.write(host.user, "containers.conf", '[engine]\nruntime = "mine"\n[engine.runtimes]\nmine = ["/opt/mine"]\n')
    loaded = host.load()
    assert loaded.runtime == "mine"
    assert loaded.runtimes["mine"] == ["/opt/mine"]
    assert "/usr/bin/crun" in loaded.runtimes["crun"]


def test_storage_conf_gives_overlay_options_but_no_paths(host: Host) -> None:
    host.write(
        host.admin, "storage.conf",
        '[storage]\ndriver = "vfs"\ngraphroot = "/elsewhere"\n[storage.options.overlay]\nmountopt = "nodev"\n',
    )  # fmt: skip
    loaded = host.load()
    assert loaded.root == "/var/lib/skerry"
    assert loaded.storage_opts == ["overlay.mountopt=nodev"]
    assert host.load(storage_opt=["overlay.size=1g"]).storage_opts == ["overlay.size=1g"]


def test_registries_conf_says_where_short_names_are_looked_for(host: Host) -> None:
    assert host.load().search_registries == ["docker.io"]
    host.write(host.admin, "registries.conf", 'unqualified-search-registries = ["quay.io"]\n')
    host.write(host.admin, "registries.conf.d/short.conf", '[aliases]\n"alpine" = "docker.io/library/alpine"\n')
    assert host.load().search_registries == ["quay.io"]
    assert host.load().conf["registries"]["aliases"]["alpine"] == "docker.io/library/alpine"
