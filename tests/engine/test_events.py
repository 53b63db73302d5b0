"""Events: what is written, kept, read back and followed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry import fastjson
from skerry.engine.events import Events
from skerry.engine.events.journal import _field
from skerry.errors import Invalid


def make(folder: Path, size: str = "1m", backend: str = "file") -> Events:
    settings = SimpleNamespace(
        uid=1234, events_backend=backend, events_path=str(folder / "events" / "events.log"),
        conf={"engine": {"events_logfile_max_size": size, "events_container_create_inspect_data": False}},
    )  # fmt: skip
    return Events(SimpleNamespace(settings=settings))  # type: ignore[arg-type]


@pytest.fixture
def events(tmp_path: Path) -> Events:
    return make(tmp_path)


def some(events: Events) -> None:
    record: Any = {"id": "a" * 64, "name": "web", "image": "localhost/nginx:1", "config": {"labels": {"tier": "front"}}}
    events.emit_container("create", record)
    events.emit_container("died", record, exit_code=3)
    events.emit_container("kill", record, signal=15)
    events.emit(type="volume", status="create", id="data", name="data")
    events.emit(type="image", status="pull", id="b" * 64, name="localhost/nginx:1")


def found(events: Events, *filters: str) -> list[str]:
    return [f"{event['Type']} {event['Status']}" for event in events.read(filters=list(filters))]


def test_lines_have_podmans_keys(events: Events, tmp_path: Path) -> None:
    some(events)
    lines = [fastjson.loads(line) for line in (tmp_path / "events/events.log").read_bytes().splitlines()]
    keys = {"ContainerExitCode", "ID", "Image", "Name", "Status", "Time", "Type", "Attributes"}
    assert set(lines[1]) == keys
    assert lines[1]["ContainerExitCode"] == 3
    assert lines[2]["Attributes"] == {"tier": "front", "signal": "15"}
    assert "Image" not in lines[3]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["container=web"], ["container create", "container died", "container kill"]),
        (["container=aaaa"], ["container create", "container died", "container kill"]),
        (["event=die"], ["container died"]),
        (["event=died", "event=create", "type=container"], ["container create", "container died"]),
        (["type=volume"], ["volume create"]),
        (["volume=data"], ["volume create"]),
        (["label=tier"], ["container create", "container died", "container kill"]),
        (["label=tier=back"], []),
        (["image=nginx"], ["container create", "container died", "container kill", "image pull"]),
        (["pod=x"], []),
    ],
)
def test_filters(events: Events, filters: list[str], expected: list[str]) -> None:
    some(events)
    assert found(events, *filters) == expected


@pytest.mark.parametrize("text", ["bogus", "bogus=1", ""])
def test_what_is_no_filter_is_refused(events: Events, text: str) -> None:
    with pytest.raises(Invalid, match="is an invalid filter"):
        events.read(filters=[text])


def test_times_bound_what_is_read(events: Events) -> None:
    some(events)
    assert len(list(events.read(since="1m"))) == 5
    assert list(events.read(until="2001-01-01")) == []
    with pytest.raises(Invalid, match='parsing --since "soon": unable to interpret time value'):
        events.read(since="soon")


def test_the_file_stays_below_its_bound_and_loses_only_the_oldest(tmp_path: Path) -> None:
    events = make(tmp_path, size="20k")
    for number in range(1000):
        events.emit(type="volume", status="create", name=str(number))
    assert (tmp_path / "events/events.log").stat().st_size < 21_000
    read = list(events.read())
    assert {event["Type"] for event in read if event["Status"] == "log-rotation"} == {"system"}
    names = [int(event["Name"]) for event in read if event["Status"] == "create"]
    assert names == list(range(names[0], 1000))
    assert len(names) > 50


def test_the_younger_half_stays_between_marks_and_the_event_that_found_no_room_comes_last(tmp_path: Path) -> None:
    path = tmp_path / "events/events.log"
    path.parent.mkdir()
    line = '{"Name":"old%02d","Status":"pull","Time":"2022-04-06T11:26:42.723667900+02:00","Type":"image","Attributes":null}\n'
    path.write_text("".join(line % number for number in range(100)))
    make(tmp_path, size=str(path.stat().st_size)).emit(type="volume", status="create", name="new")
    lines = [fastjson.loads(line) for line in path.read_bytes().splitlines()]
    names = [
        line["Attributes"]["io.podman.event.rotate"] if line["Type"] == "system" else line["Name"] for line in lines
    ]
    assert names == ["begin", *(f"old{number}" for number in range(51, 100)), "end", "new"]
    assert lines[-1]["Attributes"] is None


def test_a_follower_sees_each_event_once_through_rotations(tmp_path: Path) -> None:
    events = make(tmp_path, size="20k")
    events.emit(type="volume", status="create", name="-1")
    seen: list[str] = []
    marks: list[str] = []

    def follow() -> None:
        for event in events.read(since="1m", follow=True, until="2s"):
            (seen if event["Type"] == "volume" else marks).append(event["Name"])

    reader = threading.Thread(target=follow)
    reader.start()
    time.sleep(0.2)
    for number in range(500):
        events.emit(type="volume", status="create", name=str(number))
        time.sleep(0.0005)
    reader.join()
    assert seen == [str(number) for number in range(-1, 500)]
    assert marks


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    events = make(tmp_path, size="10m")

    def write(first: int) -> None:
        for number in range(first, first + 200):
            events.emit(type="volume", status="create", name=str(number))

    writers = [threading.Thread(target=write, args=(first,)) for first in range(0, 1600, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(int(event["Name"]) for event in events.read()) == list(range(1600))


def test_torn_and_foreign_lines_are_skipped(events: Events, tmp_path: Path) -> None:
    some(events)
    with (tmp_path / "events/events.log").open("ab") as file:
        file.write(b'{"Status":"tor\n[1]\n{}\n\xff\n')
    assert len(found(events)) == 5


def test_a_line_that_was_cut_off_takes_no_other_along(events: Events, tmp_path: Path) -> None:
    some(events)
    with open(tmp_path / "events" / "events.log", "ab") as file:
        file.write(b'{"Name":"cut')
    events.emit(type="volume", status="remove", id="data", name="data")
    assert found(events)[-2:] == ["image pull", "volume remove"]


def test_a_path_that_cannot_be_written_fails_nothing() -> None:
    make(Path("/proc/nosuch")).emit(type="volume", status="create", name="x")


def test_no_backend_writes_nothing_and_cannot_be_read(tmp_path: Path) -> None:
    events = make(tmp_path, backend="none")
    some(events)
    assert not (tmp_path / "events").exists()
    with pytest.raises(Invalid, match='cannot read events with the "none" backend'):
        events.read()


def test_following_journald_ends_at_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "journalctl"
    entry = '{"PODMAN_EVENT":"start","PODMAN_TYPE":"container","PODMAN_TIME":"%s","PODMAN_NAME":"%s"}'
    first, last = entry % ("2020-01-01T00:00:00Z", "old"), entry % ("2037-01-01T00:00:00Z", "late")
    program.write_text(
        '#!/bin/sh\necho "$*" > "$(dirname "$0")/words"\n'
        f"echo '{first}'\n"
        f"case \"$*\" in *--follow*) sleep 0.5; echo '{last}'; exec sleep 60;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    events = make(tmp_path, backend="journald")
    began = time.monotonic()
    assert [event["Name"] for event in events.read(since="2019-01-01", until="2s", follow=True)] == ["old"]
    assert 1.9 < time.monotonic() - began < 30
    past = events.read(since="2019-01-01", until="2020-06-01", follow=True)
    assert [event["Name"] for event in past] == ["old"]
    assert next(events.read(until="2038-01-01", follow=True))["Name"] == "late"
    assert "_UID=1234" in (tmp_path / "words").read_text()


def test_journald_fields_with_newlines_are_binary() -> None:
    assert _field("A", "b") == b"A=b\n"
    assert _field("A", "b\nc") == b"A\n\x03\0\0\0\0\0\0\0b\nc\n"
