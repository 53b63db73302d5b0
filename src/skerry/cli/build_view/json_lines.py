"""``--explain=json``: what would be done, one object a line: ``{"event": "StepDone", "step": {…}, "cached": true, …}``."""

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

    def __init__(self, out: Output) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        text = fastjson.dumps({"event": type(event).__name__, **_plain(event)}) + "\n"
        self._out.raw(text.encode("utf-8", "replace"))


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
