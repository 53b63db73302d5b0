"""The command against real registries: docker-registry with TLS, a password, tokens, client certificates."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from tests.image.archives import docker_members, tar_of, write
from tests.registry.lying import LyingRegistry
from tests.registry.server import PASSWORD, USER, Authority, Registry, get
from tests.registry.tokens import TokenServer
from tests.support.command import Skerry
from tests.support.podman import Podman

CREDS = f"{USER}:{PASSWORD}"


@pytest.fixture
def certs(authority: Authority, tmp_path: Path) -> Path:
    """A folder for --cert-dir."""
    folder = tmp_path / "certs"
    folder.mkdir()
    shutil.copy(authority.certificate, folder / "ca.crt")
    return folder


def digest_in(registry: Registry, name: str, tag: str = "latest") -> str:
    accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    command = ["curl", "-sI", "-H", f"Accept: {accept}", f"http://{registry.host}/v2/{name}/manifests/{tag}"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if line.lower().startswith("docker-content-digest:"):
            return line.split()[1]
    raise AssertionError("no such manifest")


def test_what_is_pushed_can_be_pulled_run_and_pushed_again(skerry: Skerry, busybox: str, plain: Registry) -> None:
    name = f"{plain.host}/again/bb"
    pushed = skerry("push", "--tls-verify=false", "--digestfile", skerry.top / "digest", busybox, f"{name}:1")
    assert pushed.stdout == ""
    assert pushed.stderr.splitlines()[0] == "Getting image source signatures"
    assert pushed.stderr.splitlines()[-1] == "Writing manifest to image destination"
    digest = (skerry.top / "digest").read_text()
    assert digest == digest_in(plain, "again/bb", "1")
    skerry("rmi", busybox)
    assert skerry("run", "--rm", "--net=none", "--tls-verify=false", f"{name}:1", "echo", "hi").stdout == "hi\n"
    skerry("push", "-q", "--tls-verify=false", f"{name}:1", f"docker://{plain.host}/again/copy")
    assert digest_in(plain, "again/copy") == digest


def test_an_image_whose_layers_are_gone_is_fetched_again(skerry: Skerry, busybox: str, plain: Registry) -> None:
    name = f"{plain.host}/gone/bb:1"
    skerry("push", "-q", "--tls-verify=false", busybox, name)
    skerry("rmi", busybox)
    skerry("pull", "-q", "--tls-verify=false", name)
    for layer in (skerry.root / "layers").iterdir():
        shutil.rmtree(layer)
    assert skerry("image", "exists", name, check=False).code == 1
    assert skerry("run", "--rm", "--net=none", "--pull=never", name, "true", check=False).code == 126
    done = skerry("run", "--rm", "--net=none", "--tls-verify=false", name, "echo", "hi")
    assert done.stdout == "hi\n"
    assert f"Image {name} exists in local storage but may be corrupted: layer not known\n" in done.stderr
    assert skerry("image", "exists", name).code == 0


def test_a_built_layer_is_compressed_once(skerry: Skerry, busybox: str, plain: Registry) -> None:
    skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/once/a")
    before = sorted((skerry.root / "blobs/sha256").iterdir())
    uploads = len(plain.requests("PUT", "/blobs/"))
    skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/once/a:2")
    assert sorted((skerry.root / "blobs/sha256").iterdir()) == before
    assert len(plain.requests("PUT", "/blobs/")) == uploads
    assert digest_in(plain, "once/a") == digest_in(plain, "once/a", "2")


def test_blobs_of_another_repository_are_mounted(skerry: Skerry, busybox: str, plain: Registry) -> None:
    skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/mount/a")
    skerry("tag", busybox, f"{plain.host}/mount/a")
    result = skerry("push", "--tls-verify=false", busybox, f"{plain.host}/mount/b")
    assert "mounted from mount/a" in result.stderr
    skerry("untag", busybox, f"{plain.host}/mount/a")


@pytest.mark.parametrize(("flags", "media_type", "layer_type"), [
    (("--compression-format=zstd",), "application/vnd.oci.image.manifest.v1+json", "tar+zstd"),
    (("--format=oci",), "application/vnd.oci.image.manifest.v1+json", "tar+gzip"),
    (("--format=v2s2",), "application/vnd.docker.distribution.manifest.v2+json", "diff.tar.gzip"),
])  # fmt: skip
def test_formats_and_compressions(
    flags: tuple[str, ...], media_type: str, layer_type: str, skerry: Skerry, busybox: str, plain: Registry
) -> None:
    name = f"{plain.host}/formats/{layer_type.replace('+', '-')}-{len(flags[0])}"
    skerry("push", "-q", "--tls-verify=false", *flags, busybox, name)
    digest = digest_in(plain, name.partition("/")[2])
    raw = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}@{digest}"],
        capture_output=True,
        check=True,
    )
    manifest = json.loads(raw.stdout)
    assert manifest["mediaType"] == media_type
    assert manifest["layers"][0]["mediaType"].endswith(layer_type)
    skerry("rmi", busybox)
    skerry("pull", "-q", "--tls-verify=false", name)
    assert skerry("run", "--rm", "--net=none", name, "true").code == 0


def test_layers_are_compressed_as_well_as_was_asked_for(skerry: Skerry, busybox: str, plain: Registry) -> None:
    def size(*words: str) -> int:
        level = words[-1].rpartition("=")[2]  # another layer each time: what is there is not compressed again
        skerry(
            "run", "--net=none", f"--name=at{level}", busybox, "sh", "-c", f"seq {level}00000 {level}99999 > /numbers"
        )
        skerry("commit", "-q", f"at{level}", "numbers")
        name = f"{plain.host}/level{level}"
        skerry("push", "-q", "--tls-verify=false", "--force-compression", *words, "numbers", name)
        inspected = skerry("manifest", "inspect", "--tls-verify=false", name).stdout
        return int(json.loads(inspected)["layers"][-1]["size"])

    best = size("--compression-level=9")
    assert best < size("--compression-level=3") < size("--compression-level=0")
    assert size("--compression-format=zstd:chunked", "--compression-level=30") < best


def test_podman_and_skerry_see_the_same(skerry: Skerry, busybox: str, plain: Registry, podman: Podman) -> None:
    name = f"{plain.host}/peers/bb"
    skerry("push", "-q", "--tls-verify=false", busybox, f"{name}:ours")
    image_id = podman("pull", "-q", "--tls-verify=false", f"{name}:ours").stdout.strip()
    podman("push", "-q", "--tls-verify=false", f"{name}:ours", f"docker://{name}:theirs")
    assert skerry("pull", "-q", "--tls-verify=false", f"{name}:theirs").stdout.strip() == image_id
    podman("tag", f"{name}:ours", "localhost/retagged")
    assert skerry("inspect", "--format", "{{.Id}}", busybox).stdout.strip() == image_id


ERRORS = [
    (("pull", "{plain}/none:1"), "http: server gave HTTP response to HTTPS client"),
    (("pull", "--tls-verify=false", "{plain}/none:1"), "reading manifest 1 in {plain}/none: manifest unknown"),
    (("pull", "{guarded}/x"), "x509: certificate signed by unknown authority"),
    (("pull", "--tls-verify=false", "{guarded}/x"), "authentication required"),
    (("pull", "--tls-verify=false", "--creds=alice:wrong", "{guarded}/x"), "authentication required"),
    (("push", "--tls-verify=false", "localhost/busybox", "{guarded}/x"), " exists in {guarded}/x: authentication required"),
    (("push", "--cert-dir=/nowhere", "localhost/busybox", "{guarded}/x"), "x509: certificate signed by unknown authority"),
    (("pull", "--policy=sometimes", "{plain}/x"), 'Error: unsupported pull policy "sometimes"\n'),
    (("pull", "--retry-delay=soon", "{plain}/x"), 'Error: time: invalid duration "soon"\n'),
    (("push", "--compression-level=40", "localhost/busybox", "{plain}/x"), "gzip: invalid compression level: 40"),
    (("push", "--signature-policy=/nowhere", "localhost/busybox", "{plain}/x"), "open /nowhere: no such file"),
    (("pull", "localhost:1/x"), "connect: connection refused"),
    (("pull", "no-such-host.invalid/x"), "lookup no-such-host.invalid"),
    (("pull", "localhost/UPPER"), "repository name must be lowercase"),
    (("push", "nix", "{plain}/x"), "nix: image not known"),
    (("run", "--pull=never", "nix"), "nix: image not known"),
    (("login", "--tls-verify=false", "-u", "alice", "-p", "wrong", "{guarded}"),
     'logging into "{guarded}": invalid username/password'),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_errors_are_one_line_in_podman_s_words(
    words: tuple[str, ...], message: str, skerry: Skerry, busybox: str, plain: Registry, guarded: Registry
) -> None:
    hosts = {"plain": plain.host, "guarded": guarded.host}
    result = skerry(*(word.format(**hosts) for word in words), check=False)
    assert result.code == 125
    assert message.format(**hosts) in result.stderr
    assert result.stderr.count("Error:") == 1


def test_who_asks_for_retries_waits_for_a_server_that_is_not_there(skerry: Skerry) -> None:
    refused = skerry("pull", "--tls-verify=false", "--retry=2", "--retry-delay=100ms", "localhost:1/x", check=False)
    assert refused.code == 125
    for number, wait in ((1, "100ms"), (2, "100ms")):
        said = (
            f"Failed, retrying in {wait} ... ({number}/2). Error: initializing source docker://localhost:1/x:latest: "
        )
        assert said in refused.stderr
    at_once = skerry("pull", "--tls-verify=false", "localhost:1/x", check=False)
    assert "retrying" not in at_once.stderr


def test_login_pull_push_logout(
    skerry: Skerry, busybox: str, guarded: Registry, certs: Path, nobody_logged_in: Path
) -> None:
    certs_flag = f"--cert-dir={certs}"
    done = skerry("login", certs_flag, "-u", USER, "--password-stdin", guarded.host, input=PASSWORD + "\n")
    assert done.stdout == "Login Succeeded!\n"
    assert (nobody_logged_in / "auth.json").stat().st_mode & 0o777 == 0o600
    assert skerry("login", "--get-login", guarded.host).stdout == f"{USER}\n"
    again = skerry("login", certs_flag, guarded.host)
    assert again.lines[-1] == f"Existing credentials are valid. Already logged in to {guarded.host}"
    skerry("push", "-q", certs_flag, busybox, f"{guarded.host}/team/bb")
    skerry("pull", "-q", certs_flag, f"{guarded.host}/team/bb")
    out = skerry("logout", guarded.host).stdout
    assert out == f"Removed login credentials for {guarded.host}\n"
    result = skerry("login", "--get-login", guarded.host, check=False)
    assert (result.code, result.stderr) == (125, f"Error: not logged into {guarded.host}\n")


def test_certs_d_is_read_where_podman_reads_it(
    skerry: Skerry, busybox: str, guarded: Registry, certs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "home/.config/containers/certs.d" / guarded.host
    folder.parent.mkdir(parents=True)
    shutil.copytree(certs, folder)
    skerry("push", "-q", f"--creds={CREDS}", busybox, f"{guarded.host}/certs/bb")


def test_client_certificates(skerry: Skerry, busybox: str, authority: Authority, certs: Path, tmp_path: Path) -> None:
    tls = authority.issue("mutual", "DNS:localhost", "IP:127.0.0.1")
    registry = Registry(tmp_path / "mutual", tls=tls, clients=authority.certificate)
    try:
        refused = skerry("push", f"--cert-dir={certs}", busybox, f"{registry.host}/bb", check=False)
        assert refused.code == 125
        assert "certificate" in refused.stderr
        certificate, key = authority.issue("client")
        shutil.copy(certificate, certs / "client.cert")
        shutil.copy(key, certs / "client.key")
        skerry("push", "-q", f"--cert-dir={certs}", busybox, f"{registry.host}/bb")
        (certs / "client.key").unlink()
        missing = skerry("pull", f"--cert-dir={certs}", f"{registry.host}/bb", check=False)
        assert "missing key" in missing.stderr
    finally:
        registry.stop()


@pytest.mark.parametrize(("names", "words"), [
    (("DNS:elsewhere.example",), "certificate is not valid for this name"),
])  # fmt: skip
def test_a_certificate_for_another_name(
    names: tuple[str, ...], words: str, skerry: Skerry, authority: Authority, certs: Path, tmp_path: Path
) -> None:
    registry = Registry(tmp_path / "wrong", tls=authority.issue("wrong", *names))
    try:
        result = skerry("pull", f"--cert-dir={certs}", f"{registry.host}/bb", check=False)
        assert words in result.stderr
    finally:
        registry.stop()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[tuple[TokenServer, Registry]]:
    server = TokenServer(tmp_path_factory.mktemp("tokens") / "server")
    folder = tmp_path_factory.mktemp("tokens") / "registry"
    registry = Registry(folder, auth=server.config)
    yield server, registry
    registry.stop()
    server.close()


def test_tokens_of_a_real_registry(skerry: Skerry, busybox: str, tokens: tuple[TokenServer, Registry]) -> None:
    server, registry = tokens
    refused = skerry("push", "--tls-verify=false", busybox, f"{registry.host}/public/bb", check=False)
    assert refused.code == 125
    assert "requested access to the resource is denied" in refused.stderr or "authentication required" in refused.stderr
    skerry("push", "-q", "--tls-verify=false", f"--creds={CREDS}", busybox, f"{registry.host}/public/bb")
    skerry("pull", "-q", "--tls-verify=false", f"{registry.host}/public/bb")
    server.asked.clear()
    skerry("tag", busybox, f"{registry.host}/public/bb")
    mounted = skerry("push", "--tls-verify=false", f"--creds={CREDS}", busybox, f"{registry.host}/private/bb")
    assert "mounted from public/bb" in mounted.stderr
    assert ["repository:private/bb:pull,push", "repository:public/bb:pull"] in [q.get("scope") for q in server.asked]
    private = skerry("pull", "--tls-verify=false", f"{registry.host}/private/bb", check=False)
    assert "authentication required" in private.stderr
    wrong = skerry("pull", "--tls-verify=false", "--creds=alice:wrong", f"{registry.host}/private/bb", check=False)
    assert "unable to retrieve auth token: invalid username/password" in wrong.stderr


def test_all_tags(skerry: Skerry, busybox: str, plain: Registry) -> None:
    for tag in ("1", "2", "3"):
        skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/tags/bb:{tag}")
    skerry("rmi", busybox)
    result = skerry("pull", "-a", "--tls-verify=false", f"{plain.host}/tags/bb")
    assert len(result.lines) == 3
    assert sorted(json.loads(get(f"http://{plain.host}/v2/tags/bb/tags/list"))["tags"]) == ["1", "2", "3"]
    names = skerry("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    assert sorted(names) == [f"{plain.host}/tags/bb:{tag}" for tag in ("1", "2", "3")]


def test_quiet_is_quiet(skerry: Skerry, busybox: str, plain: Registry) -> None:
    name = f"{plain.host}/quiet/bb"
    pushed = skerry("push", "-q", "--tls-verify=false", busybox, name)
    pulled = skerry("pull", "-q", "--tls-verify=false", name)
    assert (pushed.stdout, pushed.stderr, pulled.stderr) == ("", "", "")
    assert len(pulled.id) == 64


def test_memory_stays_bounded(skerry: Skerry, plain: Registry, tmp_path: Path) -> None:
    """Eight layers of 24 MiB that cannot be compressed, three of them at a time."""
    layers = [tar_of({f"f{n}": random.randbytes(24 << 20)}) for n in range(8)]
    skerry("load", "-q", "-i", write(tmp_path / "big.tar", docker_members(*layers, tags=["big"])))
    name = f"{plain.host}/big/x"
    skerry("push", "-q", "--tls-verify=false", "big", name)
    skerry("rmi", "big")
    assert peak_bytes(skerry, "pull", "-q", "--tls-verify=false", name) < MEMORY


MEMORY = 150_000_000


def peak_bytes(skerry: Skerry, *words: str) -> int:
    """The most memory that a command had. A small program is in between: a child's peak begins with what its parent
    had when it was forked."""
    probe = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    probe += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", probe, *skerry.argv, *words], capture_output=True, text=True, check=True
    )
    return int(done.stdout) * 1024


def test_memory_stays_bounded_whatever_window_a_layer_wants(skerry: Skerry) -> None:
    """Three layers at a time whose decompressors want 64 MiB each."""
    registry, noise = LyingRegistry(), random.randbytes(1 << 19)
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=26)
    layers = []
    for number in range(3):
        tar = tar_of({f"f{number}": b"".join(bytes([n]) * (1 << 19) + noise for n in range(80))})
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        layers.append((tar, stream.compress(tar) + stream.flush()))
    registry.add_image(*layers)
    try:
        assert peak_bytes(skerry, "pull", "-q", "--tls-verify=false", f"{registry.host}/x") < MEMORY
    finally:
        registry.close()


def test_docker_as_a_transport(skerry: Skerry, busybox: str, plain: Registry) -> None:
    place = f"docker://{plain.host}/transport/bb"
    skerry("push", "-q", "--tls-verify=false", busybox, place)
    skerry("rmi", busybox)
    run = ("run", "--rm", "--network", "none", "--tls-verify=false", place, "echo", "hi")
    assert skerry(*run).stdout == "hi\n"
    before = len(plain.requests("GET", "transport/bb"))
    assert skerry(*run).stdout == "hi\n"
    assert len(plain.requests("GET", "transport/bb")) == before  # it is here
    assert skerry("run", "--pull=never", *run[1:]).stdout == "hi\n"
    assert skerry("pull", "-q", "--tls-verify=false", place).id


def test_a_mirror_of_registries_conf_is_asked_first(
    skerry: Skerry, busybox: str, plain: Registry, tmp_path: Path
) -> None:
    skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/mirrored/team/bb:1")
    conf = tmp_path / "registries.conf"
    conf.write_text(
        f'[[registry]]\nprefix = "registry.invalid"\nlocation = "registry.invalid"\n'
        f'[[registry.mirror]]\nlocation = "{plain.host}/mirrored"\ninsecure = true\n'
        f'[[registry]]\nlocation = "blocked.invalid"\nblocked = true\n'
    )
    env = {"CONTAINERS_REGISTRIES_CONF": str(conf)}
    skerry("pull", "-q", "registry.invalid/team/bb:1", env=env)
    assert skerry("image", "exists", "registry.invalid/team/bb:1").code == 0
    refused = skerry("pull", "blocked.invalid/x", env=env, check=False)
    assert refused.code == 125
    assert "registry blocked.invalid is blocked in registries.conf" in refused.stderr


def test_a_policy_that_rejects_is_obeyed(skerry: Skerry, plain: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "containers"
    folder.mkdir()
    (folder / "policy.json").write_text('{"default": [{"type": "reject"}]}')
    refused = skerry(
        "pull", "--tls-verify=false", f"{plain.host}/x", env={"XDG_CONFIG_HOME": str(tmp_path)}, check=False
    )
    assert refused.code == 125
    assert "rejected by policy" in refused.stderr
