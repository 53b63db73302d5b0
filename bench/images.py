"""Moving images: pull and push against a real registry on loopback, commit, and lists of many images.

Podman is the peer of all; Skopeo also of pull and push, on a store of its own (containers-storage).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from run import Bench, Engine, Peer

LARGE = "localhost/large:latest"
PLAIN = "--tls-verify=false"
NAMES = ("pull-tar", "pull-gzip", "pull-zstd", "push-pulled", "push-built", "commit", "images-50")


class Registry:
    """docker-registry on loopback, on a folder that `empty` clears."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"localhost:{probe.getsockname()[1]}"
        (folder / "config.yml").write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{self.host}', secret: x}}\n"
        )
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(self.folder / "config.yml")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )  # fmt: skip
        host, _, port = self.host.partition(":")
        for _ in range(500):
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        sys.exit("docker-registry does not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def empty(self) -> None:
        """It has nothing any more, and nothing of it is in its memory."""
        self.stop()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.start()

    def put(self, name: str, config: bytes, layer: Path, media_type: str) -> None:
        """An image of one layer, byte for byte."""
        digest = _digest_of(layer)
        self._blob(name, config, "sha256:" + hashlib.sha256(config).hexdigest())
        self._blob(name, layer.read_bytes(), digest)
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config),
                       "digest": "sha256:" + hashlib.sha256(config).hexdigest()},
            "layers": [{"mediaType": media_type, "size": layer.stat().st_size, "digest": digest}],
        }  # fmt: skip
        self._send(f"/v2/{name}/manifests/latest", json.dumps(manifest).encode(), str(manifest["mediaType"]))

    def _blob(self, name: str, data: bytes, digest: str) -> None:
        request = urllib.request.Request(f"http://{self.host}/v2/{name}/blobs/uploads/", data=b"", method="POST")
        with urllib.request.urlopen(request) as answer:
            location = answer.headers["Location"]
        self._send(f"{location}&digest={digest}", data, "application/octet-stream")

    def _send(self, url: str, data: bytes, kind: str) -> None:
        address = url if url.startswith("http") else f"http://{self.host}{url}"
        request = urllib.request.Request(address, data=data, method="PUT", headers={"Content-Type": kind})
        urllib.request.urlopen(request).close()


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def timed(*argv: str) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU of any program."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def all_of(bench: Bench, work: Path, megabytes: int) -> None:
    """Every measurement of this module that is wanted."""
    if not bench.wanted(*NAMES):
        return
    from run import large_archive

    if bench.wanted("pull-tar", "pull-gzip", "pull-zstd", "push-pulled", "push-built"):
        if not shutil.which("docker-registry"):
            print("no docker-registry: pull and push are left out")
        else:
            registry = Registry(work / "registry")
            try:
                archive = large_archive(work, megabytes)
                pulls(bench, work, registry, archive)
                pushes(bench, work, registry, archive)
            finally:
                registry.stop()
    commits(bench, work, megabytes)
    many(bench, work)


def pulls(bench: Bench, work: Path, registry: Registry, archive: Path) -> None:
    """Into a fresh store on a fresh file system each time."""
    from run import on_fresh_store

    if not bench.wanted("pull-tar", "pull-gzip", "pull-zstd", "push-pulled"):
        return
    for kind, layer, media_type in compressed(work, archive):
        registry.put(f"large/{kind}", config_of(archive), layer, media_type)
        name = f"{registry.host}/large/{kind}"
        peers: dict[str, Peer] = {}
        if shutil.which("skopeo"):
            peers["skopeo"] = lambda n, name=name: skopeo_on_fresh_store(work, n, name)  # type: ignore[misc]
        bench.measure(
            f"pull-{kind}", lambda e, n, name=name: on_fresh_store(e, work, n, "pull", "-q", PLAIN, name),  # type: ignore[misc]
            rounds=3, peers=peers,
        )  # fmt: skip


def compressed(work: Path, archive: Path) -> list[tuple[str, Path, str]]:
    """The large image's layer as it is, by gzip and (where there is a program for it) by zstd."""
    layer = work / "layer.tar"
    if not layer.exists():
        with tarfile.open(archive) as tar, layer.open("wb") as out:
            source = tar.extractfile("layer.tar")
            assert source
            shutil.copyfileobj(source, out, 1 << 20)
    kind = "application/vnd.oci.image.layer.v1.tar"
    found = [("tar", layer, kind)]
    for name, program in (("gzip", ["gzip", "-c"]), ("zstd", ["zstd", "-3", "-c", "-q"])):
        if not shutil.which(program[0]):
            print(f"no {program[0]}: pull-{name} is left out")
            continue
        path = work / f"layer.{name}"
        if not path.exists():
            with path.open("wb") as out:
                subprocess.run([*program, str(layer)], stdout=out, check=True)
        found.append((name, path, f"{kind}+{name}"))
    return found


def config_of(archive: Path) -> bytes:
    with tarfile.open(archive) as tar:
        name = json.load(tar.extractfile("manifest.json"))[0]["Config"]  # type: ignore[arg-type]
        return tar.extractfile(name).read()  # type: ignore[union-attr]


class Skopeo:
    """Looks like an engine to `on_fresh_store`, which changes the root."""

    def __init__(self, work: Path, name: str) -> None:
        self.argv = ["--root", ""]
        self.work, self.name = work, name

    def timed(self, *_: str) -> tuple[float, float]:
        """Copy from the registry into the store."""
        store = f"containers-storage:[overlay@{self.argv[1]}+{self.work}/skopeo-run]{self.name}:latest"
        words = ("skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false")
        return timed(*words, f"docker://{self.name}", store)


def skopeo_on_fresh_store(work: Path, number: int, name: str) -> tuple[float, float]:
    from run import on_fresh_store

    return on_fresh_store(Skopeo(work, name), work, number)  # type: ignore[arg-type]


def pushes(bench: Bench, work: Path, registry: Registry, archive: Path) -> None:
    """To an empty registry each time: an image as it was pulled, and one whose layers have never been compressed."""
    name = f"{registry.host}/large"
    target = Registry(work / "target")

    def push_pulled(engine: Engine, _number: int) -> tuple[float, float]:
        target.empty()
        return engine.timed("push", "-q", PLAIN, f"{name}/gzip", f"{target.host}/pushed")

    def push_built(engine: Engine, _number: int) -> tuple[float, float]:
        target.empty()
        engine("rmi", "-f", LARGE, check=False)
        engine("load", "-q", "-i", str(archive))
        return engine.timed("push", "-q", PLAIN, LARGE, f"{target.host}/pushed")

    def skopeo(source: str) -> Callable[[int], tuple[float, float]]:
        podman = next(engine for engine in bench.engines if engine.name == "podman")
        root, run = (podman.argv[podman.argv.index(flag) + 1] for flag in ("--root", "--runroot"))

        def push(_number: int) -> tuple[float, float]:
            target.empty()
            words = ("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false")
            return timed(*words, f"containers-storage:[overlay@{root}+{run}]{source}", f"docker://{target.host}/pushed")

        return push

    try:
        if bench.wanted("push-pulled"):
            for engine in bench.engines:
                engine("pull", "-q", PLAIN, f"{name}/gzip")
            peers = {"skopeo": skopeo(f"{name}/gzip:latest")} if shutil.which("skopeo") else {}
            bench.measure("push-pulled", push_pulled, rounds=3, peers=peers)
            for engine in bench.engines:
                engine("rmi", "-f", f"{name}/gzip")
        if bench.wanted("push-built"):
            bench.measure("push-built", push_built, rounds=3)
            for engine in bench.engines:
                engine("rmi", "-f", LARGE, check=False)
    finally:
        target.stop()


def commits(bench: Bench, work: Path, megabytes: int) -> None:
    """commit of a container that wrote the large image's files, on a fresh file system each time."""
    if not bench.wanted("commit"):
        return
    from run import IMAGE, fresh_store, large_archive

    layer = compressed(work, large_archive(work, megabytes))[0][1]
    base = work / "base.tar"
    bench.engines[0]("save", "-q", "-o", str(base), IMAGE)

    def commit(engine: Engine, number: int) -> tuple[float, float]:
        with fresh_store(engine, work, number) as there:
            there("load", "-q", "-i", str(base))
            volume = f"{layer}:/layer.tar:ro"
            tar = ("tar", "-xf", "/layer.tar", "-C", "/")
            there("run", "--name", "writer", "--network", "none", "-v", volume, IMAGE, *tar)
            sample = there.timed("commit", "-q", "writer", "localhost/committed")
            there("rm", "-f", "-t", "0", "writer")
        return sample

    bench.measure("commit", commit, rounds=3)


def many(bench: Bench, work: Path) -> None:
    """images with fifty of them."""
    if not bench.wanted("images-50"):
        return
    path = work / "tiny.tar"
    for number in range(50):
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(f"file{number}")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"%4d" % number))
        for engine in bench.engines:
            engine("import", "-q", str(path), f"localhost/tiny{number}:1")
    bench.measure("images-50", lambda e, _: e.timed("images"))
    for engine in bench.engines:
        engine("rmi", "-f", *(f"localhost/tiny{number}:1" for number in range(50)))
