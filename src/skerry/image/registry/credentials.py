"""Who one is to a registry: auth.json, Docker's config.json and credential helpers (containers-auth.json(5)).

Passwords never appear in messages.
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode

from skerry import fastjson
from skerry.config import identity, registries
from skerry.errors import Invalid, SkerryError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings

_MAX_FILE = 4 << 20
_DOCKER_KEYS = ("docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io")
_TOKEN_USER = "<token>"


class Credentials:
    """A user with a password, or an identity token."""

    __slots__ = ("identity_token", "password", "user")

    def __init__(self, user: str, password: str, identity_token: str = "") -> None:
        self.user = user
        self.password = password
        self.identity_token = identity_token


def parse_creds(text: str) -> Credentials:
    """--creds USER[:PASSWORD]. `Invalid` without a password (nobody can be asked here)."""
    user, colon, password = text.partition(":")
    if not user or not colon:
        raise Invalid("credentials are USERNAME:PASSWORD", hint="skerry login asks for a password")
    return Credentials(user, password)


def default_file(settings: Settings) -> str:
    """Where ``login`` writes."""
    given = os.environ.get("REGISTRY_AUTH_FILE")
    if given:
        return given
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/containers/{settings.uid}"
    if os.environ.get("XDG_RUNTIME_DIR") or settings.uid == 0:
        return folder + ("/containers/auth.json" if os.environ.get("XDG_RUNTIME_DIR") else "/auth.json")
    return folder + "/auth.json"


def files(settings: Settings, authfile: str = "", *, may_miss: bool = False) -> list[str]:
    """The files that are read, the first that knows a registry counts. A named one is the only one, and must be
    there, unless it ``may_miss`` (login makes it)."""
    named = authfile or os.environ.get("REGISTRY_AUTH_FILE", "")
    if named:
        if authfile and not may_miss and not os.path.exists(authfile):
            raise Invalid(f"credential file is not accessible: faccessat {authfile}: no such file or directory")
        return [named]
    config = os.environ.get("XDG_CONFIG_HOME") or f"{settings.home}/.config"
    docker = os.environ.get("DOCKER_CONFIG") or f"{settings.home}/.docker"
    return [default_file(settings), f"{config}/containers/auth.json", f"{docker}/config.json"]


def find(
    settings: Settings, registry: str, repository: str = "", authfile: str = "", *, may_miss: bool = False
) -> Credentials | None:
    """For ``registry/repository``: what the first of registries.conf's credential-helpers has; by default these are the
    auth files alone."""
    for helper in registries.credential_helpers(identity.current()):
        if helper == registries.AUTH_FILES:
            found = _in_files(registry, repository, files(settings, authfile, may_miss=may_miss))
        else:
            found = _ask(helper, registry)
        if found:
            return found
    return None


def _in_files(registry: str, repository: str, paths: list[str]) -> Credentials | None:
    """The longest key that is a part of ``registry/repository``, in the first file that has one."""
    keys = _keys(registry, repository)
    for path in paths:
        document = read(path)
        for key in keys:
            helper = _helper(document, key)
            found = _ask(helper, key) if helper else _entry(document, key, path)
            if found:
                return found
    return None


def _keys(registry: str, repository: str) -> list[str]:
    parts = [registry, *(repository.split("/") if repository else ())]
    keys = ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return [*keys, *(key for key in _DOCKER_KEYS if registry == "docker.io" and key not in keys)]


def read(path: str) -> dict[str, Any]:
    """An auth file's content; empty when there is none. `Invalid` names the file that is wrong."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Invalid(f"reading credentials from {path}: {error.strerror}") from None
    if not data.strip():
        return {}
    try:
        document = fastjson.loads(data)
    except SkerryError as error:
        raise Invalid(f"reading JSON file {path}: {error.message}") from None
    if not isinstance(document, dict) or not isinstance(document.get("auths") or {}, dict):
        raise Invalid(f"reading JSON file {path}: no object with auths")
    return document


def _entry(document: dict[str, Any], key: str, path: str) -> Credentials | None:
    auths = document.get("auths") or {}
    entry = auths.get(key)
    if entry is None:
        entry = next((value for name, value in auths.items() if _host_of(name) == key), None)
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken")
    encoded = entry.get("auth")
    if not isinstance(encoded, str) or not encoded:
        return Credentials("", "", token) if isinstance(token, str) and token else None
    try:
        user, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Invalid(f"{path}: the entry of {key} is no base64 of a user and a password") from None
    if not colon:
        raise Invalid(f"{path}: the entry of {key} has no password")
    return Credentials(user, password.strip("\0"), token if isinstance(token, str) else "")


def _host_of(name: str) -> str:
    """Docker's old keys are URLs: https://host/v1/."""
    for prefix in ("https://", "http://"):
        if name.startswith(prefix):
            return name.removeprefix(prefix).partition("/")[0]
    return name


def _helper(document: dict[str, Any], key: str) -> str:
    helpers = document.get("credHelpers")
    name = helpers.get(key) if isinstance(helpers, dict) else None
    if not name:
        name = document.get("credsStore") if "/" not in key.removeprefix("https://").removesuffix("/v1/") else None
    return name if isinstance(name, str) else ""


def _ask(helper: str, key: str) -> Credentials | None:
    answer = run_helper(helper, "get", key.encode())
    if answer is None:
        return None
    try:
        document = fastjson.loads(answer)
        user, secret = document["Username"], document["Secret"]
    except (SkerryError, KeyError, TypeError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise Unavailable(f"docker-credential-{helper} gave no credentials in JSON")
    return Credentials("", "", secret) if user == _TOKEN_USER else Credentials(user, secret)


def run_helper(helper: str, action: str, data: bytes) -> bytes | None:
    """What ``docker-credential-HELPER`` prints; None when it has no such credentials. `NotFound`, `Unavailable`."""
    from skerry.image.registry.helper import run

    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", helper):
        raise Invalid(f"{helper!r} is no name of a credential helper")
    return run(f"docker-credential-{helper}", action, data)
