"""``skerry manifest`` and lists of manifests in other commands, as Podman's own tests have them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.support.command import Skerry

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
NO_DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def arm(skerry: Skerry, tmp_path: Path) -> str:
    """An image for another machine."""
    members = docker_members(tar_of({"a": b"arm" * 1000}), tags=["arm:1"], architecture="arm64")
    skerry("load", "-q", "-i", write(tmp_path / "arm.tar", members))
    return "arm:1"


def inspected(skerry: Skerry, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(skerry("manifest", "inspect", name).stdout)
    return found


def instances(skerry: Skerry, name: str) -> list[dict[str, object]]:
    found = inspected(skerry, name)["manifests"]
    assert isinstance(found, list)
    return found


def test_a_new_list_is_empty_and_dockers(skerry: Skerry) -> None:
    made = skerry("manifest", "create", "foo").id
    assert len(made) == 64
    assert inspected(skerry, "foo") == {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": None}
    assert inspected(skerry, made[:12]) == inspected(skerry, "foo")
    assert skerry("manifest", "inspect", "-v", "foo").stdout == skerry("manifest", "inspect", "foo").stdout


def test_a_name_that_is_taken_is_no_lists(skerry: Skerry, busybox: str) -> None:
    first = skerry("manifest", "create", "foo").id
    again = skerry("manifest", "create", "foo", check=False)
    assert again.code == 125
    assert again.stderr == (
        f'Error: creating image to hold manifest list: image name "localhost/foo:latest" is already associated with '
        f'image "{first}": that name is already in use\n'
    )
    assert skerry("manifest", "create", "--amend", "foo", busybox).id == first
    assert len(instances(skerry, "foo")) == 1
    assert skerry("manifest", "create", "-a", busybox, check=False).code == 125


def test_images_are_added_with_what_is_said_of_them(skerry: Skerry, busybox: str, arm: str) -> None:
    made = skerry("manifest", "create", "foo", busybox).id
    flags = ("--arch=ppc", "--variant=v9", "--os=bar", "--os-version=3", "--annotation", "a=b,c", "--annotation", "d=e")
    assert skerry("manifest", "add", *flags, "foo", f"containers-storage:{arm}").id == made
    first, second = instances(skerry, "foo")
    assert first["platform"] == {"architecture": "amd64", "os": "linux"}
    assert second["platform"] == {"architecture": "ppc", "os": "bar", "os.version": "3", "variant": "v9"}
    assert second["annotations"] == {"a": "b,c", "d": "e"}
    skerry("manifest", "add", "foo", arm)
    assert instances(skerry, "foo")[1]["platform"] == {"architecture": "arm64", "os": "linux"}


def test_features_make_it_dockers_list(skerry: Skerry, busybox: str) -> None:
    skerry("manifest", "create", "foo", busybox)
    assert inspected(skerry, "foo")["mediaType"] == OCI_INDEX
    skerry("manifest", "add", "--features=sse4,avx", "foo", busybox)
    assert inspected(skerry, "foo")["mediaType"] == DOCKER_LIST
    assert instances(skerry, "foo")[0]["platform"] == {
        "architecture": "amd64",
        "os": "linux",
        "features": ["sse4", "avx"],
    }


def test_what_is_nowhere_is_not_added(skerry: Skerry) -> None:
    skerry("manifest", "create", "foo")
    assert skerry("manifest", "add", "foo", "containers-storage:nope", check=False).code == 125
    failed = skerry("manifest", "add", "--tls-verify=false", "foo", "localhost:1/nope", check=False)
    assert failed.code == 125
    assert 'reading image "docker://localhost:1/nope:latest"' in failed.stderr
    assert inspected(skerry, "foo")["manifests"] is None


def test_instances_come_from_archives_that_may_go(skerry: Skerry, tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar", docker_members(tar_of({"a": b"1"}), tags=["named:1"]))
    skerry("manifest", "create", "foo")
    skerry("manifest", "add", "foo", f"docker-archive:{archive}")
    assert skerry("image", "exists", "named:1", check=False).code == 1
    Path(archive).unlink()
    skerry("image", "prune", "-f")
    skerry("manifest", "push", "foo", f"dir:{tmp_path / 'out'}")
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_a_list_in_a_list_gives_its_instances(skerry: Skerry, busybox: str, arm: str) -> None:
    skerry("manifest", "create", "inner", busybox, arm)
    skerry("manifest", "create", "one", "inner")
    assert [item["platform"] for item in instances(skerry, "one")] == [{"architecture": "amd64", "os": "linux"}]
    skerry("manifest", "create", "--all", "both", "inner")
    assert instances(skerry, "both") == instances(skerry, "inner")
    skerry("manifest", "add", "--all", "both", "both")
    assert instances(skerry, "both") == instances(skerry, "inner")


def test_annotate(skerry: Skerry, busybox: str, arm: str) -> None:
    made = skerry("manifest", "create", "--annotation", "up=yes", "foo", busybox).id
    assert inspected(skerry, "foo")["annotations"] == {"up": "yes"}
    digest = str(instances(skerry, "foo")[0]["digest"])
    assert skerry("manifest", "annotate", "--arch=bar", "--os-features=x,y", "foo", digest).id == made
    assert instances(skerry, "foo")[0]["platform"] == {"architecture": "bar", "os": "linux", "os.features": ["x", "y"]}
    skerry("manifest", "annotate", "--annotation", "hello=world", "foo", busybox)
    assert instances(skerry, "foo")[0]["annotations"] == {"hello": "world"}
    skerry("manifest", "annotate", "--index", "--annotation", "top=1", "--subject", arm, "foo")
    shown = inspected(skerry, "foo")
    assert shown["annotations"] == {"top": "1", "up": "yes"}
    subject = shown["subject"]
    assert isinstance(subject, dict)
    assert subject["digest"] == skerry("image", "inspect", "-f", "{{.Digest}}", arm).id


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("annotate", "--index", "--arch=x", "foo"), "requires an instance digest"),
        (("annotate", "--index", "foo", NO_DIGEST), "expected only list name"),
        (("annotate", "foo"), "expected list name and instance"),
        (("annotate", "--annotation", "nothing", "--index", "foo"), 'no value given for annotation "nothing"'),
        (("annotate", "--arch=x", "foo", NO_DIGEST), "no instance matching digest"),
        (("annotate", "--arch=x", "foo", "nope"), 'finding instance for "nope"'),
        (("add", "--artifact-type=x", "foo", "bar"), "--artifact-type requires --artifact"),
        (("add", "--artifact-type=x", "--artifact-exclude-titles", "foo", "bar"), "require --artifact"),
        (
            ("remove", "foo", "xx"),
            'removing from manifest list foo: invalid image digest "xx": invalid checksum digest',
        ),
        (("remove", "foo", NO_DIGEST), f'no instance matching digest "{NO_DIGEST}" found in manifest list'),
        (("push", "-q", "nope", "dir:/nowhere"), "retrieving local image from image name nope: nope: image not known"),
        (("push", "-q", "-f", "v1", "foo", "dir:/nowhere"), 'unknown format "v1"'),
        (("push", "-q", "foo", "docker-archive:/nowhere"), "does not support copying multiple images as a group"),
        (("push", "-q", "--add-compression=lzma", "foo", "dir:/nowhere"), "algorithm lzma is not supported"),
        (("create", "FOO"), "must be lowercase"),
        (("create", ""), "no name specified"),
        (("create", f"foo@{NO_DIGEST}"), "cannot be named by a digest"),
    ],
)
def test_what_cannot_be_done_is_said(skerry: Skerry, words: tuple[str, ...], text: str) -> None:
    skerry("manifest", "create", "foo")
    failed = skerry("manifest", *words, check=False)
    assert failed.code == 125
    assert text in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_image_is_no_list(skerry: Skerry, busybox: str) -> None:
    for words in (("exists", busybox), ("rm", busybox), ("add", busybox, busybox)):
        failed = skerry("manifest", *words, check=False)
        assert failed.code == 125
        assert failed.stderr == "Error: localhost/busybox:latest: image is not a manifest list\n"


def test_remove_takes_one_instance(skerry: Skerry, busybox: str, arm: str) -> None:
    made = skerry("manifest", "create", "foo", busybox, arm).id
    digest = str(instances(skerry, "foo")[0]["digest"])
    assert skerry("manifest", "remove", "foo", digest).id == made
    assert [item["platform"] for item in instances(skerry, "foo")] == [{"architecture": "arm64", "os": "linux"}]
    skerry("image", "exists", busybox)


def test_rm_and_exists(skerry: Skerry, busybox: str) -> None:
    made = skerry("manifest", "create", "foo", busybox).id
    skerry("manifest", "exists", "foo")
    assert skerry("manifest", "rm", "foo").lines == ["Untagged: localhost/foo:latest", f"Deleted: {made}"]
    assert skerry("manifest", "exists", "foo", check=False).code == 1
    gone = skerry("manifest", "rm", "foo", check=False)
    assert (gone.code, gone.stderr) == (1, "Error: foo: image not known\n")
    assert skerry("manifest", "rm", "--ignore", "foo").stdout == ""
    skerry("image", "exists", busybox)
    assert skerry("system", "check").stderr == ""


def test_a_list_is_among_the_images(skerry: Skerry, busybox: str, arm: str) -> None:
    made = skerry("manifest", "create", "foo", busybox, arm).id
    assert made[:12] in skerry("images", "-q").lines
    assert skerry("images", "-q", "-f", "manifest=true").lines == [made[:12]]
    assert made[:12] not in skerry("images", "-q", "-f", "manifest=false").lines
    assert skerry("images", "--format", "{{.Repository}}:{{.Tag}}", "foo").lines == ["localhost/foo:latest"]
    rows = json.loads(skerry("images", "--format", "json").stdout)
    (row,) = [item for item in rows if item["Id"] == made]
    assert row["Names"] == ["localhost/foo:latest"]
    assert row["Digest"] != skerry("image", "inspect", "-f", "{{.Digest}}", busybox).id
    assert "foo" in skerry("system", "df", "-v").stdout


def test_a_list_means_this_machines_image(skerry: Skerry, busybox: str, arm: str) -> None:
    skerry("manifest", "create", "foo", arm, busybox)
    skerry("image", "exists", "foo")
    assert skerry("run", "--rm", "--net=none", "foo", "echo", "hi").stdout == "hi\n"
    assert (
        skerry("image", "inspect", "-f", "{{.Id}}", "foo").id == skerry("image", "inspect", "-f", "{{.Id}}", busybox).id
    )
    skerry("rmi", busybox)
    assert skerry("image", "exists", "foo", check=False).code == 1
    failed = skerry("image", "inspect", "foo", check=False)
    assert "could not find image instance sha256:" in failed.stderr
    skerry("manifest", "create", "none", arm)
    failed = skerry("history", "none", check=False)
    assert failed.stderr == (
        'Error: no image found in manifest list for architecture "amd64", variant "", OS "linux": image not known\n'
    )


def test_names_are_the_lists_not_its_images(skerry: Skerry, busybox: str) -> None:
    made = skerry("manifest", "create", "foo", busybox).id
    skerry("tag", "foo", "bar:2")
    assert skerry("rmi", "foo").lines == ["Untagged: localhost/foo:latest"]
    skerry("tag", "bar:2", "baz")
    failed = skerry("rmi", made, check=False)
    assert failed.code == 125
    assert "more than one tag" in failed.stderr
    skerry("untag", "baz", "baz")
    assert skerry("rmi", "bar:2").lines == ["Untagged: localhost/bar:2", f"Deleted: {made}"]
    skerry("image", "exists", busybox)


def test_a_name_moves_from_a_list_to_an_image(skerry: Skerry, busybox: str) -> None:
    made = skerry("manifest", "create", "foo", busybox).id
    skerry("tag", busybox, "foo")
    assert (
        skerry("images", "-q", "--no-trunc", "foo").id
        == "sha256:" + skerry("image", "inspect", "-f", "{{.Id}}", busybox).id
    )
    assert skerry("image", "prune", "-f").lines == [made]


def test_prune_keeps_what_a_list_needs(skerry: Skerry, busybox: str) -> None:
    image = skerry("image", "inspect", "-f", "{{.Id}}", busybox).id
    skerry("manifest", "create", "foo", busybox)
    skerry("untag", busybox)
    assert skerry("image", "prune", "-f").lines == []
    skerry("image", "exists", image)
    assert len(skerry("image", "prune", "-fa").lines) == 2
    assert skerry("images", "-q").lines == []


def test_rmi_all_takes_lists_too(skerry: Skerry, busybox: str) -> None:
    skerry("manifest", "create", "foo", busybox)
    skerry("manifest", "create", "bar", busybox)
    skerry("rmi", "-fa")
    assert skerry("images", "-q").lines == []
    assert list((skerry.root / "blobs/sha256").iterdir()) == []


def test_a_manifest_stays_for_the_list_when_its_image_goes(skerry: Skerry, busybox: str) -> None:
    skerry("manifest", "create", "foo", busybox)
    digest = str(instances(skerry, "foo")[0]["digest"])
    skerry("rmi", busybox)
    assert [path.name for path in (skerry.root / "blobs/sha256").iterdir()] == [digest[7:]]
    assert skerry("system", "check").code == 0
    skerry("manifest", "remove", "foo", digest)
    assert list((skerry.root / "blobs/sha256").iterdir()) == []


def test_check_finds_what_a_list_misses(skerry: Skerry, busybox: str) -> None:
    skerry("manifest", "create", "foo", busybox)
    digest = str(instances(skerry, "foo")[0]["digest"])
    skerry("rmi", busybox)
    (skerry.root / "blobs/sha256" / digest[7:]).unlink()
    found = skerry("system", "check", check=False)
    assert found.code != 0
    assert "localhost/foo:latest" in found.stdout + found.stderr
    skerry("system", "check", "--repair", check=False)
    assert skerry("system", "check").code == 0
    assert inspected(skerry, "foo")["manifests"] is None


def test_push_to_a_folder_says_what_podman_says(skerry: Skerry, busybox: str, arm: str, tmp_path: Path) -> None:
    skerry("manifest", "create", "foo", busybox, arm)
    first, second = (str(item["digest"]) for item in instances(skerry, "foo"))
    pushed = skerry("manifest", "push", "--digestfile", tmp_path / "digest", "foo", f"dir:{tmp_path / 'out'}")
    lines = pushed.stderr.splitlines()
    assert pushed.stdout == ""
    assert lines[:4] == [
        "Getting image list signatures", "Copying 2 images generated from 2 images in list", f"Copying image {first} (1/2)",
        "Getting image source signatures",
    ]  # fmt: skip
    assert f"Copying image {second} (2/2)" in lines
    assert lines[-2:] == ["Writing manifest list to image destination", "Storing list signatures"]
    data = (tmp_path / "out/manifest.json").read_bytes()
    assert (tmp_path / "digest").read_text() == "sha256:" + hashlib.sha256(data).hexdigest()
    for path in (tmp_path / "out").iterdir():
        name = path.name.removesuffix(".manifest.json")
        if len(name) == 64:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == name


def test_push_rm_takes_the_list(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("manifest", "create", "foo", busybox)
    skerry("manifest", "push", "-q", "--rm", "foo", f"dir:{tmp_path / 'out'}")
    assert skerry("manifest", "exists", "foo", check=False).code == 1
    skerry("image", "exists", busybox)


def test_push_of_a_list_without_an_image_for_here_pushes_the_list(skerry: Skerry, tmp_path: Path) -> None:
    skerry("manifest", "create", "foo")
    skerry("push", "-q", "foo", f"dir:{tmp_path / 'out'}")
    assert (tmp_path / "out/manifest.json").read_text() == (
        '{"schemaVersion":2,"mediaType":"' + DOCKER_LIST + '","manifests":[]}'
    )


def test_a_layout_holds_the_list_and_gives_it_back(skerry: Skerry, busybox: str, arm: str, tmp_path: Path) -> None:
    image = skerry("image", "inspect", "-f", "{{.Id}}", busybox).id
    skerry("manifest", "create", "foo", busybox, arm)
    skerry("manifest", "push", "-q", "foo", f"dir:{tmp_path / 'dir'}")
    for where in (f"oci:{tmp_path / 'layout'}:web:1", f"oci-archive:{tmp_path / 'web.tar'}:web:1"):
        skerry("manifest", "push", "-q", "foo", where)
    skerry("rmi", "-fa")
    for source, name in (("layout", f"sha256:{image}"), ("web.tar", "localhost/web:1")):  # a folder gives no name
        assert skerry("load", "-q", "-i", tmp_path / source).lines == [f"Loaded image: {name}"]
        assert skerry("image", "inspect", "-f", "{{.Id}}", name).id == image
        skerry("rmi", name)
    for words in (("load", "-q", "-i", tmp_path / "dir"), ("pull", "-q", f"dir:{tmp_path / 'dir'}")):
        skerry(*words)
        skerry("rmi", image)


def test_files_are_added_as_artifacts(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "listed.txt").write_text("oh yeah\n")
    (tmp_path / "zeroes").write_bytes(b"\0" * 70000)
    skerry("manifest", "create", "--annotation", "global=local", "foo")
    add = ("manifest", "add", "--artifact", "--os=linux", "--arch=amd64")
    skerry(*add, "foo", tmp_path / "listed.txt")
    skerry(*add, "--artifact-type=text/plain", "--artifact-exclude-titles", "foo", tmp_path / "zeroes")
    (tmp_path / "listed.txt").unlink()
    skerry("manifest", "push", "-q", "foo", f"dir:{tmp_path / 'out'}")
    index = json.loads((tmp_path / "out/manifest.json").read_text())
    assert index["annotations"] == {"global": "local"}
    assert [item["artifactType"] for item in index["manifests"]] == [
        "application/vnd.unknown.artifact.v1",
        "text/plain",
    ]
    first, second = (
        json.loads((tmp_path / "out" / f"{item['digest'][7:]}.manifest.json").read_text())
        for item in index["manifests"]
    )
    assert first["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert first["layers"][0]["mediaType"] == "text/plain"
    assert first["layers"][0]["annotations"] == {"org.opencontainers.image.title": "listed.txt"}
    assert second["layers"][0]["mediaType"] == "application/octet-stream"
    assert "annotations" not in second["layers"][0]
    assert (tmp_path / "out" / second["layers"][0]["digest"][7:]).read_bytes() == b"\0" * 70000
    assert instances(skerry, "foo")[0]["files"] == ["listed.txt"]
    skerry("manifest", "annotate", "--annotation", "kind=text", "foo", "listed.txt")
    assert instances(skerry, "foo")[0]["annotations"] == {"kind": "text"}
    assert skerry("system", "check").code == 0
    skerry("manifest", "rm", "foo")
    assert list((skerry.root / "blobs/sha256").iterdir()) == []


def test_an_artifacts_config_and_subject(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "config").write_text('{"a":1}')
    skerry("manifest", "create", "foo")
    skerry(
        "manifest", "add", "--artifact", "--artifact-config", tmp_path / "config", "--artifact-config-type=text/x",
        "--artifact-layer-type=text/y", "--artifact-subject", busybox, "foo", tmp_path / "a.json",
    )  # fmt: skip
    skerry("manifest", "push", "-q", "foo", f"dir:{tmp_path / 'out'}")
    index = json.loads((tmp_path / "out/manifest.json").read_text())
    assert index["subject"]["digest"] == skerry("image", "inspect", "-f", "{{.Digest}}", busybox).id
    (item,) = index["manifests"]
    manifest = json.loads((tmp_path / "out" / f"{item['digest'][7:]}.manifest.json").read_text())
    assert manifest["config"]["mediaType"] == "text/x"
    assert manifest["layers"][0]["mediaType"] == "text/y"
    assert (tmp_path / "out" / manifest["config"]["digest"][7:]).read_text() == '{"a":1}'
    failed = skerry("manifest", "add", "--artifact", "foo", tmp_path / "a.json", tmp_path / "nope", check=False)
    assert failed.code == 125
    assert "no such file or directory" in failed.stderr.lower()
    assert skerry("system", "check").code == 0


def test_a_name_alone_is_pushed_to_docker_s_registry(skerry: Skerry) -> None:
    conf = skerry.top / "registries.conf"
    conf.write_text('[[registry]]\nprefix="docker.io"\nlocation="localhost:1"\ninsecure=true\n')
    skerry("manifest", "create", "foo")
    result = skerry("manifest", "push", "foo", check=False, env={"CONTAINERS_REGISTRIES_CONF": str(conf)})
    assert "pinging container registry localhost:1" in result.stderr


def test_errors_of_several_are_told_together(skerry: Skerry) -> None:
    for command in (("rmi",), ("manifest", "rm")):
        result = skerry(*command, "one", "two", check=False)
        said = "Error: 2 errors occurred:\n\t* one: image not known\n\t* two: image not known\n"
        assert (result.code, result.stderr) == (1, said)
