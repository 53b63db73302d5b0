"""A host of our own: configuration folders, a home and a run folder that nobody else reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skerry.config import files, paths, settings


class Host:
    """Write files as their owner would (old enough to be trusted), and load the settings."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.vendor, self.admin, self.user = top / "usr", top / "etc", top / "config" / "containers"
        self.run = top / "run"

    def write(self, folder: Path, name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, **flags: object) -> settings.Settings:
        return settings.load_settings(flags)  # type: ignore[arg-type]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(files, "VENDOR", str(made.vendor))
    monkeypatch.setattr(files, "ADMIN", str(made.admin))
    monkeypatch.setattr(paths, "RUNROOT", str(made.run))
    # Files written by the test a moment ago are to be kept at once.
    monkeypatch.setattr("skerry.config.cache._SETTLED_NS", 0)
    for name in files.ENVIRONMENT.values():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name + "_OVERRIDE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return made


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many TOML files were parsed so far."""
    from skerry.config import toml

    count = 0
    true_read = toml.read

    def counting(path: str) -> dict[str, object]:
        nonlocal count
        count += 1
        return true_read(path)

    monkeypatch.setattr(toml, "read", counting)
    return lambda: count
