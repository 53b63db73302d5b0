"""The layers of an image on their way in from an archive, and what all kinds of archives share."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import digest_of, drop_layers
from skerry.errors import Conflict, Corrupt, NotFound, SkerryError
from skerry.image.archive import read_member
from skerry.image.reference import is_digest
from skerry.store.layers import add_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Report
    from skerry.engine.images.types import ImageRecord
    from skerry.image.archive import Members
    from skerry.store.types import LayerRecord

_TRIES = 5


class Layers:
    """The layers of one image, added one above the other."""

    def __init__(self, engine: Engine, report: Report | None = None) -> None:
        self._engine = engine
        self._report = report
        self.records: list[LayerRecord] = []

    @property
    def ids(self) -> list[str]:
        """Their chain ids, base first."""
        return [record["chain_id"] for record in self.records]

    def add(
        self, members: Members, name: str, diff_id: str, *, blob: str | None = None, size: int | None = None
    ) -> None:
        """Add the member ``name``; `Corrupt` names it when its bytes are not what was promised."""
        parent = self.records[-1]["chain_id"] if self.records else None
        digest = blob or diff_id
        if self._report:
            self._report.copying(digest, size or 0)
        with members.open(name) as stream:
            told: Any = _Told(stream, digest, self._report) if self._report else stream
            try:
                record = add_layer(self._engine.store, parent, told, diff_id=diff_id, blob=blob, blob_size=size)
            except Corrupt as error:
                raise Corrupt(f"{name}: {error.message}", hint=error.hint) from None
        if self._report:
            self._report.done(digest)
        self.records.append(record)

    def undo(self) -> None:
        """Take back what no image uses."""
        drop_layers(self._engine, self.ids)


class _Told:
    """A stream whose reader's progress is reported."""

    def __init__(self, stream: BinaryIO, digest: str, report: Report) -> None:
        self._stream = stream
        self._digest = digest
        self._report = report

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._report.advance(self._digest, len(data))
        return data


def with_layers(
    engine: Engine, add: Callable[[Layers], ImageRecord], report: Report | None = None
) -> ImageRecord:  # fmt: skip
    """What ``add`` makes of the layers that it adds; they are taken back if it fails.

    Until the image's row stands, a command that removes another image of the same layers may take them: once more."""
    for attempt in range(_TRIES):
        layers = Layers(engine, report)
        try:
            return add(layers)
        except (Conflict, NotFound):
            layers.undo()
            if attempt == _TRIES - 1:
                raise
        except BaseException:
            layers.undo()
            raise
    raise AssertionError


def announce(engine: Engine, image_id: str, path: str) -> None:
    """The event of an image that was loaded from the archive at ``path`` (empty: standard input)."""
    engine.events.emit(type="image", status="loadfromarchive", id=image_id, name=path or image_id)


def parse_json(data: bytes, what: str) -> Any:
    """A document of an archive. `Corrupt` names ``what`` is none."""
    try:
        return fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"{what} is {error.message}") from None


def check_descriptor(descriptor: Any) -> None:
    """`Corrupt` unless it has a digest and a size."""
    if (
        not isinstance(descriptor, dict)
        or not isinstance(descriptor.get("digest"), str)
        or not is_digest(descriptor["digest"])
        or not isinstance(descriptor.get("size"), int)
    ):
        raise Corrupt("a descriptor in the archive is malformed (only sha256 digests are supported)")


def read_blob_of(members: Members, name: Callable[[str], str], descriptor: Any) -> bytes:
    """A small blob that ``descriptor`` describes; ``name`` gives the member that has a digest."""
    check_descriptor(descriptor)
    data = read_member(members, name(descriptor["digest"]))
    if digest_of(data) != descriptor["digest"] or len(data) != descriptor["size"]:
        raise Corrupt(f"blob {descriptor['digest']} in the archive is not what its digest and size say")
    return data
