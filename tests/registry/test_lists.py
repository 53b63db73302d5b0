"""Lists of manifests between the store and registries, honest ones and some that lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.registry.lying import OCI_INDEX, OCI_MANIFEST, Handler, LyingRegistry, digest_of
from tests.registry.test_pull import FAST, layer

from skerry.engine.engine import Engine
from skerry.engine.images.push import Push
from skerry.engine.images.transfer import platform_of
from skerry.engine.manifests.change import Details
from skerry.errors import SkerryError

OPTIONS = Push(transfer=FAST)
ARCHES = ("amd64", "arm64", "s390x")


def add_index(registry: LyingRegistry, *arches: str, tag: str = "many", **change: Any) -> str:
    """An index of images for ``arches``; its digest."""
    entries = []
    for arch in arches:
        manifest = registry.add_image(layer(f"for {arch}", 2000), tag=arch, config={"architecture": arch})
        data = registry.manifests[arch][1]
        entries.append(
            {"mediaType": manifest["mediaType"], "digest": digest_of(data), "size": len(data),
             "platform": {"architecture": arch, "os": "linux"}}
        )  # fmt: skip
    return registry.add_manifest(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **change}, tag, OCI_INDEX
    )


def index_at(registry: LyingRegistry, tag: str) -> dict[str, Any]:
    kind, data = registry.manifests[tag]
    found: dict[str, Any] = json.loads(data)
    assert found["mediaType"] == kind
    return found


@pytest.fixture
def two(engine: Engine, tmp_path: Path) -> tuple[str, str]:
    """Images of two platforms that were loaded: their layers were never compressed."""
    made = []
    for arch in ("amd64", "arm64"):
        members = docker_members(tar_of({"a": arch.encode() * 3000}), tags=[f"{arch}:1"], architecture=arch)
        made += engine.images.load(write(tmp_path / f"{arch}.tar", members))
    return made[0], made[1]


def test_a_list_is_pushed_with_its_images(
    engine: Engine, another: Engine, two: tuple[str, str], liar: LyingRegistry
) -> None:
    engine.manifests.create("web:1", two)
    digest = engine.manifests.push("web:1", f"{liar.host}/web:1", OPTIONS)
    assert digest == digest_of(liar.manifests["1"][1])
    places = [item["platform"]["architecture"] for item in index_at(liar, "1")["manifests"]]
    assert places == ["amd64", "arm64"]
    for arch in places:
        record = another.images.pull(f"{liar.host}/web:1", platform=platform_of(f"linux/{arch}"), transfer=FAST)
        assert record["id"] == engine.images.resolve(f"localhost/{arch}:1")["id"]
    engine.manifests.rm(["web:1"])


def test_an_instance_that_was_never_pulled_is_copied_from_its_registry(
    engine: Engine, another: Engine, liar: LyingRegistry, other: LyingRegistry
) -> None:
    add_index(other, *ARCHES)
    engine.manifests.create("web", [f"{other.host}/from:many"], all=True, transfer=FAST)
    assert other.requests("GET", "/blobs/") == []
    digest = engine.manifests.push("web", f"{liar.host}/to", OPTIONS)
    assert index_at(liar, "latest")["manifests"] == index_at(other, "many")["manifests"]
    assert set(other.blobs) == set(liar.blobs)
    record = another.images.pull(f"{liar.host}/to@{digest}", transfer=FAST)
    assert record["architecture"] == "amd64"
    engine.manifests.rm(["web"])


def test_without_all_only_this_platforms_instance_is_added(engine: Engine, other: LyingRegistry) -> None:
    add_index(other, *ARCHES)
    engine.manifests.create("web", [f"{other.host}/from:many"], transfer=FAST)
    (item,) = engine.manifests.inspect("web")["manifests"]
    assert item["platform"]["architecture"] == "amd64"
    engine.manifests.rm(["web"])


def test_a_platform_that_no_index_names_is_read_from_the_config(engine: Engine, other: LyingRegistry) -> None:
    other.add_image(layer("a"), config={"architecture": "arm", "variant": "v7"})
    engine.manifests.create("web", [f"docker://{other.host}/x"], transfer=FAST)
    (item,) = engine.manifests.inspect("web")["manifests"]
    assert item["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}
    engine.manifests.rm(["web"])


def test_a_list_may_be_pushed_alone(engine: Engine, two: tuple[str, str], liar: LyingRegistry) -> None:
    engine.manifests.create("web", two)
    digest = engine.manifests.push("web", f"{liar.host}/x", OPTIONS, all=False)
    assert digest == engine.manifests.resolve("web")["digest"]
    assert liar.blobs == {}
    engine.manifests.rm(["web"])


def test_each_image_may_be_pushed_with_two_compressions(
    engine: Engine, two: tuple[str, str], liar: LyingRegistry
) -> None:
    engine.manifests.create("web", two)
    engine.manifests.push("web", f"{liar.host}/x", OPTIONS, add_compression=["zstd", "gzip"])
    found = [
        (item["platform"]["architecture"], (item.get("annotations") or {}).get("io.github.containers.compression.zstd"))
        for item in index_at(liar, "latest")["manifests"]
    ]
    assert found == [("amd64", None), ("arm64", None), ("amd64", "true"), ("arm64", "true")]
    engine.manifests.rm(["web"])


def test_as_docker_has_it(engine: Engine, two: tuple[str, str], liar: LyingRegistry, other: LyingRegistry) -> None:
    add_index(other, "s390x")
    engine.manifests.create("web", [*two, f"{other.host}/x:s390x"], transfer=FAST)
    engine.manifests.push("web", f"{liar.host}/x", Push(format="v2s2", transfer=FAST))
    found = index_at(liar, "latest")
    assert found["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    for item in found["manifests"]:
        manifest = json.loads(liar.manifests[item["digest"]][1])
        assert manifest["mediaType"] == item["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
        assert {manifest["config"]["digest"], *(each["digest"] for each in manifest["layers"])} <= set(liar.blobs)
    engine.manifests.rm(["web"])


def test_a_failed_push_makes_no_list_there(engine: Engine, two: tuple[str, str], liar: LyingRegistry) -> None:
    engine.manifests.create("web", [two[0]])
    arm = engine.images.resolve(two[1])
    engine.manifests.add_image("web", arm["id"])
    engine.images.remove([two[1]])
    with pytest.raises(SkerryError, match="could not find image instance"):
        engine.manifests.push("web", f"{liar.host}/x", OPTIONS)
    assert "latest" not in liar.manifests
    engine.manifests.rm(["web"])


def test_the_indexes_that_lead_to_an_image_are_known(engine: Engine, liar: LyingRegistry) -> None:
    first = add_index(liar, "amd64")
    record = engine.images.pull(f"{liar.host}/x:many", transfer=FAST)
    second = liar.add_manifest({**index_at(liar, "many"), "annotations": {"build": "2"}}, "many", OCI_INDEX)
    engine.images.pull(f"{liar.host}/x:many", transfer=FAST)
    digests = [item.partition("@")[2] for item in engine.images.inspect(record["id"])["RepoDigests"]]
    assert digests == [record["digest"], first, second]
    for digest in digests:
        assert engine.images.resolve(f"{liar.host}/x@{digest}")["id"] == record["id"]
    third = liar.add_manifest({**index_at(liar, "many"), "annotations": {"build": "3"}}, "many", OCI_INDEX)
    engine.images.pull(f"{liar.host}/x:many", policy="newer", transfer=FAST)
    assert engine.images.resolve(f"{liar.host}/x@{third}")["id"] == record["id"]
    engine.images.pull(f"{liar.host}/x:amd64", transfer=FAST)
    assert first in "".join(engine.images.inspect(record["id"])["RepoDigests"])


def test_a_registrys_list_is_shown_without_pulling(engine: Engine, liar: LyingRegistry) -> None:
    add_index(liar, *ARCHES, annotations={"a": "b"})
    shown = engine.manifests.inspect(f"{liar.host}/x:many", transfer=FAST)
    assert [item["platform"]["architecture"] for item in shown["manifests"]] == list(ARCHES)
    assert shown["annotations"] == {"a": "b"}
    assert liar.requests("GET", "/blobs/") == []


def test_one_image_is_shown_with_a_warning(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    assert len(engine.manifests.inspect(f"{liar.host}/x", transfer=FAST)["layers"]) == 1
    assert "is not a manifest list but a single image" in engine.warnings[-1]


def test_a_list_pushed_by_its_digest_must_have_it(engine: Engine, liar: LyingRegistry) -> None:
    engine.manifests.create("empty")
    with pytest.raises(SkerryError, match="the list has the digest"):
        engine.manifests.push("empty", f"{liar.host}/x@sha256:{'0' * 64}", OPTIONS)
    engine.manifests.rm(["empty"])


# What lies


def nested(liar: LyingRegistry) -> str:
    digest = add_index(liar, "amd64", tag="inner")
    size = len(liar.manifests["inner"][1])
    entries = [{"mediaType": OCI_INDEX, "digest": digest, "size": size}]
    liar.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, "bad", OCI_INDEX)
    return "index in it"


def disguised(liar: LyingRegistry) -> str:
    """What is called an image is an index."""
    digest = add_index(liar, "amd64", tag="inner")
    size = len(liar.manifests["inner"][1])
    entries = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": size,
            "platform": {"os": "linux", "architecture": "amd64"},
        }
    ]
    liar.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, "bad", OCI_INDEX)
    return "an index in an index"


def wrong_size(liar: LyingRegistry) -> str:
    add_index(liar, "amd64", tag="inner")
    document = index_at(liar, "inner")
    document["manifests"][0]["size"] += 1
    liar.add_manifest(document, "bad", OCI_INDEX)
    return "bytes, not"


def another_manifest(liar: LyingRegistry) -> str:
    add_index(liar, "amd64", tag="bad")
    (item,) = index_at(liar, "bad")["manifests"]
    liar.manifests[item["digest"]] = (OCI_MANIFEST, liar.manifests["amd64"][1] + b" ")
    return "has the digest"


def crowd(liar: LyingRegistry) -> str:
    item = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{'1' * 64}", "size": 1}
    liar.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item] * 1001}, "bad", OCI_INDEX)
    return "malformed list of descriptors"


def huge(liar: LyingRegistry) -> str:
    liar.add_manifest(b'{"schemaVersion":2,"manifests":[' + b" " * (100 << 20) + b"]}", "bad", OCI_INDEX)
    return "more than"


def strange_platform(liar: LyingRegistry) -> str:
    add_index(liar, "amd64", tag="inner")
    document = index_at(liar, "inner")
    document["manifests"][0]["platform"] = {"os": "linux", "architecture": "amd64", "os.features": [{"a": 1}]}
    liar.add_manifest(document, "bad", OCI_INDEX)
    return "malformed descriptor"


def half_a_character(liar: LyingRegistry) -> str:
    add_index(liar, "amd64", tag="inner")
    data = liar.manifests["inner"][1].replace(b'"platform"', b'"annotations": {"a": "\\ud800"}, "platform"')
    liar.add_manifest(data, "bad", OCI_INDEX)
    return "malformed character"


def unknown_type(liar: LyingRegistry) -> str:
    liar.add_manifest({"schemaVersion": 2, "mediaType": "text/plain", "manifests": []}, "bad", "text/plain")
    return "unknown type"


def other_algorithm(liar: LyingRegistry) -> str:
    item = {"mediaType": OCI_MANIFEST, "digest": f"sha512:{'1' * 128}", "size": 1}
    liar.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item]}, "bad", OCI_INDEX)
    return "no sha256"


LIES = (nested, disguised, wrong_size, another_manifest, crowd, huge, strange_platform, half_a_character, unknown_type,
        other_algorithm)  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_lies_is_not_added(lie: Any, engine: Engine, liar: LyingRegistry) -> None:
    text = lie(liar)
    engine.manifests.create("web")
    with pytest.raises(SkerryError, match=text):
        engine.manifests.add("web", [f"docker://{liar.host}/x:bad"], all=True, transfer=FAST)
    assert engine.manifests.inspect("web")["manifests"] is None
    engine.manifests.rm(["web"])


def test_a_blob_that_was_altered_is_not_copied(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    add_index(other, "s390x")
    engine.manifests.create("web", [f"{other.host}/x:many"], all=True, transfer=FAST)
    manifest = json.loads(other.manifests["s390x"][1])
    blob = manifest["layers"][0]["digest"]
    other.blobs[blob] = other.blobs[blob][:-1] + b"?"
    with pytest.raises(SkerryError, match="has the digest"):
        engine.manifests.push("web", f"{liar.host}/to", OPTIONS)
    assert "latest" not in liar.manifests
    assert blob not in liar.blobs
    engine.manifests.rm(["web"])


def test_credentials_for_the_destination_do_not_go_to_the_source(
    engine: Engine, liar: LyingRegistry, other: LyingRegistry
) -> None:
    """--creds are the destination's: what lies elsewhere is read with what auth.json knows."""
    from skerry.records import replace

    add_index(other, "s390x")
    engine.manifests.create("web", [f"{other.host}/x:many"], all=True, transfer=FAST)

    def ask(handler: Handler) -> bool:
        if "Authorization" in handler.headers:
            return False
        return handler.answer(401, WWW_Authenticate='Basic realm="x"')

    liar.lie = other.lie = ask
    with pytest.raises(SkerryError, match="authentication required"):
        engine.manifests.push("web", f"{liar.host}/to", Push(transfer=replace(FAST, creds="me:secret")))
    assert all("Authorization" not in headers for _method, _path, headers in other.seen)
    engine.manifests.rm(["web"])


def test_the_tag_may_move_meanwhile(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    """An instance is known by its digest, whatever its tag means now."""
    add_index(other, "s390x")
    engine.manifests.create("web", [f"{other.host}/x:many"], all=True, transfer=FAST)
    engine.manifests.add("web", [f"{other.host}/x:s390x"], details=Details(annotations={"a": "b"}), transfer=FAST)
    other.add_image(layer("new"), tag="s390x")
    engine.manifests.push("web", f"{liar.host}/to", OPTIONS)
    (item,) = index_at(liar, "latest")["manifests"]
    assert item["annotations"] == {"a": "b"}
    engine.manifests.rm(["web"])
