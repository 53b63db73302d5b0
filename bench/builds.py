"""Builds beside Podman's: all from the cache, a large COPY, stages that do not need each other, steps that do nothing."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from run import Bench, Engine

    Fresh = Callable[[Engine, Path, int], AbstractContextManager[Engine]]

NAMES = ("build-cached-20", "build-copy-5000", "build-copy-changed", "build-4-stages", "build-run-true-10")
BASE = "FROM localhost/busybox:latest"


def builds(bench: Bench, work: Path, fresh: Fresh, *, quick: bool) -> None:
    """All of them; every build by the same words for both."""
    if not bench.wanted(*NAMES):
        return
    cached = context(
        work, "cached", [BASE, *(line for n in range(10) for line in (f"RUN echo {n} > /{n}", f"COPY f /f{n}"))]
    )
    (cached / "f").write_text("x")
    if bench.wanted("build-cached-20"):
        for engine in bench.engines:
            engine("build", "--layers", "-q", str(cached))
    bench.measure("build-cached-20", lambda e, _: e.timed("build", "--layers", "-q", str(cached)), rounds=5)
    if bench.wanted("build-copy-5000", "build-copy-changed"):
        many = context(work, "many", [BASE, "COPY data /data"])
        fill(many / "data", 500 if quick else 5000, 23_500_000 if quick else 235_000_000)
        for again in (False, True):
            bench.measure(
                "build-copy-changed" if again else "build-copy-5000",
                lambda e, n, again=again: copied(e, n, work, many, fresh, again=again), rounds=3,
            )  # fmt: skip
    stages = [line for n in range(4) for line in (f"{BASE} AS s{n}", f"RUN sleep 0.3; echo {n} > /out")]
    apart = context(work, "apart", [*stages, "FROM scratch", *(f"COPY --from=s{n} /out /out{n}" for n in range(4))])
    bench.measure("build-4-stages", lambda e, _: no_cache(e, apart), rounds=3)
    nothing = context(work, "nothing", [BASE, *(["RUN true"] * 10)])
    bench.measure("build-run-true-10", lambda e, _: no_cache(e, nothing), rounds=3)
    for engine in bench.engines:
        engine("image", "prune", "-f")


def context(work: Path, name: str, lines: list[str]) -> Path:
    """A folder with a Containerfile."""
    folder = work / f"build-{name}"
    folder.mkdir()
    (folder / "Containerfile").write_text("\n".join(lines) + "\n")
    return folder


def no_cache(engine: Engine, folder: Path) -> tuple[float, float]:
    """One build in which every step is done. What it leaves is removed outside of the measure."""
    sample = engine.timed("build", "--no-cache", "-q", str(folder))
    engine("image", "prune", "-f")
    return sample


def copied(engine: Engine, number: int, work: Path, folder: Path, fresh: Fresh, *, again: bool) -> tuple[float, float]:
    """The first build on a new file system, or (``again``) the one after a file was changed."""
    base = work / "base.tar"
    if not base.exists():
        engine("save", "-o", str(base), "localhost/busybox:latest")
    with fresh(engine, work, number) as there:
        there("load", "-i", str(base))
        if not again:
            return there.timed("build", "--layers", "-q", str(folder))
        there("build", "--layers", "-q", str(folder))
        (folder / "data/3/300").write_bytes(os.urandom(3000))
        return there.timed("build", "--layers", "-q", str(folder))


def fill(folder: Path, count: int, size: int) -> None:
    """So many files of so many bytes in all, of many sizes, in folders of a hundred; always the same."""
    numbers = random.Random(1)
    weights = [numbers.paretovariate(1.2) for _ in range(count)]
    scale = size / sum(weights)
    block = numbers.randbytes(1 << 16)
    for number, weight in enumerate(weights):
        path = folder / str(number // 100) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        left = int(weight * scale)
        with path.open("wb") as file:
            while left > 0:
                left -= file.write(block[: min(left, len(block))])
    old = time.time() - 3600  # as a checkout's: nobody has just written them
    for top, _, names in os.walk(folder):
        for name in names:
            os.utime(f"{top}/{name}", (old, old))
