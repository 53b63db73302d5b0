"""Time limits are about silence: who is slow but steady is waited for, who says nothing is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.registry.lying import Handler, LyingRegistry
from tests.registry.test_pull import layer

from skerry.engine.engine import Engine
from skerry.engine.images.push import Push
from skerry.engine.images.transfer import Limits, Transfer
from skerry.errors import SkerryError

SHORT = Transfer(tls_verify=False, limits=Limits(retries=0, delay_s=0.01, silence_s=1.0))


def test_a_slow_but_steady_blob_arrives(engine: Engine, liar: LyingRegistry) -> None:
    """Three times as long as any silence may be."""
    manifest = liar.add_image(layer("a", 3000))
    digest = manifest["layers"][0]["digest"]

    def trickle(handler: Handler) -> bool:
        if digest not in handler.path:
            return False
        data = handler.registry.blobs[digest]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for part in range(10):
            handler.wfile.write(data[len(data) * part // 10 : len(data) * (part + 1) // 10])
            handler.wfile.flush()
            time.sleep(0.3)
        return True

    liar.lie = trickle
    engine.images.pull(f"{liar.host}/x", transfer=SHORT)
    engine.images.remove([f"{liar.host}/x"])


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A server that accepts, and never reads nor says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def test_a_server_that_says_nothing_at_all(engine: Engine, black_hole: str) -> None:
    begin = time.monotonic()
    with pytest.raises(SkerryError, match=r"silent|timeout"):
        engine.images.pull(f"{black_hole}/x", transfer=SHORT)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("silent_at", ["POST", "PUT", "HEAD"])
def test_a_push_to_a_registry_that_falls_silent(
    silent_at: str, engine: Engine, liar: LyingRegistry, other: LyingRegistry
) -> None:
    other.add_image(layer("a", 30_000))
    engine.images.pull(f"{other.host}/from", transfer=SHORT)

    def lie(handler: Handler) -> bool:
        if handler.command != silent_at:
            return False
        time.sleep(4)
        return handler.cut()

    liar.lie = lie
    begin = time.monotonic()
    with pytest.raises(SkerryError, match=r"silent|timeout|cut"):
        engine.images.push(f"{other.host}/from", f"{liar.host}/to", Push(transfer=SHORT))
    assert time.monotonic() - begin < 12
    engine.images.remove([f"{other.host}/from"])


def test_a_registry_that_stops_reading_an_upload(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    other.add_image(layer("big", 24 << 20))
    engine.images.pull(f"{other.host}/from", transfer=SHORT)
    done = threading.Event()

    def lie(handler: Handler) -> bool:
        if handler.command not in ("PUT", "PATCH") or "uploads" not in handler.path:
            return False
        handler.rfile.read(1000)
        done.wait(8)
        return handler.cut()

    liar.lie = lie
    begin = time.monotonic()
    with pytest.raises(SkerryError, match=r"silent|timeout|cut"):
        engine.images.push(f"{other.host}/from", f"{liar.host}/to", Push(transfer=SHORT))
    assert time.monotonic() - begin < 7
    done.set()
    engine.images.remove([f"{other.host}/from"])


@pytest.mark.parametrize(("status", "header"), [(429, "1"), (503, "1"), (429, "date")])
def test_retry_after_is_waited_for(status: int, header: str, engine: Engine, liar: LyingRegistry) -> None:
    from email.utils import formatdate

    liar.add_image(layer("a"))
    asked: list[float] = []

    def lie(handler: Handler) -> bool:
        if "/manifests/" not in handler.path:
            return False
        asked.append(time.monotonic())
        value = formatdate(time.time() + 2, usegmt=True) if header == "date" else header
        return len(asked) == 1 and handler.answer(status, Retry_After=value)

    liar.lie = lie
    engine.images.pull(f"{liar.host}/x", transfer=Transfer(tls_verify=False, limits=Limits(retries=1, delay_s=0.01)))
    assert asked[1] - asked[0] > 0.9
    engine.images.remove([f"{liar.host}/x"])
