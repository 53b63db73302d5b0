"""Logging in to registries: the password is tried before it is kept."""

from __future__ import annotations

import os
from contextlib import closing

from skerry.config import identity, registries
from skerry.engine.images.transfer import Transfer
from skerry.errors import Denied, Invalid, NotFound, SkerryError
from skerry.image.registry import auth_file
from skerry.image.registry.client import Client
from skerry.image.registry.credentials import Credentials, default_file, find
from skerry.image.registry.endpoints import Endpoint
from skerry.image.registry.tls import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

__all__ = ["Place", "default_registry", "known", "login", "logout", "logout_all", "still_valid"]


def default_registry(settings: Settings) -> str:
    """What ``login`` without a registry means: the first unqualified-search registry."""
    return settings.search_registries[0] if settings.search_registries else "docker.io"


class Place:
    """The file in which logins are kept: ``named`` by a flag or by DOCKER_CONFIG, else where Podman keeps them.
    ``docker``: in the form that Docker reads, too."""

    __slots__ = ("docker", "named", "path")

    def __init__(self, settings: Settings, authfile: str = "", compat: str = "") -> None:
        if authfile and compat:
            raise Invalid(
                "options for paths to the credential file and to the Docker-compatible credential file can not be set "
                "simultaneously"
            )
        docker_config = os.environ.get("DOCKER_CONFIG")
        if not authfile and not compat and docker_config and not os.environ.get("REGISTRY_AUTH_FILE"):
            compat = os.path.join(docker_config, "config.json")
        self.docker = bool(compat)
        self.named = authfile or compat
        self.path = self.named or default_file(settings)

    def key(self, key: str) -> str:
        """What the file knows ``key`` by. `Invalid` for what Docker's file cannot hold."""
        return auth_file.docker_key(key) if self.docker else key

    def must_exist(self) -> None:
        """`Invalid` when a file was named that is not there."""
        if self.named and not os.path.exists(self.named):
            raise Invalid(f"credential file is not accessible: faccessat {self.named}: no such file or directory")


def known(settings: Settings, registry: str, place: Place) -> str:
    """The user that is logged in; empty when nobody is, ``<token>`` for an identity token."""
    found = _find(settings, auth_file.key_of(registry), place)
    return (found.user or ("<token>" if found.identity_token else "")) if found else ""


def _find(settings: Settings, key: str, place: Place) -> Credentials | None:
    host, _, path = key.partition("/")
    return find(settings, host, path, place.named, may_miss=True)


def still_valid(settings: Settings, registry: str, place: Place, transfer: Transfer) -> bool:
    """Whether the registry accepts the credentials that are kept for it."""
    key = auth_file.key_of(registry)
    found = _find(settings, key, place)
    if found is None:
        return False
    try:
        _check(settings, key, found, transfer)
    except Denied:
        return False
    return True


def login(
    settings: Settings, registry: str, user: str, password: str, place: Place, transfer: Transfer
) -> str:  # fmt: skip
    """Check the credentials with the registry and keep them; where. `Denied` when the registry refuses them."""
    key = auth_file.key_of(registry)
    kept = place.key(key)
    if not user:
        raise Invalid("cannot log in without a username")
    credentials = Credentials(user, password)
    _check(settings, key, credentials, transfer)
    first = registries.credential_helpers(identity.current())[0]
    if first != registries.AUTH_FILES:
        auth_file.tell_helper(first, key, credentials)
        return f"docker-credential-{first}"
    return auth_file.store(place.path, kept, credentials)


def _check(settings: Settings, key: str, credentials: Credentials, transfer: Transfer) -> None:
    host, _, path = key.partition("/")
    endpoint = Endpoint(
        host, path, insecure=registries.push_endpoint(registries.load(identity.current()), key).insecure
    )
    insecure = endpoint.insecure if transfer.tls_verify is None else not transfer.tls_verify
    trust = Trust(settings, host, endpoint.host, cert_dir=transfer.cert_dir, insecure=insecure)
    with closing(Client(endpoint, trust, credentials, transfer.limits)) as client:
        try:
            client.ping()
        except Denied as error:
            raise Denied(f'logging into "{key}": invalid username/password') from error
        except SkerryError as error:
            error.message = f'authenticating creds for "{key}": {error.message}'
            raise


def logout(settings: Settings, registry: str, place: Place) -> bool:
    """Forget credentials. False when there were none here, but another file (Docker's) has some. `NotFound`."""
    place.must_exist()
    key = auth_file.key_of(registry)
    removed = [
        auth_file.remove(place.path, place.key(key))
        if helper == registries.AUTH_FILES
        else auth_file.erase(helper, key)
        for helper in registries.credential_helpers(identity.current())
    ]
    if any(removed):
        return True
    if _find(settings, key, place) is None:
        raise NotFound(f"not logged into {key}")
    return False


def logout_all(place: Place) -> None:
    """Forget all credentials of the file."""
    place.must_exist()
    auth_file.remove_all(place.path)
