"""Names of images, as Docker and Podman read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import Invalid
from skerry.image.reference import normalise, parse, repository_of, tag_of

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "localhost/busybox:latest"),
        ("team/web:1", "localhost/team/web:1"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/a/b", "docker.io/a/b:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("registry.example.com/a/b:v1", "registry.example.com/a/b:v1"),
        (f"quay.io/a@{DIGEST}", f"quay.io/a@{DIGEST}"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        ("a--b/c__d.e", "localhost/a--b/c__d.e:latest"),
    ],
)
def test_names_are_completed(text: str, full: str) -> None:
    assert normalise(text) == full


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "a:", "a:-x", "a..b", "a___b", "-a", "a-", "/a", "a/", "a//b", "a b", "a\nb", "a\x1b[31m", "../a", "a:b:c",
        "a@sha256:12", "ä", "http://x/y", "x" * 256, "f" * 64, "a:" + "t" * 129,
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        normalise(text)


def test_capitals_are_refused_in_docker_s_words() -> None:
    with pytest.raises(Invalid, match="repository name must be lowercase"):
        parse("docker.io/Busybox")


def test_a_port_is_no_tag() -> None:
    assert (repository_of("localhost:5000/a"), tag_of("localhost:5000/a")) == ("localhost:5000/a", "<none>")


@given(st.text(alphabet="abzAZ09._-/:@[]é \n", max_size=40))
def test_a_completed_name_completes_to_itself(text: str) -> None:
    try:
        full = normalise(text)
    except Invalid:
        return
    assert normalise(full) == full
