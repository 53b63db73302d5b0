"""A real registry (docker-registry) with TLS by an own CA, and with what it may ask for: a password or a token."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

USER, PASSWORD = "alice", "pa:ss wörd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Authority:
    """A certificate authority made for one session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.certificate, self._key = folder / "ca.crt", folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Test CA", "-keyout", self._key, "-out", self.certificate,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def issue(self, name: str, *alternatives: str, days: int = 2) -> tuple[Path, Path]:
        """A certificate and its key for the names ``DNS:…`` and ``IP:…``; a client's has none."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={','.join(alternatives)}\n" if alternatives else "extendedKeyUsage=clientAuth\n"
        )
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", f"/CN={name}", "-keyout", key, "-out", request)  # fmt: skip
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                 "-days", str(days), "-extfile", extensions, "-out", certificate)  # fmt: skip
        return certificate, key


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Registry:
    """``docker-registry serve`` on loopback. ``host`` is its name in references."""

    def __init__(
        self, folder: Path, *, tls: tuple[Path, Path] | None = None, auth: str = "", clients: Path | None = None
    ) -> None:
        if not shutil.which("docker-registry"):
            pytest.skip("docker-registry is not installed")
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        self.log = folder / "log"
        lines = ["version: 0.1", "log: {level: info, accesslog: {disabled: false}}"]
        lines += ["storage:", f"  filesystem: {{rootdirectory: {folder}/data}}", "  delete: {enabled: true}"]
        lines += ["http:", f"  addr: 127.0.0.1:{self.port}", "  secret: x"]
        if tls:
            lines += ["  tls:", f"    certificate: {tls[0]}", f"    key: {tls[1]}"]
            if clients:
                lines += [f"    clientcas: [{clients}]"]
        (folder / "config.yml").write_text("\n".join(lines) + "\n" + auth)
        self._start()

    def _start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(self.folder / "config.yml")],
                stdout=log, stderr=log, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
            )  # fmt: skip
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.02)
        raise AssertionError("the registry did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def requests(self, method: str, part: str = "") -> list[str]:
        """The paths of all requests that were answered, from the access log."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            words = line.split('"')
            if len(words) > 2 and words[1].startswith(f"{method} ") and part in words[1]:
                found.append(words[1].split()[1])
        return found


def htpasswd(folder: Path) -> str:
    """The configuration of Basic authentication for `USER`."""
    path = folder.parent / f"{folder.name}.htpasswd"
    made = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True, capture_output=True)
    path.write_bytes(made.stdout)
    return f"auth:\n  htpasswd: {{realm: here, path: {path}}}\n"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())
