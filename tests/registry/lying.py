"""A small registry in this process that does the right thing, until a test tells it to lie.

``registry.lie = function`` is asked first for each request: it answers through the handler and returns True, or
returns False to leave the request to the honest code.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: LyingRegistry

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(30)

    def any(self) -> None:
        registry = self.registry
        with registry.lock:
            registry.seen.append((self.command, self.path, dict(self.headers.items())))
        try:
            if not (registry.lie and registry.lie(self)):
                registry.honest(self)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, data: bytes = b"", **headers: str) -> bool:
        """Send an answer; header names with _ for -."""
        self.send_response(status)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        return True

    def cut(self) -> bool:
        """End the connection at once."""
        self.close_connection = True
        self.connection.shutdown(2)
        return True


class LyingRegistry:
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.lie: Callable[[Handler], bool] | None = None
        self.lock = threading.Lock()
        handler = type("ThisHandler", (Handler,), {"registry": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # What it has

    def add(self, data: bytes) -> dict[str, Any]:
        """A blob; the beginning of its descriptor."""
        self.blobs[digest_of(data)] = data
        return {"digest": digest_of(data), "size": len(data)}

    def add_manifest(self, document: Any, tag: str = "", media_type: str = OCI_MANIFEST) -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[digest_of(data)] = (media_type, data)
        if tag:
            self.manifests[tag] = (media_type, data)
        return digest_of(data)

    def add_image(
        self, *layers: tuple[bytes, bytes], tag: str = "latest", config: dict[str, Any] | None = None, **change: Any
    ) -> dict[str, Any]:
        """An image whose layers are pairs of (tar, as sent); its manifest."""
        document = {
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar, _sent in layers]},
            **(config or {}),
        }  # fmt: skip
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, **self.add(json.dumps(document).encode())},
            "layers": [{"mediaType": OCI_LAYER, **self.add(sent)} for _tar, sent in layers],
            **change,
        }
        self.add_manifest(manifest, tag)
        return manifest

    def requests(self, method: str, part: str) -> list[tuple[str, str, dict[str, str]]]:
        return [item for item in self.seen if item[0] == method and part in item[1]]

    # What it does

    def honest(self, handler: Handler) -> None:
        path = handler.path.partition("?")[0]
        if path == "/v2/":
            handler.answer(200, b"{}")
        elif match := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path):
            self._manifest(handler, match.group(2))
        elif match := re.fullmatch(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", path):
            self._blob(handler, match.group(2))
        elif match := re.fullmatch(r"/v2/(.+)/blobs/uploads/(.*)", path):
            self._upload(handler, match.group(1), match.group(2))
        else:
            handler.answer(404)

    def _manifest(self, handler: Handler, name: str) -> None:
        if handler.command == "PUT":
            data = handler.body()
            self.add_manifest(data, "" if name.startswith("sha256:") else name, handler.headers["Content-Type"])
            handler.answer(201, Docker_Content_Digest=digest_of(data))
            return
        found = self.manifests.get(name)
        if found is None:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            handler.answer(404, json.dumps(error).encode())
            return
        handler.answer(200, found[1], Content_Type=found[0])

    def _blob(self, handler: Handler, digest: str) -> None:
        data = self.blobs.get(digest)
        if data is None:
            handler.answer(404)
            return
        if match := re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or ""):
            start = int(match.group(1))
            handler.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
            return
        handler.answer(200, data)

    def _upload(self, handler: Handler, repository: str, name: str) -> None:
        data = handler.body()
        if handler.command == "POST":
            name = str(len(self.uploads) + 1)
            self.uploads[name] = b""
            handler.answer(202, Location=f"/v2/{repository}/blobs/uploads/{name}")
            return
        if name not in self.uploads:
            handler.answer(404)
            return
        if handler.command in ("PATCH", "PUT"):
            self.uploads[name] += data
        where = f"/v2/{repository}/blobs/uploads/{name}"
        if handler.command == "PUT":
            self._finish(handler, name)
        else:
            last = max(len(self.uploads[name]) - 1, 0)
            status = 204 if handler.command == "GET" else 202
            handler.answer(status, Location=where, Range=f"0-{last}")

    def _finish(self, handler: Handler, name: str) -> None:
        wanted = handler.path.partition("digest=")[2].replace("%3A", ":")
        data = self.uploads.pop(name)
        if digest_of(data) != wanted:
            handler.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}')
            return
        self.blobs[wanted] = data
        handler.answer(201, Docker_Content_Digest=wanted)
