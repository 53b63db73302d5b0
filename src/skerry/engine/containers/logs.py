"""``skerry logs``: what containers wrote, from where their log driver put it."""

from __future__ import annotations

import time

from skerry.engine.containers import state as states
from skerry.errors import NotFound, Unsupported
from skerry.runtime.logs import LogFile, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.logs import Entry as Entry

    class Reader(Protocol):
        """A log of any driver. When something was written ``folder`` changes, or ``fd`` becomes readable (-1: none)."""

        container_id: str
        folder: str | None

        @property
        def fd(self) -> int: ...

        def batches(self) -> Iterator[list[Entry]]: ...
        def rest(self) -> list[Entry]: ...
        def close(self) -> None: ...


_FILES = ("k8s-file", "json-file", "")
_LOOK_AGAIN_S = 1.0  # inotify wakes us; this is for what it cannot see (a conmon that was killed)


def read_logs(
    engine: Engine, name: str, *, follow: bool = False, since: str = "", until: str = "", tail: int = -1
) -> Iterator[Entry]:
    """A container's log: (time as RFC 3339, b"stdout" or b"stderr", text, whether the line ends here).

    ``follow``: until the container ends. ``tail``: only the last lines (-1: all). ``since`` and ``until``: see
    `parse_moment`. `NotFound`, `Invalid`; `Unsupported` for a log driver that cannot be read."""
    for _, batch in read_many(engine, [name], follow=follow, since=since, until=until, tail=tail):
        yield from batch


def read_many(
    engine: Engine, names: list[str], *, follow: bool = False, since: str = "", until: str = "", tail: int = -1
) -> Iterator[tuple[int, list[Entry]]]:
    """The logs of several containers by time (when following: as it comes); each batch with its container's number."""
    since_ns = _moment(since, "--since", past=True) if since else 0
    until_ns = _moment(until, "--until", past=False) if until else 0
    readers = [_reader(engine, name, tail, since_ns, follow=follow) for name in names]
    batches = _following(engine, readers, until_ns) if follow else _present(readers)
    return _between(batches, since_ns, until_ns) if since_ns or until_ns else batches


def _moment(text: str, flag: str, *, past: bool) -> int:
    from skerry.engine.moments import parse_moment  # most calls bound nothing

    return parse_moment(text, flag, past=past)


def _reader(engine: Engine, name: str, tail: int, since_ns: int, *, follow: bool) -> Reader:
    record, state = states.find(engine, name)
    driver = record["config"]["log_driver"]
    if driver in _FILES:
        return _FileReader(engine, record, tail)
    if driver == "journald":
        from skerry.engine.containers.logs_journald import JournalFollower, JournalReader

        if follow:
            ran, backend = state["status"] != "created", engine.settings.events_backend
            return JournalFollower(record, tail, since_ns, events_backend=backend, ran=ran)
        return JournalReader(record, tail, since_ns)
    raise Unsupported(
        f"this container is using the '{driver}' log driver, cannot read logs: this container is not logging output"
    )


class _FileReader(LogFile):
    __slots__ = ("container_id", "folder")

    fd = -1

    def __init__(self, engine: Engine, record: ContainerRecord, tail: int) -> None:
        path = record["config"].get("log_path") or states.log_path(engine, record["id"])
        super().__init__(path)
        self.container_id: str = record["id"]
        self.folder: str | None = path.rpartition("/")[0]
        if tail >= 0:
            self.skip_to_tail(tail)


def _present(readers: list[Reader]) -> Iterator[tuple[int, list[Entry]]]:
    """All that is there."""
    if len(readers) > 1:
        yield from _merged(readers)
        return
    reader = readers[0]
    for batch in reader.batches():
        yield 0, batch
    yield 0, reader.rest()
    reader.close()


def _merged(readers: list[Reader]) -> Iterator[tuple[int, list[Entry]]]:
    import heapq

    def tagged(number: int) -> Iterator[tuple[bytes, int, Entry]]:
        for batch in (*readers[number].batches(), readers[number].rest()):
            yield from ((entry[0], number, entry) for entry in batch)

    for _, number, entry in heapq.merge(*map(tagged, range(len(readers))), key=lambda item: item[0]):
        yield number, [entry]


def _following(engine: Engine, readers: list[Reader], until_ns: int) -> Iterator[tuple[int, list[Entry]]]:
    """Until all containers have ended, or ``until_ns`` is over."""
    from skerry.linux.inotify import Watch

    folders = {reader.folder for reader in readers if reader.folder}
    going = dict(enumerate(readers))
    # Watching begins before the first look at the states: an end in between is not missed.
    with Watch(*folders, engine.store.run_path("exits")) as watch:
        while going:
            over = until_ns and time.time_ns() > until_ns
            for number, reader in list(going.items()):
                # First whether it lives, then its log: what it wrote before it ended is read in the last round.
                more = not over and is_live(engine, reader.container_id)
                for batch in reader.batches():
                    yield number, batch
                if not more:
                    yield number, reader.rest()
                    reader.close()
                    del going[number]
            if going:
                left = (until_ns - time.time_ns()) / 1e9 if until_ns else _LOOK_AGAIN_S
                watch.wait(max(0.0, min(_LOOK_AGAIN_S, left)), *(reader.fd for reader in going.values()))


def is_live(engine: Engine, container_id: str) -> bool:
    """Whether the container can still write."""
    try:
        state = states.reload(engine, container_id)[1]
    except NotFound:
        return False
    return states.observe(engine, container_id, state)["status"] in states.LIVE


def _between(
    batches: Iterator[tuple[int, list[Entry]]], since_ns: int, until_ns: int
) -> Iterator[tuple[int, list[Entry]]]:
    last = until_ns or 1 << 63
    for number, batch in batches:
        yield number, [entry for entry in batch if since_ns <= time_ns(entry[0]) <= last]
