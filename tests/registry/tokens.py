"""A token server for docker-registry (distribution's token specification; RS256 with x5c)."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.registry.server import PASSWORD, USER

ISSUER, SERVICE = "test-issuer", "test-registry"


class TokenServer:
    """Gives `USER` what is asked for, and anybody the right to pull from ``public/…``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.key, self.certificate = folder / "token.key", folder / "token.crt"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens",
             "-keyout", str(self.key), "-out", str(self.certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        self.asked: list[dict[str, list[str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                status, data = server.answer(self.path, self.headers.get("Authorization") or "")
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://localhost:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def config(self) -> str:
        """What docker-registry is told."""
        return (
            f"auth:\n  token:\n    realm: {self.realm}\n    service: {SERVICE}\n    issuer: {ISSUER}\n"
            f"    rootcertbundle: {self.certificate}\n"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        query = parse_qs(urlsplit(path).query)
        self.asked.append(query)
        known = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if authorization and authorization != known:
            return 401, b'{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}'
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            allowed = actions.split(",") if authorization else ["pull"] if name.startswith("public/") else []
            access.append({"type": kind, "name": name, "actions": allowed})
        return 200, json.dumps({"token": self._sign(access), "expires_in": 300}).encode()

    def _sign(self, access: list[dict[str, Any]]) -> str:
        lines = self.certificate.read_text().splitlines()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(lines[1:-1])]}
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": str(time.monotonic_ns()), "access": access,
        }  # fmt: skip
        body = _encoded(json.dumps(header).encode()) + "." + _encoded(json.dumps(claims).encode())
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        signature = subprocess.run(command, input=body.encode(), check=True, capture_output=True).stdout
        return body + "." + _encoded(signature)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
