"""AppArmor and SELinux options where the kernel has neither: refused or said, never silently dropped."""

from __future__ import annotations

import os

import pytest
from tests.support.command import Skerry

CREATE = ("create", "--network", "none", "--security-opt")


@pytest.mark.skipif(os.path.exists("/sys/module/apparmor/parameters/enabled"), reason="this kernel has AppArmor")
def test_a_profile_without_apparmor_is_refused_in_podmans_words(skerry: Skerry, busybox: str) -> None:
    result = skerry(*CREATE, "apparmor=mine", busybox, "true", check=False)
    assert result.code == 125
    assert 'apparmor profile "mine" specified, but Apparmor is not enabled on this system' in result.stderr
    assert skerry(*CREATE, "apparmor=unconfined", busybox, "true").stderr == ""


@pytest.mark.skipif(os.path.exists("/sys/fs/selinux/enforce"), reason="this kernel has SELinux")
def test_labels_without_selinux_are_said_to_have_no_effect(skerry: Skerry, busybox: str) -> None:
    said = skerry(*CREATE, "label=type:web_t", busybox, "true").stderr
    assert said == "SELinux is not enabled on this system: labels have no effect\n"
    assert skerry(*CREATE, "label=disable", busybox, "true").stderr == ""
    nested = skerry(*CREATE, "label=nested", busybox, "true", check=False)
    assert nested.code == 125
    assert "statfs /sys/fs/selinux: no such file or directory" in nested.stderr


def test_a_label_that_is_none_is_refused(skerry: Skerry, busybox: str) -> None:
    result = skerry(*CREATE, "label=colour:red", busybox, "true", check=False)
    assert result.code == 125
    assert 'bad label option "colour:red"' in result.stderr
