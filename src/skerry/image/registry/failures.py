"""What can go wrong with a registry, in the words that Podman's users and scripts know."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from skerry import fastjson
from skerry.errors import Denied, NotFound, SkerryError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_TEXT = 300
# What registries say when they have no more to say than the code does: it is shown without the code.
_PLAIN = frozenset((
    "authentication required", "requested access to the resource is denied", "manifest unknown", "manifest invalid",
    "blob unknown to registry", "repository name not known to registry", "invalid repository name", "unknown error",
    "service unavailable", "too many requests", "provided digest did not match uploaded content",
))  # fmt: skip


class Unauthenticated(Denied):
    """Nobody, or somebody unknown, asked for what not everybody may have."""


class Interrupted(Unavailable):
    """It may go well the next time: a cut connection, silence, a busy or failing server.

    ``wait_s`` is what the server asked for (Retry-After), None when it did not ask. ``unreached``: no connection
    was made at all."""

    def __init__(self, message: str, *, wait_s: float | None = None, unreached: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.unreached = unreached


def printable(text: str) -> str:
    """A stranger's text as one bounded line."""
    line = "".join(char if char.isprintable() else " " for char in text[: _MAX_TEXT * 2])
    return " ".join(line.split())[:_MAX_TEXT]


def of_status(status: int, body: bytes, what: str, *, wait_s: float | None = None) -> SkerryError:
    """The error that an HTTP status and the registry's own words mean. ``what`` was attempted."""
    words = _words(body)
    if status == 401:
        return Unauthenticated(f"{what}: {words or 'authentication required'}", hint="skerry login")
    if status == 403:
        return Denied(f"{what}: {words or 'requested access to the resource is denied'}")
    if status == 404:
        return NotFound(f"{what}: {words or 'not found'}")
    if status == 429:
        return Interrupted(f"{what}: {words or 'toomanyrequests: the registry asks for patience'}", wait_s=wait_s)
    text = f"{what}: {words or f'the registry answered with status {status}'}"
    if status in (408, 425) or status >= 500:
        return Interrupted(f"{text} (status {status})" if words else text, wait_s=wait_s)
    return Unavailable(text)


def _words(body: bytes) -> str:
    """The first of the registry's errors: ``manifest unknown``, ``denied: not yours``."""
    try:
        document = fastjson.loads(body)
    except SkerryError:
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    first: Any = errors[0] if isinstance(errors, list) and errors else document
    if not isinstance(first, dict):
        return ""
    code, message = first.get("code"), first.get("message")
    code = code.lower().replace("_", " ") if isinstance(code, str) else ""
    message = message if isinstance(message, str) else ""
    if message.lower() in _PLAIN or not code:
        return printable(message)
    return printable(f"{code}: {message}" if message and message != code else code)


def of_connection(error: Exception, scheme: str, host: str) -> SkerryError:
    """The error that a failure of the connection means, as Podman words it."""
    what = f'pinging container registry {host}: Get "{scheme}://{host}/v2/"'
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unavailable(
            f"{what}: tls: failed to verify certificate: x509: {_certificate(error)}",
            hint=f"put the registry's CA into /etc/containers/certs.d/{host}/ca.crt, or use --tls-verify=false",
        )
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, what)
    if isinstance(error, TimeoutError):
        return Interrupted(f"{what}: i/o timeout: the server is silent", unreached=True)
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Interrupted(f"{what}: dial tcp: lookup {host}: try again", unreached=True)
        return Interrupted(f"{what}: dial tcp: lookup {host}: no such host", unreached=True)
    if isinstance(error, ConnectionRefusedError):
        return Interrupted(f"{what}: dial tcp {host}: connect: connection refused", unreached=True)
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return Interrupted(f"{what}: dial tcp {host}: connect: {os.strerror(error.errno).lower()}", unreached=True)
    return Interrupted(f"{what}: EOF: the server cut the connection")


def _of_tls(error: ssl.SSLError, what: str) -> SkerryError:
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return Unavailable(
            f"{what}: http: server gave HTTP response to HTTPS client", hint="use --tls-verify=false for plain HTTP"
        )
    if "CERTIFICATE_REQUIRED" in reason or "BAD_CERTIFICATE" in reason:
        return Unavailable(f"{what}: remote error: tls: {reason.lower().replace('_', ' ')}")
    if not reason or "EOF" in reason:
        return Interrupted(f"{what}: EOF: the server cut the connection")
    return Unavailable(f"{what}: tls: {reason.lower().replace('_', ' ')}")


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    message = error.verify_message
    if "issuer" in message or "self-signed" in message or "self signed" in message:
        return "certificate signed by unknown authority"
    if "expired" in message or "not yet valid" in message:
        return "certificate has expired or is not yet valid"
    if "ostname mismatch" in message or "IP address mismatch" in message:
        return f"certificate is not valid for this name: {printable(message)}"
    return printable(message)
