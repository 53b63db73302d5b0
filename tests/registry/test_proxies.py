"""Proxies from the environment."""

from __future__ import annotations

from base64 import b64encode

import pytest
from tests.registry.lying import Handler, LyingRegistry
from tests.registry.test_pull import FAST, layer

from skerry.engine.engine import Engine


@pytest.fixture
def proxied(liar: LyingRegistry, other: LyingRegistry, monkeypatch: pytest.MonkeyPatch) -> LyingRegistry:
    """``other`` is the proxy through which ``liar`` is reached, by a name that only the proxy knows."""
    liar.add_image(layer("a"))

    def lie(handler: Handler) -> bool:
        if handler.command == "CONNECT":
            return handler.answer(403)
        handler.path = handler.path.replace("http://registry.test:1", "")
        liar.honest(handler)
        return True

    other.lie = lie
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://user:p%40ss@{other.host}")
    return other


def test_a_registry_behind_a_proxy(engine: Engine, proxied: LyingRegistry) -> None:
    engine.images.pull("registry.test:1/x", transfer=FAST)
    seen = proxied.requests("GET", "http://registry.test:1/v2/x/manifests/")
    assert seen[0][2]["Proxy-Authorization"] == "Basic " + b64encode(b"user:p@ss").decode()


@pytest.mark.usefixtures("proxied")
def test_no_proxy_is_heard(engine: Engine, liar: LyingRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    engine.images.pull(f"{liar.host}/x", transfer=FAST)
    assert liar.requests("GET", "/manifests/")
