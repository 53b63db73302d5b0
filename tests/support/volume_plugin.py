"""A volume plugin: Docker's protocol on a unix socket, served by a thread. Its volumes are folders."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


class VolumePlugin:
    """``calls`` are the requests that came, as (endpoint, body). ``fail`` names endpoints that answer with an error."""

    def __init__(self, top: Path) -> None:
        self.socket = top / "plugin.sock"
        self.folder = top / "volumes"
        self.folder.mkdir()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fail: dict[str, str] = {}
        self.kinds = ["VolumeDriver"]
        self.reply: bytes | None = None
        plugin = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                status, document = plugin.answer(self.path, body)
                data = plugin.reply if plugin.reply is not None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = socketserver.ThreadingUnixStreamServer(str(self.socket), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        endpoint = path.rpartition(".")[2]
        self.calls.append((endpoint, body))
        if endpoint in self.fail:
            return 500, {"Err": self.fail[endpoint]}
        if endpoint == "Activate":
            return 200, {"Implements": self.kinds}
        if endpoint == "List":
            return 200, {"Volumes": [{"Name": name} for name in sorted(os.listdir(self.folder))]}
        place = self.folder / body["Name"]
        if endpoint == "Create":
            place.mkdir()
        elif not place.exists():
            return 500, {"Err": "no such volume"}
        if endpoint == "Remove":
            for file in place.iterdir():
                file.unlink()
            place.rmdir()
        mountpoint = {"Mountpoint": str(place)} if endpoint in ("Mount", "Path") else {}
        return 200, {"Volume": {"Name": body["Name"], "Status": {"made": "here"}}, "Err": "", **mountpoint}

    def asked(self, endpoint: str) -> list[dict[str, Any]]:
        """The bodies of the requests to an endpoint."""
        return [body for path, body in self.calls if path == endpoint]

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
