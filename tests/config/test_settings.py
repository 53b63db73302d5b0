"""Flags over files over defaults; Podman 6's defaults where nothing is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.config.conftest import Host

from skerry.config import identity, paths, settings
from skerry.config.programs import find_program
from skerry.config.sizes import parse_size
from skerry.errors import Unavailable


def test_podmans_defaults_without_any_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "has_systemd", lambda: False)
    loaded = host.load()
    assert loaded.default_caps[0] == "CAP_CHOWN"
    assert len(loaded.default_caps) == 11
    assert loaded.default_sysctls == {"net.ipv4.ping_group_range": "0 0"}
    assert loaded.default_env == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    assert (loaded.shm_size, loaded.umask, loaded.stop_timeout) == (65_536_000, "0022", 10)
    assert (loaded.log_driver, loaded.events_backend, loaded.default_network) == ("k8s-file", "file", "podman")
    assert loaded.detach_keys == "ctrl-p,ctrl-q"


@pytest.mark.parametrize(
    ("systemd", "cgroup2", "manager", "cgroupns"),
    [(True, True, "systemd", "private"), (True, False, "cgroupfs", "host"), (False, True, "cgroupfs", "private")],
)
def test_the_cgroup_manager_follows_the_host(
    host: Host, monkeypatch: pytest.MonkeyPatch, systemd: bool, cgroup2: bool, manager: str, cgroupns: str
) -> None:
    monkeypatch.setattr(settings, "has_systemd", lambda: systemd)
    monkeypatch.setattr(settings, "has_cgroup2", lambda: cgroup2)
    loaded = host.load()
    assert (loaded.cgroup_manager, loaded.cgroupns) == (manager, cgroupns)


def journal(host: Host, monkeypatch: pytest.MonkeyPatch, *, systemd: bool = True) -> Path:
    """A host with journald, which has written nothing; the folder that it keeps its entries in."""
    folders = (host.top / "run-log", host.top / "var-log")
    monkeypatch.setattr("skerry.config.settings.JOURNALS", tuple(map(str, folders)))
    monkeypatch.setattr("skerry.config.settings.JOURNAL_SOCKET", str(host.write(host.top, "socket", "")))
    monkeypatch.setattr(settings, "has_systemd", lambda: systemd)
    return folders[1]


def test_logs_and_events_go_to_the_journal_where_it_can_be_read(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = journal(host, monkeypatch)
    assert (host.load().log_driver, host.load().events_backend) == ("k8s-file", "file")
    (folder / "machine").mkdir(parents=True)
    assert (host.load().log_driver, host.load().events_backend) == ("journald", "journald")
    assert host.load(events_backend="file").log_driver == "k8s-file"  # it could not be followed in the journal
    assert host.load(events_backend="journald").log_driver == "journald"
    host.write(host.admin, "containers.conf", '[containers]\nlog_driver = "k8s-file"\n')
    assert (host.load().log_driver, host.load().events_backend) == ("k8s-file", "journald")
    journal(host, monkeypatch, systemd=False)
    assert host.load().events_backend == "file"
    journal(host, monkeypatch)
    (host.top / "socket").unlink()
    assert host.load().events_backend == "file"


def test_a_journal_that_is_not_for_us_is_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = journal(host, monkeypatch)
    (folder / "machine").mkdir(parents=True)
    assert not settings._opens(str(folder / "nowhere"))
    monkeypatch.setattr("skerry.config.settings._opens", lambda _folder: False)
    assert host.load().events_backend == "file"


def test_flags_win_over_files(host: Host) -> None:
    host.write(host.admin, "containers.conf", '[engine]\ncgroup_manager = "systemd"\nevents_logger = "journald"\n')
    loaded = host.load(cgroup_manager="cgroupfs", events_backend="none", runtime="runc", runtime_flag=["debug"])
    assert (loaded.cgroup_manager, loaded.events_backend) == ("cgroupfs", "none")
    assert (loaded.runtime, loaded.runtime_flags) == ("runc", ["debug"])


def test_everything_of_a_private_store_lies_below_its_flags(host: Host) -> None:
    loaded = host.load(root="/a/root", runroot="/a/run")
    assert (loaded.volume_path, loaded.network_config_dir) == ("/a/root/volumes", "/a/root/networks")
    assert (loaded.tmpdir, loaded.events_path) == ("/a/run", "/a/run/events/events.log")
    assert host.load(tmpdir="/a/tmp").events_path == "/a/tmp/events/events.log"


def test_relative_folders_are_meant_from_here(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host.top)
    assert host.load(root="store", runroot="r").root == str(host.top / "store")


def test_engine_env_is_set_unless_the_user_has_set_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFG_ONE", "mine")
    monkeypatch.delenv("CFG_TWO", raising=False)
    host.write(host.admin, "containers.conf", '[engine]\nenv = ["CFG_ONE=file", "CFG_TWO=file"]\n')
    host.load()
    assert (os.environ["CFG_ONE"], os.environ.pop("CFG_TWO")) == ("mine", "file")


def test_a_conmon_that_is_not_there(host: Host) -> None:
    with pytest.raises(Unavailable, match="could not find a working conmon binary: /no/conmon"):
        _ = host.load(conmon="/no/conmon").conmon


def test_programs_are_found_in_helper_folders_first_and_never_in_relative_ones(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = host.write(host.top, "helpers/true", "#!/bin/sh\n")
    helper.chmod(0o755)
    host.write(host.admin, "containers.conf", f'[engine]\nhelper_binaries_dir = ["{helper.parent}"]\n')
    assert find_program("true", host.load()) == str(helper)
    monkeypatch.chdir(helper.parent)
    monkeypatch.setenv("PATH", ".:")
    assert find_program("true") in ("/usr/bin/true", "/bin/true")
    assert find_program("no-such-program") == ""
    assert find_program("/usr/bin") == ""


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("100", 100), ("65536k", 64 << 20), ("1M", 1 << 20), ("2gb", 2 << 30), ("3GiB", 3 << 30), ("7b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5g", "10x", "1 0", "0x10", "1kk"])
def test_not_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_size(text)


def test_a_user_without_a_usable_xdg_runtime_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    who = identity.Identity(4_000_000, 4_000_000, rootless=True, userns=True, entered=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert paths.run_root(who) == "/tmp/skerry-run-4000000"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")  # everybody's: not ours alone
    assert paths.run_root(who) == "/tmp/skerry-run-4000000"


def test_systemd_as_a_user_needs_a_user_session(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setattr(settings.identity, "current", lambda: identity.Identity(
        4_000_000, 4_000_000, rootless=True, userns=True, entered=False))  # fmt: skip
    loaded = host.load(cgroup_manager="systemd")
    assert loaded.cgroup_manager == "cgroupfs"
    assert "no systemd user session" in loaded.warnings[0]
    assert loaded.pids_limit == 0
    (host.top / "bus").touch()
    assert host.load(cgroup_manager="systemd").cgroup_manager == "systemd"


def test_everyday_commands_do_not_pay_for_heavy_modules(host: Host) -> None:
    heavy = [
        "re",
        "enum",
        "typing",
        "json",
        "tomllib",
        "pathlib",
        "subprocess",
        "contextlib",
        "functools",
        "ctypes",
        "pwd",
    ]
    code = (
        f"import sys; sys.path[:0] = {[p for p in sys.path if p.endswith('src')]!r}\n"
        "from skerry.config.settings import load_settings; load_settings({})\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    env = {**os.environ, "XDG_CONFIG_HOME": str(host.top)}
    subprocess.run([sys.executable, "-IS", "-c", code], env=env, check=True, capture_output=True)
    again = subprocess.run([sys.executable, "-IS", "-c", code], env=env, check=True, capture_output=True, text=True)
    assert again.stdout.strip() == "['pwd']" or again.stdout.strip() == "[]"
