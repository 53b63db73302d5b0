"""Logging in to registries: the password is tried before it is kept."""

from __future__ import annotations

import os
from contextlib import closing

from skerry.engine.images.transfer import Transfer
from skerry.errors import Denied, Invalid, NotFound
from skerry.image.registry import auth_file
from skerry.image.registry.client import Client
from skerry.image.registry.credentials import Credentials, default_file, find
from skerry.image.registry.endpoints import Endpoint
from skerry.image.registry.tls import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

__all__ = ["default_registry", "known", "login", "logout", "logout_all", "still_valid"]


def default_registry(settings: Settings) -> str:
    """What ``login`` without a registry means: the first unqualified-search registry."""
    return settings.search_registries[0] if settings.search_registries else "docker.io"


def known(settings: Settings, registry: str, authfile: str = "") -> str:
    """The user that is logged in; empty when nobody is."""
    host, _, path = auth_file.key_of(registry).partition("/")
    found = find(settings, host, path, authfile if os.path.exists(authfile) else "")
    return (found.user or ("<token>" if found.identity_token else "")) if found else ""


def still_valid(settings: Settings, registry: str, transfer: Transfer) -> bool:
    """Whether the registry accepts the credentials that are kept for it."""
    key = auth_file.key_of(registry)
    host, _, path = key.partition("/")
    found = find(settings, host, path, transfer.authfile if os.path.exists(transfer.authfile) else "")
    if found is None:
        return False
    try:
        _check(settings, key, found, transfer)
    except Denied:
        return False
    return True


def login(settings: Settings, registry: str, user: str, password: str, transfer: Transfer) -> str:
    """Check the credentials with the registry and keep them; where. `Denied` when the registry refuses them."""
    key = auth_file.key_of(registry)
    if not user:
        raise Invalid("cannot log in without a username")
    credentials = Credentials(user, password)
    _check(settings, key, credentials, transfer)
    return auth_file.store(transfer.authfile or default_file(settings), key, credentials)


def _check(settings: Settings, key: str, credentials: Credentials, transfer: Transfer) -> None:
    host, _, path = key.partition("/")
    endpoint = Endpoint(host, path)
    insecure = False if transfer.tls_verify is None else not transfer.tls_verify
    trust = Trust(settings, host, endpoint.host, cert_dir=transfer.cert_dir, insecure=insecure)
    with closing(Client(endpoint, trust, credentials, transfer.limits)) as client:
        try:
            client.ping()
        except Denied as error:
            raise Denied(f'logging into "{key}": invalid username/password') from error


def logout(settings: Settings, registry: str, authfile: str = "") -> bool:
    """Forget credentials. True when they were forgotten, False when another file still has some (Docker's)."""
    key = auth_file.key_of(registry)
    removed = auth_file.remove(authfile or default_file(settings), key)
    host, _, path = key.partition("/")
    left = find(settings, host, path, authfile if os.path.exists(authfile) else "") is not None
    if not removed and not left:
        raise NotFound(f"not logged into {key}")
    return removed and not left


def logout_all(settings: Settings, authfile: str = "") -> None:
    """Forget all credentials of the file."""
    auth_file.remove_all(authfile or default_file(settings))
