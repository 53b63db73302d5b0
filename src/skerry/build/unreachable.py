"""Servers that are not reached: in the words of Podman, whose users know what they mean, and tried again as there."""

from __future__ import annotations

import os
import socket
import ssl
import time
import urllib.request
from urllib.parse import urlsplit

from skerry.engine import times
from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")

_PORTS = {"http": 80, "https": 443}
_LOOK_S = 0.05  # how often it is asked whether the build is cancelled


class Unreachable(Unavailable):
    """There was no connection: it may be there the next time."""


def of_connection(url: str, name: str, error: object) -> Unavailable:
    """What the failure of a request for ``url`` means; ``name`` is how it is shown."""
    what = f"downloading {name}"
    if isinstance(error, ssl.SSLCertVerificationError):
        words = error.verify_message
        if "issuer" in words or "self-signed" in words or "self signed" in words:
            words = "certificate signed by unknown authority"
        return Unavailable(f"{what}: tls: failed to verify certificate: x509: {words}")
    host, through = _address(url)
    dial = f"{what}: {'proxyconnect tcp: ' if through else ''}dial tcp"
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{dial} {host}: connect: connection refused")
    if isinstance(error, socket.gaierror):
        problem = "try again" if error.errno == socket.EAI_AGAIN else "no such host"
        return Unreachable(f"{dial}: lookup {host.rpartition(':')[0]}: {problem}")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{dial} {host}: i/o timeout")
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return Unreachable(f"{dial} {host}: connect: {os.strerror(error.errno).lower()}")
    return Unavailable(f"{what}: {error}")


def _address(url: str) -> tuple[str, bool]:
    """Host and port that are spoken to, and whether that is a proxy."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    through = bool(proxy) and not urllib.request.proxy_bypass(parts.hostname or "")
    if through:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 80)}", through


def patiently(
    attempt: Callable[[], Result], options: dict[str, Any], warn: Callable[[str], None], cancelled: Callable[[], bool]
) -> Result:
    """``attempt``, again after a while if nobody was reached: as often as --retry says, after --retry-delay each time,
    or without one after half a second, one, two …"""
    from skerry.engine.images.transfer import limits

    allowed = limits(options.get("retry", 3), options.get("retry_delay", ""))
    for number in range(1, allowed.retries + 1):
        try:
            return attempt()
        except Unreachable as error:
            delay_s = allowed.delay_s * (1 if options.get("retry_delay") else 2 ** (number - 1))
            shown = times.go_duration(int(delay_s * 1e9))
            warn(f"Failed, retrying in {shown} ... ({number}/{allowed.retries}). Error: {error.message}")
            end = time.monotonic() + delay_s
            while time.monotonic() < end and not cancelled():
                time.sleep(min(_LOOK_S, delay_s))
    return attempt()
