"""Which AppArmor profile a container gets, and that ours holds where the kernel has AppArmor."""

from __future__ import annotations

import pytest
from tests.runtime.boxes import Launcher, needs

from skerry.errors import Denied
from skerry.runtime import apparmor


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = ["man_groff", "unconfined_thing"]
    monkeypatch.setattr(apparmor, "enabled", lambda: True)
    monkeypatch.setattr(apparmor, "_names", lambda: names)
    monkeypatch.setattr(apparmor, "_load", lambda: True)
    return names


def test_podmans_default_is_used_when_it_is_loaded(kernel: list[str]) -> None:
    kernel.append("containers-default-0.57")
    assert apparmor.profile("", rootless=False) == "containers-default-0.57"


def test_ours_is_loaded_otherwise(kernel: list[str]) -> None:
    assert apparmor.profile("", rootless=False) == apparmor.PROFILE
    assert kernel


def test_inspect_names_the_default_and_loads_nothing(kernel: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(apparmor, "_load")
    assert apparmor.shown("", privileged=False, rootless=False) == apparmor.PROFILE
    kernel.append("docker-default")
    assert apparmor.shown("", privileged=False, rootless=False) == "docker-default"
    assert apparmor.shown("", privileged=True, rootless=False) == ""
    assert apparmor.shown("", privileged=False, rootless=True) == ""
    assert apparmor.shown("unconfined", privileged=False, rootless=False) == "unconfined"


def test_a_named_profile_must_be_loaded(kernel: list[str]) -> None:
    kernel.append("mine")
    assert apparmor.profile("mine", rootless=False) == "mine"
    with pytest.raises(Denied, match='AppArmor profile "other" specified but not loaded'):
        apparmor.profile("other", rootless=False)


@pytest.mark.usefixtures("kernel")
def test_users_and_the_unconfined_have_none() -> None:
    assert apparmor.profile("", rootless=True) == ""
    assert apparmor.profile("unconfined", rootless=False) == ""


def test_without_apparmor_in_the_kernel_names_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apparmor, "enabled", lambda: False)
    assert apparmor.profile("whatever", rootless=False) == ""


@needs("crun", "conmon", "apparmor_parser")
@pytest.mark.skipif(not apparmor.enabled(), reason="the kernel has no AppArmor")
def test_the_profile_holds(launcher: Launcher) -> None:
    script = "cat /proc/self/attr/current; mount -t tmpfs none /tmp && echo mounted; echo 1 >/proc/sys/vm/drop_caches && echo wrote; kill -0 1 && echo signalled"
    box = launcher.run("sh", "-c", script, cap_add=["all"], unmask=["ALL"], seccomp="unconfined")
    assert "-default" in box.output
    assert "(enforce)" in box.output
    assert "signalled" in box.output
    assert "mounted" not in box.output
    assert "wrote" not in box.output
