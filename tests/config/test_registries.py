"""registries.conf: mirrors, prefixes, blocked and insecure registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.config import identity, registries
from skerry.config.registries import Endpoint, pull_endpoints, push_endpoint
from skerry.errors import Denied, Invalid


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def read(text: str) -> list[registries.Registry]:
        path = tmp_path / "registries.conf"
        path.write_text(text)
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(path))
        return registries.load(identity.current())

    return read


def test_without_a_table_a_name_is_its_own_place():
    assert pull_endpoints([], "quay.io/a/b", by_digest=False) == [Endpoint("quay.io/a/b")]


def test_mirrors_come_first(load):
    known = load(
        """
        [[registry]]
        location = "docker.io"
        [[registry.mirror]]
        location = "mirror.example/hub"
        insecure = true
        [[registry.mirror]]
        location = "digests.example"
        pull-from-mirror = "digest-only"
        """
    )
    assert pull_endpoints(known, "docker.io/library/busybox", by_digest=False) == [
        Endpoint("mirror.example/hub/library/busybox", insecure=True, mirror=True),
        Endpoint("docker.io/library/busybox"),
    ]
    assert len(pull_endpoints(known, "docker.io/library/busybox", by_digest=True)) == 3
    assert push_endpoint(known, "docker.io/me/app") == Endpoint("docker.io/me/app")


def test_the_longest_prefix_wins_and_is_replaced_by_the_location(load):
    known = load(
        """
        [[registry]]
        prefix = "example.com"
        location = "a.internal"
        [[registry]]
        prefix = "example.com/team"
        location = "b.internal/x"
        """
    )
    assert pull_endpoints(known, "example.com/team/app", by_digest=False) == [Endpoint("b.internal/x/app")]
    assert pull_endpoints(known, "example.com/teammate/app", by_digest=False) == [Endpoint("a.internal/teammate/app")]


@pytest.mark.parametrize(
    ("repository", "matches"),
    [("a.example.com/x", True), ("b.a.example.com/x/y", True), ("example.com/x", False), ("badexample.com/x", False)],
)
def test_a_wildcard_covers_subdomains(load, repository, matches):
    known = load('[[registry]]\nprefix = "*.example.com"\ninsecure = true\n')
    assert pull_endpoints(known, repository, by_digest=False) == [Endpoint(repository, insecure=matches)]


def test_a_blocked_registry_is_said(load):
    known = load('[[registry]]\nlocation = "evil.example"\nblocked = true\n')
    with pytest.raises(Denied, match=r"registry evil\.example is blocked in registries\.conf"):
        pull_endpoints(known, "evil.example/x", by_digest=False)
    with pytest.raises(Denied):
        push_endpoint(known, "evil.example/x")


@pytest.mark.parametrize(
    "text",
    [
        '[[registry]]\ninsecure = true\n',
        '[[registry]]\nlocation = 3\n',
        '[[registry]]\nlocation = "https://x"\n',
        '[[registry]]\nprefix = "a.*.b"\nlocation = "x"\n',
        '[[registry]]\nlocation = "x"\nblocked = "yes"\n',
        '[[registry]]\nlocation = "x"\n[[registry.mirror]]\ninsecure = true\n',
        '[[registry]]\nlocation = "x"\n[[registry.mirror]]\nlocation = "y"\npull-from-mirror = "never"\n',
        '[registry]\nlocation = "x"\n',
        "registry = 3\n",
    ],
)  # fmt: skip
def test_mistakes_name_the_file(load, text):
    with pytest.raises(Invalid, match=r"registries\.conf"):
        load(text)
