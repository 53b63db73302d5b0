"""The engine in this process on a private store with busybox, and what must hold after each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from tests.engine.builds.builder import engine_on
from tests.support.command import Skerry

from skerry.engine.builds import watcher
from skerry.engine.builds.types import RunRequest
from skerry.engine.engine import Engine
from skerry.store.pins import unpin


@pytest.fixture
def engine(skerry: Skerry, busybox: str) -> Iterator[Engine]:
    """An engine whose builds leave nothing of theirs behind."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = engine_on(str(skerry.top))
    yield made
    left = what_is_left(skerry, made)
    watcher.end(made)
    unpin(made.store)
    assert not left


def what_is_left(skerry: Skerry, engine: Engine) -> list[str]:
    """What no build may leave: roots, bundles, runtime state, leases, namespaces, groups."""
    from skerry.engine.system.leftovers import leased

    folders = ("root/builds/roots", "run/builds", "run/crun", "run/runc", "run/netns", "root/staging")
    found = [f"{folder}/{path.name}" for folder in folders for path in (skerry.top / folder).glob("*")]
    found += [f"lease {each}" for each in leased(engine)]
    found += [f"lock {path.name}" for path in (skerry.top / "root/locks").glob("build*")]
    return found + [f"lock {path.name}" for path in (skerry.top / "root/locks").glob("container-*")]


@pytest.fixture
def base(engine: Engine, busybox: str) -> list[str]:
    """Busybox's layers."""
    return list(engine.images.resolve(busybox)["layers"])


@pytest.fixture
def shell(engine: Engine, base: list[str]) -> Callable[..., tuple[int, str]]:
    """``shell("id -u", user="1")``: (exit code, output) of a step above busybox without a network."""

    def run(script: str, **request: object) -> tuple[int, str]:
        pieces: list[bytes] = []
        with engine.builds.open_root(base) as root:
            code = root.run(
                RunRequest(
                    ["/bin/sh", "-c", script], output=lambda _fd, data: pieces.append(data),
                    **{"network": "none", **request},  # type: ignore[arg-type]
                )
            )  # fmt: skip
        return code, b"".join(pieces).decode()

    return run


@pytest.fixture
def layer_of(engine: Engine) -> Callable[..., str | None]:
    """``layer_of(chain, "echo > /x")``: the layer that a step makes above a chain, or None."""

    def make(chain: list[str], script: str, **request: object) -> str | None:
        with engine.builds.open_root(chain) as root:
            wanted = {"network": "none", **request}
            assert root.run(RunRequest(["/bin/sh", "-c", script], **wanted)) == 0  # type: ignore[arg-type]
            layer = root.commit()
            return layer["chain_id"] if layer else None

    return make


@pytest.fixture
def tree(engine: Engine) -> Callable[[str], dict[str, str]]:
    """What a layer's folder holds: path → kind (f, d, l, w for a whiteout), with "!" where a folder is opaque."""

    def look(chain_id: str) -> dict[str, str]:
        import stat

        from skerry.store.layers import layer_dir
        from skerry.store.union import is_opaque, is_whiteout

        top = layer_dir(engine.store, chain_id)
        found = {}
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                status = os.lstat(path)
                kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}.get(stat.S_IFMT(status.st_mode), "?")
                kind = "w" if is_whiteout(status) else kind + ("!" if kind == "d" and is_opaque(path) else "")
                found[os.path.relpath(path, top)] = kind
        return found

    return look
