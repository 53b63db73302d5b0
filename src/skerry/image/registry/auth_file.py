"""Writing auth.json, and telling credential helpers: what ``login`` and ``logout`` do."""

from __future__ import annotations

import os
from base64 import b64encode

from skerry import fastjson
from skerry.errors import Invalid, OutOfSpace, Unavailable
from skerry.image.registry.credentials import Credentials, read, run_helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def store(path: str, key: str, credentials: Credentials) -> str:
    """Keep credentials under ``key`` in the file ``path``, or where its helper keeps them: where that is."""
    document = read(path)
    if helper := _helper(document, key):
        tell_helper(helper, key, credentials)
        return f"docker-credential-{helper}"
    encoded = b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    document.setdefault("auths", {})[key] = {"auth": encoded}
    _write(path, document)
    return path


def remove(path: str, key: str) -> bool:
    """Forget the credentials of ``key``; whether there were any."""
    document = read(path)
    found = (document.get("auths") or {}).pop(key, None) is not None
    if found:
        _write(path, document)
    if (helper := _helper(document, key)) and erase(helper, key):
        found = True
    return found


def tell_helper(helper: str, key: str, credentials: Credentials) -> None:
    """Have a helper keep credentials. `Invalid` for a part of a registry: helpers know whole ones."""
    if "/" in key.removeprefix("https://").removesuffix("/v1/"):
        raise Invalid(f'credentials of "{key}", a part of a registry, cannot be kept by docker-credential-{helper}')
    secret = {"ServerURL": key, "Username": credentials.user, "Secret": credentials.password}
    if run_helper(helper, "store", fastjson.dumps(secret).encode()) is None:
        raise Unavailable(f"docker-credential-{helper} cannot store credentials")


def erase(helper: str, key: str) -> bool:
    """Have a helper forget credentials; whether it had any."""
    if run_helper(helper, "get", key.encode()) is None:
        return False
    run_helper(helper, "erase", key.encode())
    return True


def remove_all(path: str) -> list[str]:
    """Forget all credentials: whose they were."""
    document = read(path)
    keys = list(document.get("auths") or {})
    if not os.path.exists(path):
        return []
    helpers = document.get("credHelpers") or {}
    for key in helpers if isinstance(helpers, dict) else ():
        if run_helper(str(helpers[key]), "get", key.encode()) is not None:
            run_helper(str(helpers[key]), "erase", key.encode())
            keys.append(key)
    document["auths"] = {}
    _write(path, document)
    return keys


def _helper(document: dict[str, Any], key: str) -> str:
    helpers = document.get("credHelpers")
    name = (helpers.get(key) if isinstance(helpers, dict) else None) or document.get("credsStore")
    return name if isinstance(name, str) else ""


def _write(path: str, document: dict[str, Any]) -> None:
    """All or nothing, readable by its owner alone. A link is followed: Docker's file may be one."""
    path = os.path.realpath(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, 0o600)
            os.write(fd, fastjson.dumps(document, indent="\t").encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # it was not made
        kind = OutOfSpace if error.errno in (28, 122) else Unavailable
        raise kind(f"cannot write {path}: {error.strerror}") from None


def docker_key(key: str) -> str:
    """``key`` as Docker writes it in its config.json: whole registries only, and its own by an old address. `Invalid`."""
    if "/" in key:
        raise Invalid(f'credentials of "{key}", a part of a registry, cannot be kept in a Docker-compatible file')
    return "https://index.docker.io/v1/" if key == "docker.io" else key


def key_of(text: str) -> str:
    """What a user names a registry by, as the file's key: ``host[:port][/path]``, no scheme. `Invalid`."""
    key = text
    for prefix in ("https://", "http://", "docker://"):
        key = key.removeprefix(prefix)
    if key != text:  # an address: only its host counts
        key = key.partition("/")[0]
    key = key.rstrip("/")
    if not key or any(char.isspace() or not char.isprintable() or char in "@?#" for char in key):
        raise Invalid(f'credentials key has https[s]:// prefix or is no registry: "{text}"')
    if "/" in key and (":" in key.rpartition("/")[2]):
        raise Invalid(f'reference "{key}" contains tag or digest')
    return "docker.io" if key in ("index.docker.io", "registry-1.docker.io") else key
