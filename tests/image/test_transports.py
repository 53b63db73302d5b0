"""Images in archives and folders by their names: pulled from, pushed to and run from."""

from __future__ import annotations

import hashlib
import http.server
import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.image.archives import docker_members, oci_members, tar_of
from tests.support.command import Skerry
from tests.support.podman import Podman

from skerry.image.registry import platforms

LAYER, SECOND = tar_of({"etc/hello": b"hi\n"}), tar_of({"etc/second": b"2\n"})


def two_images(path: Path) -> str:
    """A docker-archive of two images: the first with two names."""
    first = docker_members(LAYER, tags=["example.com/one:1", "busybox"])
    second = docker_members(SECOND, tags=["example.com/two:2"])
    manifest = json.loads(first["manifest.json"]) + json.loads(second["manifest.json"])
    path.write_bytes(tar_of({**first, **second, "manifest.json": json.dumps(manifest).encode()}))
    return str(path)


def names(skerry: Skerry) -> list[str]:
    return sorted(skerry("images", "-n", "--format", "{{.Repository}}:{{.Tag}}").lines)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (":@0", ["example.com/one:1", "localhost/busybox:latest"]),
        (":@1", ["example.com/two:2"]),
        (":example.com/two:2", ["example.com/two:2"]),
        (":busybox", ["docker.io/library/busybox:latest"]),
    ],
)
def test_one_image_of_a_docker_archive(which: str, expected: list[str], skerry: Skerry, tmp_path: Path) -> None:
    pulled = skerry("pull", "-q", f"docker-archive:{two_images(tmp_path / 'a.tar')}{which}")
    assert len(pulled.lines) == len(expected)  # an id for each name, as Podman prints them
    assert names(skerry) == expected


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("", "Unexpected tar manifest.json: expected 1 item, got 2"),
        (":@2", "Invalid source index @2, only 2 manifest items available"),
        (":foo.com/does/not/exist:latest", 'Tag "foo.com/does/not/exist:latest" not found'),
    ],
)
def test_which_image_must_be_clear(which: str, words: str, skerry: Skerry, tmp_path: Path) -> None:
    result = skerry("pull", "-q", f"docker-archive:{two_images(tmp_path / 'a.tar')}{which}", check=False)
    assert result.code == 125
    assert words in result.stderr
    assert names(skerry) == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("dir:nope", "open nope/manifest.json: no such file or directory"),
        ("oci:nope", "open nope/index.json: no such file or directory"),
        ("docker-archive:nope.tar", 'opening file "nope.tar": open nope.tar: no such file or directory'),
        ("oci-archive:nope.tar", "no such file or directory"),
        ("oci-archive:.", "is a directory"),
        ("containers-storage:nope", "does not resolve to an image ID"),
    ],
)
def test_what_is_not_there(place: str, words: str, skerry: Skerry) -> None:
    result = skerry("pull", place, check=False)
    assert result.code == 125
    assert words in result.stderr
    run = skerry("run", "--rm", place, "true", check=False)
    assert run.code == 125
    if not place.startswith("containers-storage"):
        assert words in run.stderr


@pytest.mark.parametrize("place", ["oci:{0}/x:localhost/new:1", "oci-archive:{0}/x:new:1", "docker-archive:{0}/x:new:1",
                                   "dir:{0}/x"])  # fmt: skip
def test_out_and_in_again(place: str, skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    place = place.format(tmp_path)
    image_id = skerry("image", "inspect", "-f", "{{.Id}}", busybox).stdout.strip()
    pushed = skerry("push", "--digestfile", str(tmp_path / "digest"), "--remove-signatures", busybox, place)
    assert "Copying blob sha256:" in pushed.stderr
    assert "Copying config sha256:" in pushed.stderr
    skerry("rmi", busybox)
    assert skerry("pull", "-q", place).lines[0] == image_id
    if "archive" not in place:  # a docker-archive has no manifest
        assert (
            skerry("image", "inspect", "-f", "{{.Digest}}", image_id).stdout.strip()
            == (tmp_path / "digest").read_text()
        )
    assert skerry("run", "--rm", "--network", "none", place, "echo", "hi").stdout == "hi\n"


def test_a_layout_takes_several_images(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    for name in ("", ":a", ":b", ":a"):
        skerry("push", "-q", busybox, f"oci:{tmp_path}/l{name}")
    index = json.loads((tmp_path / "l/index.json").read_text())
    found = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]]
    assert found == ["b", "a"]
    result = skerry("pull", f"oci:{tmp_path}/l", check=False)
    assert "more than one image in oci, choose an image" in result.stderr


def test_nobody_elses_folder_is_written_to(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").write_text("dear")
    for transport in ("oci", "dir"):
        result = skerry("push", busybox, f"{transport}:{tmp_path}/mine", check=False)
        assert "not a containers image directory, don't want to overwrite important data" in result.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


def test_a_docker_dir_is_replaced(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("push", "-q", busybox, f"dir:{tmp_path}/d")
    skerry("import", "-q", _tar(tmp_path), "other")
    skerry("push", "-q", "--compress", "--format", "v2s2", "other", f"dir:{tmp_path}/d")
    manifest = json.loads((tmp_path / "d/manifest.json").read_text())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.docker.image.rootfs.diff.tar.gzip"
    wanted = {"version", "manifest.json", layer["digest"][7:], manifest["config"]["digest"][7:]}
    assert {path.name for path in (tmp_path / "d").iterdir()} == wanted
    assert (tmp_path / "d" / layer["digest"][7:]).read_bytes()[:2] == b"\x1f\x8b"


def _tar(folder: Path) -> str:
    (folder / "in.tar").write_bytes(LAYER)
    return str(folder / "in.tar")


def test_zstd_in_a_layout(skerry: Skerry, tmp_path: Path) -> None:
    skerry("import", "-q", _tar(tmp_path), "a")
    skerry("push", "-q", "--compression-format", "zstd", "a", f"oci:{tmp_path}/l")
    blobs = [path.read_bytes()[:4] for path in (tmp_path / "l/blobs/sha256").iterdir()]
    assert b"\x28\xb5\x2f\xfd" in blobs
    refused = skerry("push", "--compression-format", "zstd", "--format", "v2s2", "a", f"dir:{tmp_path}/d", check=False)
    assert "zstd is not supported with the format v2s2" in refused.stderr


def test_a_docker_archive_keeps_the_images_name_and_is_not_changed(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    place = f"docker-archive:{tmp_path}/a.tar"
    skerry("push", "-q", busybox, f"{place}:foo")
    with tarfile.open(tmp_path / "a.tar") as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert entry["RepoTags"] == ["docker.io/library/foo:latest", busybox]
    again = skerry("push", busybox, place, check=False)
    assert again.code == 125
    assert "docker-archive doesn't support modifying existing images" in again.stderr


def test_the_local_store_as_a_place(skerry: Skerry, busybox: str) -> None:
    skerry("push", "-q", busybox, "containers-storage:copy:1")
    assert "docker.io/library/copy:1" in names(skerry)
    image_id = skerry("pull", "-q", "containers-storage:copy:1").stdout
    assert image_id == skerry("pull", "-q", f"containers-storage:[overlay@{skerry.root}]copy:1").stdout
    assert skerry("image", "exists", "containers-storage:copy:1").code == 0
    assert skerry("run", "--rm", "--network", "none", "containers-storage:copy:1", "echo", "hi").stdout == "hi\n"
    refused = skerry("image", "inspect", "dir:/x", check=False)
    assert 'unsupported transport "dir" for looking up local images' in refused.stderr


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive", "oci", "dir"])
def test_podman_reads_ours_and_we_read_podmans(
    transport: str, skerry: Skerry, busybox: str, podman: Podman, tmp_path: Path
) -> None:
    image_id = skerry("image", "inspect", "-f", "{{.Id}}", busybox).stdout.strip()
    skerry("push", "-q", busybox, f"{transport}:{tmp_path}/ours")
    assert podman("pull", "-q", f"{transport}:{tmp_path}/ours").lines[-1] == image_id
    podman("push", "-q", image_id, f"{transport}:{tmp_path}/theirs")
    skerry("rmi", "-f", busybox)
    assert skerry("pull", "-q", f"{transport}:{tmp_path}/theirs").lines[-1] == image_id


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive", "oci", "dir"])
@pytest.mark.parametrize("command", ["load", "pull"])
def test_policy_json_counts(command: str, transport: str, skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    place = tmp_path / "images" / "x"
    place.parent.mkdir()
    skerry("push", "-q", busybox, f"{transport}:{place}")
    skerry("rmi", busybox)
    config = tmp_path / "config/containers"
    config.mkdir(parents=True)
    accept, reject = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
    rules = {"default": accept, "transports": {transport: {str(tmp_path): reject}}}
    (config / "policy.json").write_text(json.dumps(rules))
    words = ["load", "-i", str(place)] if command == "load" else ["pull", f"{transport}:{place}"]
    refused = skerry(*words, check=False, env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert refused.code == 125
    assert "is rejected by policy" in refused.stderr
    assert names(skerry) == []
    again = skerry(*words, "--signature-policy", str(config / "policy.json"), check=False)
    assert (again.code, again.stderr) == (125, refused.stderr)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server of the folder tmp_path/www."""
    (tmp_path / "www").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            if self.path != "/cut.tar":
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)

    handler = partial(Handler, directory=str(tmp_path / "www"))
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


def test_an_archive_is_loaded_from_its_address(skerry: Skerry, server: str, tmp_path: Path) -> None:
    two_images(tmp_path / "www/a.tar")
    loaded = skerry("load", "-q", "-i", f"{server}/a.tar").lines
    assert loaded == [f"Loaded image: {name}" for name in
                      ("example.com/one:1", "localhost/busybox:latest", "example.com/two:2")]  # fmt: skip


@pytest.mark.parametrize("path", ["nope.tar", "cut.tar"])
def test_what_an_address_does_not_give(path: str, skerry: Skerry, server: str) -> None:
    result = skerry("load", "-i", f"{server}/{path}", check=False)
    assert result.code == 125
    assert f"downloading {server}/{path}" in result.stderr
    assert names(skerry) == []


def test_what_was_saved_appears_whole(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    """The old file stays when the new one cannot be finished, and nothing lies beside it."""
    target = tmp_path / "a.tar"
    target.write_text("the old one")
    layer = next((Path(skerry.root) / "layers").iterdir())
    (layer / "recipe.zst").rename(tmp_path / "hidden")
    assert skerry("save", "-o", str(target), busybox, check=False).code == 125
    (tmp_path / "hidden").rename(layer / "recipe.zst")
    assert target.read_text() == "the old one"
    skerry("save", "-q", "-o", str(target), busybox)
    assert hashlib.sha256(target.read_bytes()).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar"]


def test_events_tell_of_pulls_saves_and_failures(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("save", "-q", "-o", str(tmp_path / "a.tar"), busybox)
    skerry("pull", "-q", f"docker-archive:{tmp_path}/a.tar")
    skerry("push", "-q", busybox, f"dir:{tmp_path}/d")
    skerry("pull", f"dir:{tmp_path}/nope", check=False)
    lines = skerry("events", "--stream=false", "--format", "{{.Status}} {{.Name}}", "--filter", "type=image").lines
    assert [line for line in lines if line.split()[0] in ("save", "pull", "push", "pull-error")] == [
        f"save {tmp_path}/a.tar",
        f"pull docker-archive:{tmp_path}/a.tar",
        f"push dir:{tmp_path}/d",
        f"pull-error dir:{tmp_path}/nope",
    ]


def layout_of_two_platforms(folder: Path) -> None:
    """index.json names an index, as Skopeo's --all and BuildKit write it."""
    blobs: dict[str, bytes | str] = {}
    entries = []
    for architecture in ("arm64", "amd64"):
        tar = tar_of({"etc/arch": architecture.encode()})
        one = oci_members(tar, tar, "application/vnd.oci.image.layer.v1.tar", "x", architecture=architecture)
        (entry,) = json.loads(one["index.json"])["manifests"]
        entries.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
        blobs |= {name: data for name, data in one.items() if name.startswith("blobs/")}
    index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    digest = hashlib.sha256(index).hexdigest()
    kind = "application/vnd.oci.image.index.v1+json"
    top = {"schemaVersion": 2, "manifests": [{"mediaType": kind, "digest": f"sha256:{digest}", "size": len(index)}]}
    files = {**blobs, f"blobs/sha256/{digest}": index, "index.json": json.dumps(top), "oci-layout": "{}"}
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize(("flags", "wanted"), [(["--arch", "arm64"], "arm64"), (["--platform", "linux/amd64"], "amd64"),
                                               ([], platforms.host().architecture)])  # fmt: skip
def test_the_platform_is_chosen_from_a_layouts_index(
    flags: list[str], wanted: str, skerry: Skerry, tmp_path: Path
) -> None:
    layout_of_two_platforms(tmp_path / "l")
    image = skerry("pull", "-q", *flags, f"oci:{tmp_path}/l").id
    assert skerry("image", "inspect", "-f", "{{.Architecture}}", image).stdout.strip() == wanted
    none = skerry("pull", "--arch", "s390x", f"oci:{tmp_path}/l", check=False)
    assert 'no image found in image index for architecture "s390x"' in none.stderr
    skerry("rmi", image)
    skerry("load", "-q", "-i", str(tmp_path / "l"))
    assert skerry("images", "--format", "{{.ID}}").lines == [image[:12]] or flags
