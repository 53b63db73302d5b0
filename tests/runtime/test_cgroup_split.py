"""``--cgroups=split``, with folders for groups; what it does under a real systemd was tried on such a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.linux import cgroup
from skerry.runtime.cgroup_split import group

SERVICE = "/system.slice/web.service"


class Tree:
    """A v2 hierarchy in which this process is in ``path``, with processes 5 and 6."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mount: Path, path: str) -> None:
        self.moved: list[tuple[str, int]] = []
        self.here = [5, 6]
        self.path = path
        (mount / path.strip("/")).mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(cgroup, "is_unified", lambda: True)
        monkeypatch.setattr(cgroup, "hierarchies", lambda: [cgroup.Hierarchy(str(mount), (), self.path, v2=True)])
        monkeypatch.setattr(cgroup, "processes", lambda _folder: list(self.here))
        monkeypatch.setattr(cgroup, "enter", self.enter)

    def enter(self, folder: str, pid: int) -> None:
        self.here.remove(pid)
        self.moved.append((folder, pid))


def test_it_is_in_the_services_group_beside_what_serves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tree = Tree(monkeypatch, tmp_path, SERVICE)
    assert group("abc") == f"{SERVICE}/libpod-payload-abc"
    assert tree.moved == [(f"{tmp_path}{SERVICE}/runtime", 5), (f"{tmp_path}{SERVICE}/runtime", 6)]
    tree.path = f"{SERVICE}/runtime"
    assert group("def") == f"{SERVICE}/libpod-payload-def"


def test_its_policy_starts_it_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tree = Tree(monkeypatch, tmp_path, "/system.slice/supervisor.scope")
    last = f"{SERVICE}/libpod-payload-abc"
    assert group("abc", last) == "/system.slice/supervisor.scope/libpod-payload-abc"
    (tmp_path / SERVICE.strip("/")).mkdir(parents=True)
    tree.here = []
    assert group("abc", last) == last


def test_without_a_group_of_ones_own_it_goes_where_others_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert group("abc") == "" if not cgroup.is_unified() else True
    Tree(monkeypatch, tmp_path, "/")
    assert group("abc") == ""
    tree = Tree(monkeypatch, tmp_path, "/user.slice/session-1.scope")

    def refused(_folder: str, _pid: int) -> None:
        raise PermissionError

    monkeypatch.setattr(tree, "enter", refused)
    monkeypatch.setattr(cgroup, "enter", refused)
    assert group("abc") == ""
