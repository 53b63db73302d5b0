"""Changing the health check of a running container; a machine that restarted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Skerry

from skerry.engine.engine import Engine, open_engine

Eventually = Callable[..., None]


@pytest.fixture
def engine(skerry: Skerry, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The library on the test's store; it starts the command of this checkout."""
    monkeypatch.setattr("sys.argv", [skerry.program])
    return open_engine(
        {
            "root": str(skerry.root), "runroot": str(skerry.runroot), "tmpdir": str(skerry.top / "tmp"),
            "network_config_dir": str(skerry.top / "net"), "volumepath": str(skerry.top / "vol"),
            "events_backend": "file",
        }
    )  # fmt: skip


def test_a_check_that_is_added_runs_at_once(
    skerry: Skerry, busybox: str, engine: Engine, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "1000")
    engine.containers.update_health("box", {"health_cmd": "echo new", "health_interval": "1h"})
    eventually(lambda: "(healthy)" in skerry("ps", "--format", "{{.Status}}").stdout)
    assert engine.containers.check_health("box") == "healthy"
    engine.containers.update_health("box", {"no_healthcheck": True})
    eventually(lambda: not os.listdir(skerry.runroot / "supervisor" / "wards"))


def test_a_shorter_interval_counts_from_now(
    skerry: Skerry, busybox: str, engine: Engine, eventually: Eventually
) -> None:
    skerry("run", "-d", "--name", "box", "--health-cmd", "true", "--health-interval", "1h", busybox, "sleep", "1000")
    eventually(lambda: "(healthy)" in skerry("ps", "--format", "{{.Status}}").stdout)
    engine.containers.update_health("box", {"health_interval": "100ms"})
    eventually(lambda: json.loads(skerry("inspect", "-f", "{{json .State.Health.Log}}", "box").stdout)[2:])


def test_after_a_boot_nobody_is_looked_after_who_does_not_run(
    skerry: Skerry, busybox: str, engine: Engine, eventually: Eventually
) -> None:
    words = ("--restart", "always", "--health-cmd", "true", "--health-interval", "100ms")
    box = skerry("run", "-d", "--name", "box", *words, busybox, "sleep", "1000").id
    skerry("stop", "-t", "0", "box")
    with engine.store.db.write(durable=False) as db:
        (text,) = db.query("SELECT state FROM containers WHERE id = ?", box)[0]
        state = {**json.loads(text), "status": "running", "boot_id": "another", "stopped_by_user": False}
        db.execute("UPDATE containers SET state = ? WHERE id = ?", json.dumps(state), box)
    ward = Path(skerry.runroot / "supervisor" / "wards" / box)
    ward.write_text("\n")
    skerry("ps")
    eventually(lambda: not ward.exists())
    assert skerry("ps", "-a", "--format", "{{.State}}").lines == ["exited"]
