"""What a runtime says when it fails, as one of our errors in Podman's words.

Runtimes write JSON lines (``{"level": "error", "msg": "…"}``) or plain text; conmon hands on what it read from
the runtime's standard error.
"""

from __future__ import annotations

import os
import select

from skerry import fastjson
from skerry.errors import CommandNotFound, CommandNotRunnable, Invalid, SkerryError, Unavailable

_MAX_LOG = 1 << 20
_LONGEST_ERROR = 4096
# Podman's patterns (lower case): scripts rely on 126 and 127 coming from these words.
_DENIED = ("permission denied", "operation not permitted")
_HYBRID = "as root: for c in $(cat /sys/fs/cgroup/unified/cgroup.controllers); do mkdir -p /sys/fs/cgroup/$c && mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c; done"  # fmt: skip
_UNFIT = (": is a directory", "exec format error")
_MISSING = ("executable file not found in", "no such file or directory", "open executable")


def message_in(log: bytes) -> str:
    """The last error among a runtime's log lines, JSON or text; empty when there is none."""
    found = ""
    for raw in log[-_MAX_LOG:].split(b"\n"):
        line = raw.strip()
        if not line:
            continue
        if line.startswith(b"{"):
            try:
                entry = fastjson.loads(line)
            except Invalid:
                found = line.decode(errors="replace")
                continue
            if entry.get("level", "error") in ("error", "fatal") and entry.get("msg"):
                found = str(entry["msg"])
        elif not (found and line.startswith(b"Try `")):  # the pointer to --help after an unknown flag says nothing
            found = line.decode(errors="replace")
    return found


def is_runtimes_own(data: bytes, log: int) -> bool:
    """Whether the first bytes on standard error are not the program's: crun writes why it failed there, then the same
    to its log (a descriptor). Told by the log, which follows within microseconds, or never."""
    if len(data) > _LONGEST_ERROR or not data.endswith(b"\n"):
        return False
    poll = select.poll()
    for _ in range(5):
        if os.fstat(log).st_size:
            return message_in(os.pread(log, _MAX_LOG, 0)).encode("utf-8", "replace") in data
        poll.poll(1)
    return False


def read_log(path: str) -> str:
    """`message_in` the log file at ``path``; empty when there is no such file."""
    try:
        with open(path, "rb") as file:
            return message_in(file.read(_MAX_LOG))
    except OSError:
        return ""


def translate(runtime: str, message: str) -> SkerryError:
    """The error for what ``runtime`` (its name) said."""
    text = _plain(message) or "failed without a message"
    if not text.startswith(f"{runtime}: "):
        text = f"{runtime}: {text}"
    lower = text.lower()
    if "hybrid mode not supported" in lower:
        return Unavailable(f"OCI runtime error: {text}", hint=_HYBRID)
    if "cgroup" in lower:
        return Unavailable(f"OCI runtime error: {text}")  # the host's fault, never the program's
    if any(words in lower for words in _DENIED):
        return CommandNotRunnable(f"{text}: OCI permission denied")
    if any(words in lower for words in _UNFIT):
        return CommandNotRunnable(f"OCI runtime error: {text}")
    if any(words in lower for words in _MISSING):
        return CommandNotFound(f"{text}: OCI runtime attempted to invoke a command that was not found")
    return Unavailable(f"OCI runtime error: {text}")


def _plain(message: str) -> str:
    """One printable line: runtimes quote names from images, which may hold anything."""
    line = " ".join(part.strip() for part in message.split("\n") if part.strip())
    return "".join(char if char.isprintable() else "?" for char in line)[:2000]
