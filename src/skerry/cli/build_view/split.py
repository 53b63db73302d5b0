"""``--logsplit``: a log file for each platform of a build."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from skerry.build.events import Note, Warned
from skerry.cli.build_view.logfile import LogFile
from skerry.cli.build_view.plain import PlainView

if TYPE_CHECKING:
    from types import TracebackType

    from skerry.build.events import Event


class SplitView:
    """``with SplitView(path, platforms) as view: view(event)``. What is said of the whole is in each file."""

    def __init__(self, path: str, platforms: list[str]) -> None:
        self._stack = ExitStack()
        self._views: dict[str, PlainView] = {}
        for platform in platforms:
            file = self._stack.enter_context(LogFile(f"{path}_{platform.replace('/', '_')}"))
            self._views[platform] = PlainView(file)

    def __enter__(self) -> SplitView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, event: Event) -> None:
        step = getattr(event, "step", None)
        views = list(self._views.values())
        if step is not None:
            views = [self._views[step.platform]] if step.platform in self._views else views
        elif not isinstance(event, (Note, Warned)):
            return
        for view in views:
            view(event)
