"""policy.json: which images may be stored (containers-policy.json(5)).

``insecureAcceptAnything`` and ``reject`` are decided here. The kinds that ask for signatures are refused with a clear
line: no image is accepted that a policy wants checked and that nothing checked.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.config.paths import config_home
from skerry.errors import Denied, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIGNED = ("signedBy", "sigstoreSigned", "signedBaseLayer")
_MAX_BYTES = 4 << 20


class Policy:
    """A parsed policy; ``path`` is where it was read, empty for the built-in one that accepts everything."""

    __slots__ = ("_default", "_transports", "path")

    def __init__(self, path: str, document: dict[str, Any]) -> None:
        self.path = path
        self._default = _requirements(path, "default", document.get("default"))
        transports = document.get("transports", {})
        if not isinstance(transports, dict) or set(document) - {"default", "transports"}:
            raise Invalid(f'invalid policy in "{path}": only default and transports are known')
        self._transports: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for transport, scopes in transports.items():
            if not isinstance(scopes, dict):
                raise Invalid(f'invalid policy in "{path}": transports.{transport} must be an object')
            self._transports[transport] = {
                scope: _requirements(path, f"transports.{transport}.{scope}", value) for scope, value in scopes.items()
            }

    def check(self, transport: str, scope: str) -> None:
        """Raise `Denied` unless an image from here may be stored.

        ``scope``: for docker the whole name (host/path:tag or @digest), for files the path."""
        for requirement in self._for(transport, scope):
            kind = requirement["type"]
            if kind == "reject":
                where = f"{transport}:{'//' if transport == 'docker' else ''}{scope}"
                raise Denied(f"Source image rejected: Running image {where} is rejected by policy.", hint=self.path)
            if kind in _SIGNED:
                raise Denied(
                    f"Source image rejected: {self.path} wants a signature ({kind}) for {transport}:{scope}, and Skerry "
                    "cannot check signatures yet",
                    hint="use a rule of type insecureAcceptAnything or reject for this scope",
                )

    def _for(self, transport: str, scope: str) -> list[dict[str, Any]]:
        """The most specific rule: the name itself, its repository, its namespaces, its host, *.domains, the transport."""
        scopes = self._transports.get(transport, {})
        for candidate in _scopes(transport, scope):
            if candidate in scopes:
                return scopes[candidate]
        return self._default


def _scopes(transport: str, scope: str) -> list[str]:
    result = [scope]
    if transport in ("docker", "atomic"):
        repository = scope.partition("@")[0]
        head, slash, last = repository.rpartition("/")
        repository = head + slash + last.partition(":")[0]
        while repository:
            result.append(repository)
            repository = repository.rpartition("/")[0]
        host = result[-1]
        while "." in host:
            host = host.partition(".")[2]
            result.append("*." + host)
    elif scope:
        path, colon, _which = scope.partition(":")  # oci:FOLDER:NAME
        if colon:
            result.append(path)
        while "/" in path.strip("/"):
            path = path.rpartition("/")[0]
            result.append(path)
        result.append("/")
    return [*result, ""]


def _requirements(path: str, place: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise Invalid(f'invalid policy in "{path}": {place} must be a list of at least one requirement')
    for item in value:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in ("insecureAcceptAnything", "reject", *_SIGNED):
            raise Invalid(f'invalid policy in "{path}": {place}: unknown policy requirement type "{kind}"')
    return value


def load(path: str = "") -> Policy:
    """The policy of ``path`` (``--signature-policy``), the user's, or the host's; everything is accepted without one."""
    for candidate in [path] if path else [config_home() + "/containers/policy.json", "/etc/containers/policy.json"]:
        try:
            with open(candidate, "rb") as file:
                text = file.read(_MAX_BYTES)
        except FileNotFoundError:
            if path:
                raise Invalid(f"open {path}: no such file or directory") from None
            continue
        except OSError as error:
            raise Denied(f"cannot read {candidate}: {os.strerror(error.errno or 0)}") from error
        try:
            document = fastjson.loads(text)
        except Invalid as error:
            raise Invalid(f'invalid policy in "{candidate}": {error.message}') from None
        if not isinstance(document, dict):
            raise Invalid(f'invalid policy in "{candidate}": not an object')
        return Policy(candidate, document)
    return Policy("", {"default": [{"type": "insecureAcceptAnything"}]})
