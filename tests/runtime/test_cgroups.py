"""Where containers and conmon stand, and what is left of a group."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.runtime.boxes import make_config, make_settings

from skerry.errors import Invalid
from skerry.linux import cgroup
from skerry.runtime import cgroups

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes control groups")


def test_podmans_path_with_cgroupfs(tmp_path: Path) -> None:
    config = make_config()
    assert (
        cgroups.place(config, make_settings(tmp_path, cgroup_manager="cgroupfs")).path
        == f"/libpod_parent/libpod-{config['id']}"
    )


def test_a_parent_of_ones_own(tmp_path: Path) -> None:
    config = make_config(cgroup_parent="/mine")
    settings = make_settings(tmp_path, cgroup_manager="cgroupfs")
    assert cgroups.place(config, settings).path == f"/mine/libpod-{config['id']}"
    with pytest.raises(Invalid, match="systemd slice received"):
        cgroups.place(make_config(cgroup_parent="mine.slice"), settings)


def test_disabled_means_none(tmp_path: Path) -> None:
    assert cgroups.place(make_config(cgroups="disabled"), make_settings(tmp_path)).path == ""


@pytest.fixture
def booted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    monkeypatch.setattr(cgroups, "systemd_runs", lambda: True)
    return make_settings(tmp_path, cgroup_manager="systemd")


def test_scopes_with_systemd(booted: Any) -> None:
    config = make_config()
    assert cgroups.place(config, booted).path == f"machine.slice:libpod:{config['id']}"
    booted.rootless = True
    assert cgroups.place(config, booted).path == f"user.slice:libpod:{config['id']}"
    with pytest.raises(Invalid, match="did not receive systemd slice"):
        cgroups.place(make_config(cgroup_parent="/mine"), booted)


def test_systemd_is_not_asked_where_it_does_not_run(monkeypatch: pytest.MonkeyPatch, booted: Any) -> None:
    monkeypatch.setattr(cgroups, "systemd_runs", lambda: False)
    assert cgroups.manager(booted) == "cgroupfs"


@pytest.mark.parametrize("path", ["", "/", "/x", "machine.slice:libpod:x", "/a/../b", "relative/path"])
def test_what_is_no_group_of_ours_is_not_removed(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(cgroup, "remove", lambda folder: pytest.fail(folder))
    cgroups.remove(path)


@needs_root
def test_a_group_is_removed_with_those_below_it() -> None:
    path = f"/skerry-test-{os.getpid()}/libpod-x"
    trees = [tree for tree in cgroup.hierarchies() if os.access(tree.mount, os.W_OK)]
    for tree in trees:
        os.makedirs(tree.folder(path) + "/inner/most")
    cgroups.remove(path)
    left = [tree.mount for tree in trees if os.path.exists(tree.folder(path))]
    for tree in trees:
        os.rmdir(os.path.dirname(tree.folder(path)))
    assert left == []


def test_every_hierarchy_is_known_by_its_folder() -> None:
    trees = cgroup.hierarchies()
    assert trees
    assert all(os.path.exists(tree.folder(tree.path) + "/cgroup.procs") or os.geteuid() for tree in trees)


def test_warming_changes_nothing_and_never_fails() -> None:
    before = cgroup.own_paths()
    cgroups.warm_cgroups()
    time.sleep(0.05)
    assert cgroup.own_paths() == before


def test_hybrid_hosts_are_mended_by_mounting_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("hugetlb rdma\n")
    mounted: list[str] = []
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    monkeypatch.setattr("skerry.linux.mount.mount", lambda _source, target, *_rest: mounted.append(target))
    cgroups.mend_hybrid()
    assert mounted == [str(tmp_path / "hugetlb"), str(tmp_path / "rdma")]


def test_a_host_with_one_kind_of_hierarchy_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroup, "ROOT", str(tmp_path))
    monkeypatch.setattr("skerry.linux.mount.mount", lambda *_args: pytest.fail("mounted"))
    cgroups.mend_hybrid()
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("\n")
    cgroups.mend_hybrid()
