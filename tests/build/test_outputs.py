"""What becomes of a build's result."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry.server import Registry
from tests.support.command import Skerry
from tests.support.podman import Podman

FILE = 'FROM scratch\nCOPY f /f\nCMD ["/f"]\n'
STATUS = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\nMaintainer: Me\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Containerfile").write_text(FILE)
    (folder / "f").write_text("content")
    return folder


@pytest.fixture
def packages(context: Path) -> Path:
    """A context whose image has packages of every kind."""
    root = context / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n')
    for path, text in {
        "var/lib/dpkg/status": STATUS,
        "lib/apk/db/installed": "P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\n\n",
        "usr/lib/python3/dist-packages/Foo_Bar-1.0.dist-info/METADATA": "Name: Foo_Bar\nVersion: 1.0\nLicense: MIT\n\nLong\n",
        "app/node_modules/left-pad/package.json": '{"name": "left-pad", "version": "1.3.0", "license": "WTFPL"}',
        "app/node_modules/@types/node/package.json": '{"name": "@types/node", "version": "20.1.0"}',
        "app/node_modules/broken/package.json": "{",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "app/node_modules/evil").symlink_to("/etc")
    (context / "Containerfile").write_text("FROM scratch\nCOPY root /\n")
    return context


def test_the_id_is_written_to_files_and_last_to_stdout(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    done = skerry(
        "build", "-t", "one", "-t", "two", "--iidfile", tmp_path / "i", "--iidfile-raw", tmp_path / "r", context
    )
    assert (tmp_path / "i").read_text() == "sha256:" + done.lines[-1]
    assert (tmp_path / "r").read_text() == done.lines[-1]
    assert "Successfully tagged localhost/one:latest" in done.lines
    assert skerry("image", "inspect", "-f", "{{.Id}}", "two").id == done.lines[-1]
    assert skerry("build", "-q", context).lines == [done.lines[-1]]


def test_metadata_has_buildkits_keys(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    done = skerry("build", "-t", "one", "--metadata-file", tmp_path / "m", "--build-arg", "A=hush", context)
    found = json.loads((tmp_path / "m").read_text())
    assert found["containerimage.config.digest"] == "sha256:" + done.lines[-1]
    assert found["containerimage.digest"] == skerry("image", "inspect", "-f", "{{.Digest}}", "one").id
    assert found["image.name"] == "localhost/one:latest"
    definition = found["buildx.build.provenance"]["buildDefinition"]
    assert definition["externalParameters"]["configSource"]["path"] == "Containerfile"
    described = found["containerimage.descriptor"]
    assert (described["digest"], described["platform"]["os"]) == (found["containerimage.digest"], "linux")
    assert described["size"] > 0
    assert "hush" not in (tmp_path / "m").read_text()


def test_an_archive_and_a_layout_have_all_names(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    names = ("-t", "one:a", "-t", "one:b")
    skerry("build", "-q", *names, "-o", f"type=oci,dest={tmp_path}/o.tar", "-o", f"type=oci,tar=false,dest={tmp_path}/o", context)  # fmt: skip
    with tarfile.open(tmp_path / "o.tar") as tar:
        (tmp_path / "index").write_bytes(tar.extractfile("index.json").read())  # type: ignore[union-attr]
    for file in (tmp_path / "o/index.json", tmp_path / "index"):
        found = [entry["annotations"] for entry in json.loads(file.read_text())["manifests"]]
        assert [name["org.opencontainers.image.ref.name"] for name in found] == ["one:a", "one:b"]
    assert skerry("load", "-i", tmp_path / "o.tar").code == 0


def test_a_folder_and_a_tar(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    skerry("build", "-o", tmp_path / "out", context)
    assert (tmp_path / "out" / "f").read_text() == "content"
    data = skerry("build", "-o", "-", context).raw
    assert tarfile.open(fileobj=io.BytesIO(data)).getnames() == ["f"]
    skerry("build", "-o", f"type=tar,dest={tmp_path}/t.tar", context)
    assert (tmp_path / "t.tar").read_bytes() == data
    assert skerry("images", "-q").lines == []


def test_an_image_that_has_a_name_is_kept_beside_its_files(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    done = skerry("build", "-o", tmp_path / "out", "-t", "kept", "-t", f"oci:{tmp_path}/layout", context)
    assert (tmp_path / "out" / "f").read_text() == "content"
    assert skerry("image", "inspect", "-f", "{{.Id}}", "kept").id == done.lines[-1]
    assert (tmp_path / "layout" / "index.json").exists()


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_archives_are_read_by_podman(skerry: Skerry, podman: Podman, context: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tar"
    skerry("build", "-t", "archived:1", "-o", f"type={kind},dest={path}", context)
    assert "archived:1" in podman("load", "-i", str(path)).stdout
    assert skerry("images", "-q").lines == []  # it was only made to be written
    assert skerry("build", "-t", "archived:1", "-o", f"type={kind},dest=-", context).raw[:5] != b""


def test_an_oci_layout(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    skerry("build", "-o", f"type=oci,tar=false,dest={tmp_path}/layout,name=x:1,compression=zstd", context)
    index = json.loads((tmp_path / "layout" / "index.json").read_text())
    digest = index["manifests"][0]["digest"].removeprefix("sha256:")
    manifest = json.loads((tmp_path / "layout" / "blobs/sha256" / digest).read_text())
    assert manifest["layers"][0]["mediaType"].endswith("tar+zstd")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type=nonsense", "type must be one of"), ("type=local", "needs a folder"), ("dest=x", 'missing required key "type"'),
        ("type=tar,compression=gzip,dest=x", "compression is not an attribute"), ("type=oci,dest=/none/x.tar", "is no folder"),
        ("type=oci,dest=x,compression=lz4", "compression must be one of"),
    ],
)  # fmt: skip
def test_outputs_that_cannot_be(skerry: Skerry, context: Path, text: str, said: str) -> None:
    done = skerry("build", "-o", text, context, check=False)
    assert done.code == 125
    assert said in done.stderr


def test_several_platforms_are_a_list(skerry: Skerry, context: Path) -> None:
    skerry("build", "-q", "--platform", "linux/amd64,linux/arm64/v8", "-t", "many", "-t", "more", context)
    skerry("build", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "many", "-t", "more", context)
    found = json.loads(skerry("manifest", "inspect", "more").stdout)
    assert [entry["platform"]["architecture"] for entry in found["manifests"]] == ["amd64", "arm64"]
    done = skerry("build", "-q", "--provenance=true", context, check=False)
    assert "needs a name" in done.stderr


def test_manifest_gathers(skerry: Skerry, context: Path) -> None:
    for platform in ("linux/amd64", "linux/arm64"):
        skerry("build", "-q", "--platform", platform, "--manifest", "gathered", context)
    found = json.loads(skerry("manifest", "inspect", "gathered").stdout)
    assert [entry["platform"]["architecture"] for entry in found["manifests"]] == ["amd64", "arm64"]


def test_packages_are_found_and_links_are_not_followed(skerry: Skerry, packages: Path, tmp_path: Path) -> None:
    skerry("build", "-q", "--sbom-output", tmp_path / "s", "--sbom-purl-output", tmp_path / "p", packages)
    found = json.loads((tmp_path / "p").read_text())["image_contents"]["dependencies"]
    assert [item["purl"] for item in found] == [
        "pkg:apk/debian/musl@1.2.5-r0?arch=x86_64",
        "pkg:deb/debian/libc6@2.36-9?arch=amd64",
        "pkg:npm/left-pad@1.3.0",
        "pkg:npm/%40types/node@20.1.0",
        "pkg:pypi/foo-bar@1.0",
    ]
    document = json.loads((tmp_path / "s").read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    assert {entry["name"] for entry in document["packages"]} >= {
        "libc6",
        "musl",
        "foo-bar",
        "left-pad",
        "@types/node",
        "debian",
    }
    assert len({entry["SPDXID"] for entry in document["packages"]}) == len(document["packages"])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed")
    found = Registry(tmp_path / "registry")
    yield found
    found.stop()


def fetch(layout: Path, digest: str) -> dict[str, object]:
    data = (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
    return json.loads(data)  # type: ignore[no-any-return]


def test_attestations_speak_of_the_image_as_it_is_there(skerry: Skerry, packages: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    skerry(
        "build", "-q", "-t", "a:1", "-o", f"type=oci,tar=false,dest={layout}", "--sbom", "--provenance=mode=max",
        "--build-arg", "SECRETLESS=1", packages,
    )  # fmt: skip
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    image, attested = fetch(layout, entry["digest"])["manifests"]  # type: ignore[misc]
    assert attested["annotations"] == {
        "vnd.docker.reference.digest": image["digest"], "vnd.docker.reference.type": "attestation-manifest"
    }  # fmt: skip
    fetch(layout, image["digest"])
    layers = fetch(layout, attested["digest"])["layers"]
    types = [layer["annotations"]["in-toto.io/predicate-type"] for layer in layers]  # type: ignore[attr-defined]
    assert types == ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"]
    for layer in layers:  # type: ignore[attr-defined]
        statement = fetch(layout, layer["digest"])
        assert statement["subject"][0]["digest"]["sha256"] == image["digest"].removeprefix("sha256:")  # type: ignore[index]
    sources = statement["predicate"]["runDetails"]["metadata"]["buildkit_metadata"]["source"]["infos"]  # type: ignore[index]
    assert base64.b64decode(sources[0]["data"]).decode().startswith("FROM scratch")


def test_push_with_attestations(skerry: Skerry, packages: Path, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/team/app:1"
    skerry(
        "build", "-q", "-t", name, "--push", "--tls-verify=false", "--sbom", "--metadata-file", tmp_path / "m", packages
    )
    skerry("rmi", "-f", name, check=False)
    found = json.loads(skerry("manifest", "inspect", "--tls-verify=false", name).stdout)
    image, attested = found["manifests"]
    assert attested["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    assert json.loads((tmp_path / "m").read_text())["containerimage.digest"].startswith("sha256:")
    skerry("pull", "-q", "--tls-verify=false", name)


def test_push_without_a_name(skerry: Skerry, context: Path) -> None:
    done = skerry("build", "--push", context, check=False)
    assert "tag is needed when pushing to registry" in done.stderr


def test_provenance_in_the_older_version(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    skerry("build", "-q", "-o", tmp_path / "out", "--attest", "type=provenance,version=v0.2", context)
    statement = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v0.2"
    assert statement["predicate"]["invocation"]["environment"] == {"platform": "linux/amd64"}


def test_annotations(skerry: Skerry, context: Path) -> None:
    skerry("build", "-q", "-t", "base", "--annotation", "a=1", "--annotation", "b=2", context)
    (context / "Containerfile").write_text("FROM localhost/base\n")
    skerry("build", "-q", "-t", "next", "--unsetannotation", "a", "--created-annotation=false", context)
    found = json.loads(skerry("image", "inspect", "-f", "{{json .Annotations}}", "next").stdout)
    assert found["b"] == "2"
    assert "a" not in found
    assert "org.opencontainers.image.created" not in found
    assert found["org.opencontainers.image.base.name"] == "localhost/base:latest"


def test_a_base_for_another_platform_is_told(skerry: Skerry, context: Path, registry: Registry) -> None:
    name = f"{registry.host}/team/base:1"
    skerry("build", "-q", "-t", name, context)
    skerry("push", "--tls-verify=false", name)
    skerry("rmi", name)
    (context / "Containerfile").write_text(f"FROM {name}\nCOPY f /g\n")
    argv = ("build", "--progress=plain", "--tls-verify=false", "--platform", "linux/s390x", context)
    message = "was pulled with platform"
    assert message in skerry(*argv).stderr
    (context / "Containerfile").write_text(f"# check=skip=InvalidBaseImagePlatform\nFROM {name}\nCOPY f /g\n")
    assert message not in skerry(*argv).stderr
    (context / "Containerfile").write_text(f"# check=error=true\nFROM {name}\nCOPY f /g\n")
    assert skerry(*argv, check=False).code == 125


def labels_of(engine: Skerry) -> dict[str, tuple[str, str]]:
    """Name → (base, image id) of the images that say of which stage they are."""
    name, base = "io.buildah.stage.name", "io.buildah.stage.base"
    found = {}
    for image in json.loads(engine("images", "-a", "--filter", f"label={name}", "--format", "json").stdout):
        labels = json.loads(engine("image", "inspect", image["Id"]).stdout)[0]["Labels"]
        found[labels[name]] = (labels[base], image["Id"])
    return found


def test_stages_are_kept_as_images_and_say_which_they_are(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(
        "FROM localhost/busybox AS one\nRUN echo 1 > /1\nFROM one\nRUN echo 2 > /2\nFROM scratch AS unused\nRUN false\n"
        "FROM localhost/busybox AS last\nCOPY --from=1 /2 /2\nCOPY --from=one /1 /1\n"
    )
    engine("build", "-q", "--save-stages", "--stage-labels", "--label", "mine=1", "-t", "last", tmp_path)
    found = labels_of(engine)
    assert set(found) == {"one", "1", "last"}
    assert found["1"][0] == found["one"][1]
    assert found["one"][0] == found["last"][0] == "localhost/busybox"
    assert engine("run", "--rm", "--network", "none", found["1"][1], "cat", "/1", "/2").lines == ["1", "2"]
    assert engine("image", "inspect", "-f", "{{.Labels.mine}}", "last").lines == ["1"]
    assert "mine" not in engine("image", "inspect", found["one"][1]).stdout
    before = engine("images", "-aq").stdout
    engine("build", "-q", "--save-stages", "--stage-labels", "--label", "mine=1", "-t", "last", tmp_path)
    assert engine("images", "-aq").stdout == before


def test_stages_are_kept_without_labels(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(
        "FROM localhost/busybox AS a\nRUN echo kept > /kept\nFROM scratch\nCOPY --from=a /kept /\n"
    )
    before = set(engine("images", "-aq", "--no-trunc").lines)
    engine("build", "-q", "--save-stages", "-t", "x", tmp_path)
    (stage,) = (
        set(engine("images", "-aq", "--no-trunc").lines) - before - set(engine("images", "-q", "--no-trunc", "x").lines)
    )
    assert engine("run", "--rm", "--network", "none", stage, "cat", "/kept").lines == ["kept"]
    done = engine("build", "--stage-labels", tmp_path, check=False)
    assert (done.code, done.stderr.splitlines()[0]) == (125, "Error: --stage-labels requires --save-stages")


def test_images_of_stages_on_the_way_have_labels_of_their_own(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(
        "FROM scratch AS a\nCOPY Containerfile /a\nFROM scratch\nCOPY --from=a /a /\n"
    )
    engine(
        "build", "-q", "--save-stages", "--layer-label", "on=the way", "--layer-label", "bare", "-t", "end", tmp_path
    )
    (stage,) = engine("images", "-aq", "--no-trunc", "--filter", "label=on=the way").lines
    assert engine("image", "inspect", "-f", "{{.Labels.on}}|{{.Labels.bare}}|", stage).stdout == "the way||\n"
    assert "the way" not in engine("image", "inspect", "-f", "{{.Labels}}", "end").stdout


def test_a_policy_of_the_builds_own_is_asked_before_a_pull(engine: Skerry, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "reject"}]}')
    (tmp_path / "Containerfile").write_text("FROM localhost:1/not/here\n")
    done = engine("build", "--signature-policy", policy, tmp_path, check=False)
    assert done.code == 125
    assert "is rejected by policy" in done.stderr
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\n")
    engine("build", "-q", "--signature-policy", policy, tmp_path)


def test_annotations_of_lists_entries_and_platforms(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    words = [
        "index:i=1",
        "manifest-descriptor[linux/arm64]:d=2",
        "manifest,index:both=3",
        "manifest[linux/amd64]:m=4",
        "p=5",
    ]
    flags = [f"--annotation={word}" for word in words]
    skerry("build", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "noted", *flags, context)
    found = json.loads(skerry("manifest", "inspect", "noted").stdout)
    assert found["annotations"] == {"i": "1", "both": "3"}
    assert [entry.get("annotations") for entry in found["manifests"]] == [None, {"d": "2"}]
    for entry, wanted in zip(found["manifests"], ({"both", "m", "p"}, {"both", "p"}), strict=True):
        said = json.loads(skerry("image", "inspect", f"localhost/noted@{entry['digest']}").stdout)[0]["Annotations"]
        assert {"both", "m", "p"} & said.keys() == wanted
    done = skerry("build", "-q", "--annotation", "index:i=1", context, check=False)
    assert (done.code, "index annotations not supported for single platform export" in done.stderr) == (125, True)
    layout = tmp_path / "layout"
    skerry("build", "-q", "-o", f"type=oci,tar=false,dest={layout},annotation.x=y,annotation-manifest.z=w", context)
    (described,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((layout / "blobs/sha256" / described["digest"].partition(":")[2]).read_text())
    assert {"x": "y", "z": "w"}.items() <= manifest["annotations"].items()
    for word, said in (
        ("index-descriptor:a=b", "index-descriptor"),
        ("index[linux/amd64]:a=b", "no platform"),
        ("=b", "KEY=VALUE"),
    ):
        assert said in skerry("build", "--annotation", word, context, check=False).stderr
