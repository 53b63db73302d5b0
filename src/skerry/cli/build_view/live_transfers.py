"""Pulls during a build, in its live view: one line of what has come of how much."""

from __future__ import annotations

from skerry.engine.images.transfer import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.build_view.live import LiveView
    from skerry.cli.output import Output


class LiveReport(Report):
    """Tells `LiveView.transfer`."""

    def __init__(self, view: LiveView, out: Output) -> None:
        self._view = view
        self._out = out
        self._sizes: dict[str, int] = {}
        self._there: dict[str, int] = {}

    def warn(self, text: str) -> None:
        self._out.warn(text)

    def copying(self, digest: str, size: int, kind: str = "blob") -> None:  # noqa: ARG002 - one line for all kinds
        self._sizes[digest] = size
        self._tell()

    def advance(self, digest: str, count: int) -> None:
        self._there[digest] = self._there.get(digest, 0) + count
        self._tell()

    def done(self, digest: str, note: str = "") -> None:  # noqa: ARG002 - as above
        self._there[digest] = self._sizes.get(digest, self._there.get(digest, 0))
        finished = all(self._there.get(name, -1) >= size for name, size in self._sizes.items())
        self._view.transfer("" if finished else self._text())

    def _tell(self) -> None:
        self._view.transfer(self._text())

    def _text(self) -> str:
        total, there = sum(self._sizes.values()), sum(self._there.values())
        return f"transferring {there / 1e6:.1f} MB of {max(total, there) / 1e6:.1f} MB"
