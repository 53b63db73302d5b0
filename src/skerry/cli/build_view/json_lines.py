"""A build as JSON, one object a line: ``{"event": "StepDone", "step": {…}, "cached": true, …}``."""

from __future__ import annotations

import base64
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from skerry import fastjson

if TYPE_CHECKING:
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
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    return value
