"""How places of images are named."""

from __future__ import annotations

import pytest

from skerry.errors import Invalid, Unsupported
from skerry.image.locations import STORAGE, Location, parse, storage_name


@pytest.mark.parametrize(
    ("text", "transport", "path", "reference", "index"),
    [
        ("docker-archive:a.tar", "docker-archive", "a.tar", "", None),
        ("docker-archive:/x/a.tar:foo", "docker-archive", "/x/a.tar", "docker.io/library/foo:latest", None),
        ("docker-archive:a:quay.io/b/c:1", "docker-archive", "a", "quay.io/b/c:1", None),
        ("docker-archive:a:@12", "docker-archive", "a", "", 12),
        ("oci:/x", "oci", "/x", "", None),
        ("oci:x:localhost:5000/a:1", "oci", "x", "localhost:5000/a:1", None),
        ("oci-archive:x:any text", "oci-archive", "x", "any text", None),
        ("dir:a:b", "dir", "a:b", "", None),
        ("containers-storage:a:b", STORAGE, "a:b", "", None),
    ],
)
def test_what_names_a_place(text: str, transport: str, path: str, reference: str, index: int | None) -> None:
    found = parse(text)
    assert found
    assert (found.transport, found.path, found.reference, found.index) == (transport, path, reference, index)


@pytest.mark.parametrize("text", ["docker://foo", "docker:latest", "busybox", "oci", "dir/a:1", "", "x:y", "OCI:x"])
def test_what_is_a_registrys(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("docker-archive:", "isn't of the form <path>"),
        ("oci::x", "isn't of the form <path>"),
        ("docker-archive:a:@-1", "Invalid source index @-1: must not be negative"),
        ("docker-archive:a:@x", "Invalid source index @x"),
        ("docker-archive:a:@" + "9" * 400, "Invalid source index"),
        ("docker-archive:a:UPPER", "docker-archive parsing reference"),
        ("docker-archive:a:b@sha256:" + "0" * 64, "has a digest"),
    ],
)
def test_what_is_wrong_is_said_in_podmans_words(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse(text)


@pytest.mark.parametrize("text", ["docker-daemon:x:1", "ostree:x", "tarball:x", "sif:x", "atomic:x"])
def test_what_is_not_served_is_refused(text: str) -> None:
    with pytest.raises(Unsupported, match="unsupported transport"):
        parse(text)


@pytest.mark.parametrize("text", ["a:1", "[overlay@/r+/run]a:1", "[/r]a:1", "[overlay@/r+/run:opt=1]a:1", "@a:1"])
def test_the_local_store_by_any_of_its_names(text: str) -> None:
    assert storage_name(Location(STORAGE, text), "/r") == "a:1"


@pytest.mark.parametrize("text", ["[overlay@/other]a:1", "[overlay@/r", "", "[/r]"])
def test_other_stores_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        storage_name(Location(STORAGE, text), "/r")
