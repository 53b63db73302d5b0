"""Log lines as logrus, Podman's logger, writes them."""

from __future__ import annotations

import time

_COLOURS = {"error": 31, "warning": 33, "info": 36}


def logline(level: str, text: str, *, terminal: bool = False) -> str:
    """One line: ``time="2026-11-26T18:00:00Z" level=warning msg="…"``; short and coloured on a terminal."""
    if terminal:
        return f"{level[:4].upper()}[0000] {text}"
    return f"time={_quoted(_timestamp())} level={level} msg={_quoted_if_needed(text)}"


def _timestamp() -> str:
    now = time.localtime()
    offset = now.tm_gmtoff // 60
    if not offset:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
    return time.strftime("%Y-%m-%dT%H:%M:%S", now) + f"{sign}{offset // 60:02d}:{offset % 60:02d}"


def _quoted(text: str) -> str:
    from skerry.cli.parse import quote

    return quote(text)


def _quoted_if_needed(text: str) -> str:
    # logrus leaves plain words bare.
    if text and all(c.isascii() and (c.isalnum() or c in "-._/@^+") for c in text):
        return text
    return _quoted(text)
