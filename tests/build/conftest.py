"""Builds by the library, on a test's own store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

from skerry.build.events import Event, StepDone, StepOutput, Warned
from skerry.build.options import BuildOptions
from skerry.build.outcome import BuildResult
from skerry.build.outputs.produce import produce
from skerry.engine.engine import open_engine


class Built:
    """A build's result and what it told."""

    def __init__(self, result: BuildResult, events: list[Event]) -> None:
        self.result, self.events = result, events
        self.id = result.image_id

    @property
    def steps(self) -> dict[str, StepDone]:
        """What became of each step, by its text."""
        return {event.step.text: event for event in self.events if isinstance(event, StepDone)}

    @property
    def cached(self) -> list[bool]:
        """Of the steps that make layers, in order."""
        kinds = ("RUN", "COPY", "ADD", "WORKDIR")
        return [
            event.cached for event in self.events if isinstance(event, StepDone) and event.step.text.startswith(kinds)
        ]

    @property
    def output(self) -> str:
        """What programs wrote."""
        return b"".join(event.data for event in self.events if isinstance(event, StepOutput)).decode()

    @property
    def warnings(self) -> list[str]:
        """Messages of warnings."""
        return [event.message for event in self.events if isinstance(event, Warned)]


Build = Callable[..., Built]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path) -> Iterator[Skerry]:
    """The command on one store for all of a file's tests, with ``localhost/busybox``."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    skerry = Skerry(tmp_path_factory.mktemp("like"))
    skerry("load", "-i", busybox_archive)
    yield skerry
    skerry.remove_everything()


@pytest.fixture
def build_in(skerry: Skerry, busybox: str, tmp_path: Path) -> Build:
    """``build_in("FROM …", {"name": "content"}, target=…)`` builds in a fresh context folder (or ``context=``)."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    flags: dict[str, Any] = {
        "root": str(skerry.root), "runroot": str(skerry.runroot), "tmpdir": str(skerry.top / "tmp"),
        "network_config_dir": str(skerry.top / "net"), "volumepath": str(skerry.top / "vol"), "events_backend": "file",
    }  # fmt: skip
    engine = open_engine(flags)
    count = [0]

    def run(
        containerfile: str, files: dict[str, str] | None = None, *, context: Path | None = None, **options: Any
    ) -> Built:
        if context is None:
            count[0] += 1
            context = tmp_path / f"context{count[0]}"
            context.mkdir()
        for name, text in (files or {}).items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(text)
        (context / "Containerfile").write_text(containerfile)
        events: list[Event] = []
        return Built(produce(engine, BuildOptions(context=str(context), **options), events.append), events)

    return run
