"""Log messages to the system log (``--syslog``): one datagram to /dev/log each, as syslog(3) sends them."""

from __future__ import annotations

import os
import socket

SOCKET = "/dev/log"
_USER = 1 << 3  # the facility
# Our levels (0 panic … 6 trace) as syslog's severities.
_SEVERITIES = (0, 2, 3, 4, 6, 7, 7)


def send(level: int, text: str) -> None:
    """Send one message. Where there is no system log nothing happens, as in Podman."""
    line = f"<{_USER | _SEVERITIES[level]}>skerry[{os.getpid()}]: {text}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1)
            sender.connect(SOCKET)
            sender.send(line.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody listens: the line is on stderr in any case
