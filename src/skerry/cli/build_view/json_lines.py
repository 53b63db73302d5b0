"""A build as JSON, one object a line: ``{"event": "StepDone", "step": {…}, "cached": true, …}``."""

from __future__ import annotations

import base64

from skerry import fastjson
from skerry.records import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.events import Event
    from skerry.cli.output import Output


class JsonView:
    """``view(event)``."""

    def __init__(self, out: Output, *, fd: int = 1) -> None:
        """``fd`` 2: on stderr, where BuildKit's are, so that stdout has the image's id alone."""
        self._out = out
        self._fd = fd

    def __call__(self, event: Event) -> None:
        text = fastjson.dumps({"event": type(event).__name__, **_plain(event)}) + "\n"
        if self._fd == 1:
            self._out.raw(text.encode("utf-8", "replace"))
        else:
            self._out.error_text(text.encode("utf-8", "replace").decode())


def _plain(value: Any) -> Any:
    if names := fields(value):
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    return value
