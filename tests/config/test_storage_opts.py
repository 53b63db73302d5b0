"""--storage-opt."""

from __future__ import annotations

import pytest

from skerry.config.storage_opts import mount_attributes
from skerry.errors import Invalid, Unsupported


@pytest.mark.parametrize("prefix", ["overlay.", "overlay2.", ".", ""])
def test_mount_options_are_taken_however_they_are_named(prefix):
    assert mount_attributes([f"{prefix}mountopt=nodev,metacopy=on,noexec"], pytest.fail) == ["nodev", "noexec"]


def test_a_mount_program_is_not_needed_and_that_is_said():
    said: list[str] = []
    assert mount_attributes(["overlay.mount_program=/usr/bin/fuse-overlayfs"], said.append) == []
    assert "mounted by the kernel" in said[0]


@pytest.mark.parametrize("option", ["", "nodev", "overlay.mountopt=lowerdir=/", "overlay.bogus=1", "=x"])
def test_what_is_no_option_is_refused(option):
    with pytest.raises(Invalid):
        mount_attributes([option], pytest.fail)


def test_quotas_are_refused_rather_than_forgotten():
    with pytest.raises(Unsupported, match="size=10G"):
        mount_attributes(["overlay.size=10G"], pytest.fail)
