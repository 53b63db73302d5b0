"""Registries, as an unprivileged user."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry.lying import LyingRegistry
from tests.rootless.conftest import User


@pytest.fixture
def registry() -> Iterator[LyingRegistry]:
    made = LyingRegistry()
    yield made
    made.close()


def test_push_pull_and_run(user: User, busybox_archive: Path, registry: LyingRegistry) -> None:
    name = f"{registry.host}/team/bb"
    shutil.copy(busybox_archive, user.home / "bb.tar")
    os.chmod(user.home / "bb.tar", 0o644)
    user.skerry("load", "-i", "bb.tar")
    user.skerry("push", "-q", "--tls-verify=false", "busybox", name)
    pulled = user.skerry("run", "--rm", "--net=none", "--pull=always", "--tls-verify=false", name, "echo", "hi")
    assert pulled.stdout == "hi\n"
    assert user.skerry("system", "check").returncode == 0
    user.skerry("rmi", name)


def test_credentials_are_the_user_s_own(user: User, registry: LyingRegistry) -> None:
    user.skerry("login", "--tls-verify=false", "-u", "u", "-p", "p", registry.host)
    path = user.run / "containers/auth.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_uid == user.uid
    assert user.skerry("login", "--get-login", registry.host).stdout == "u\n"
    user.skerry("logout", registry.host)
