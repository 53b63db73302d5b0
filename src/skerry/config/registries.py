"""registries.conf, version 2: which servers are asked for a name (containers-registries.conf(5)).

The tables that only pulling and pushing need; where short names are looked for is part of `Settings`.
"""

from __future__ import annotations

from skerry.config import files, toml
from skerry.config.identity import Identity
from skerry.errors import Denied, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PULL_FROM_MIRROR = ("all", "digest-only", "tag-only")


class Endpoint:
    """One place to ask: ``location`` is host[:port][/path] of the repository, ``insecure`` allows HTTP and unknown CAs."""

    __slots__ = ("insecure", "location", "mirror")

    def __init__(self, location: str, *, insecure: bool = False, mirror: bool = False) -> None:
        self.location = location
        self.insecure = insecure
        self.mirror = mirror

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Endpoint) and (self.location, self.insecure, self.mirror) == (
            other.location, other.insecure, other.mirror,
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Endpoint({self.location!r}, insecure={self.insecure}, mirror={self.mirror})"


class Mirror:
    """A mirror of a registry and when it is used."""

    __slots__ = ("insecure", "location", "use")

    def __init__(self, location: str, *, insecure: bool, use: str) -> None:
        self.location = location
        self.insecure = insecure
        self.use = use


class Registry:
    """One ``[[registry]]``: what ``prefix`` stands for."""

    __slots__ = ("blocked", "insecure", "location", "mirrors", "prefix")

    def __init__(self, prefix: str, location: str, *, insecure: bool, blocked: bool, mirrors: list[Mirror]) -> None:
        self.prefix = prefix
        self.location = location
        self.insecure = insecure
        self.blocked = blocked
        self.mirrors = mirrors

    def matched(self, repository: str) -> int:
        """How many characters of ``repository`` (host/path) the prefix covers; 0: it is about others."""
        if self.prefix.startswith("*."):
            host = repository.partition("/")[0]
            suffix, _, path = self.prefix[1:].partition("/")
            if not host.endswith(suffix):
                return 0
            if path and not _begins(repository[len(host) + 1 :], path):
                return 0
            return len(host) + (len(path) + 1 if path else 0)
        return len(self.prefix) if _begins(repository, self.prefix) else 0


def _begins(text: str, prefix: str) -> bool:
    """Whether ``prefix`` is all of ``text`` or ends before a /, : or @ of it."""
    return text.startswith(prefix) and (len(text) == len(prefix) or text[len(prefix)] in "/:@")


def load(identity: Identity) -> list[Registry]:
    """All ``[[registry]]`` tables of the files that count; a later file's table replaces an earlier one's prefix."""
    found: dict[str, Registry] = {}
    paths, _stamps = files.find("registries", identity)
    for path in paths:
        tables = toml.read(path).get("registry", [])
        if not isinstance(tables, list):
            raise Invalid(f"{path}: registry: expected [[registry]] tables")
        for table in tables:
            registry = _registry(path, table)
            found[registry.prefix] = registry
    return list(found.values())


AUTH_FILES = "containers-auth.json"


def credential_helpers(identity: Identity) -> list[str]:
    """Where credentials are looked for, in order: programs, and `AUTH_FILES` for the auth files."""
    found = [AUTH_FILES]
    paths, _stamps = files.find("registries", identity)
    for path in paths:
        given = toml.read(path).get("credential-helpers")
        if given is not None:
            if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
                raise Invalid(f"{path}: credential-helpers: expected a list of strings")
            found = given or found
    return found


def _registry(path: str, table: Any) -> Registry:
    if not isinstance(table, dict):
        raise Invalid(f"{path}: registry: expected a table")
    location, prefix = _text(path, table, "location"), _text(path, table, "prefix")
    if not location and not prefix:
        raise Invalid(f"{path}: registry: both location and prefix are missing")
    if "*" in prefix and (not prefix.startswith("*.") or "*" in prefix[1:]):
        raise Invalid(
            f'{path}: registry: invalid prefix "{prefix}": wildcards stand only at the beginning (*.example.com)'
        )
    if not location and not prefix.startswith("*."):
        location = prefix
    mirrors = table.get("mirror", [])
    if not isinstance(mirrors, list):
        raise Invalid(f"{path}: registry.mirror: expected [[registry.mirror]] tables")
    digest_only = _truth(path, table, "mirror-by-digest-only")
    return Registry(
        prefix or location, location, insecure=_truth(path, table, "insecure"), blocked=_truth(path, table, "blocked"),
        mirrors=[_mirror(path, mirror, digest_only=digest_only) for mirror in mirrors],
    )  # fmt: skip


def _mirror(path: str, table: Any, *, digest_only: bool) -> Mirror:
    if not isinstance(table, dict) or not _text(path, table, "location"):
        raise Invalid(f"{path}: registry.mirror: a location is missing")
    use = _text(path, table, "pull-from-mirror") or ("digest-only" if digest_only else "all")
    if use not in _PULL_FROM_MIRROR:
        raise Invalid(f'{path}: registry.mirror: invalid pull-from-mirror "{use}"', hint=", ".join(_PULL_FROM_MIRROR))
    if digest_only and use != "digest-only":
        raise Invalid(f"{path}: registry.mirror: pull-from-mirror and mirror-by-digest-only contradict each other")
    return Mirror(_text(path, table, "location"), insecure=_truth(path, table, "insecure"), use=use)


def _text(path: str, table: dict[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise Invalid(f"{path}: registry.{key}: expected a string, found {toml.type_name(value)}")
    if "://" in value:
        raise Invalid(f'{path}: registry.{key}: "{value}" must not have a scheme')
    return value.rstrip("/")


def _truth(path: str, table: dict[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise Invalid(f"{path}: registry.{key}: expected true or false, found {toml.type_name(value)}")
    return value


def pull_endpoints(registries: Iterable[Registry], repository: str, *, by_digest: bool) -> list[Endpoint]:
    """Where to ask for ``repository`` (host[:port]/path), in order: its mirrors, then itself. `Denied` when blocked."""
    registry, covered = _longest(registries, repository)
    if registry is None:
        return [Endpoint(repository)]
    _refuse_blocked(registry, repository)
    rest = repository[covered:]
    result = [
        Endpoint(mirror.location + rest, insecure=mirror.insecure, mirror=True) for mirror in registry.mirrors
        if mirror.use == "all" or (mirror.use == "digest-only") == by_digest
    ]  # fmt: skip
    # A wildcard without a location leaves the name as it is.
    own = registry.location + rest if registry.location else repository
    return [*result, Endpoint(own, insecure=registry.insecure)]


def push_endpoint(registries: Iterable[Registry], repository: str) -> Endpoint:
    """Where ``repository`` is pushed to: never to a mirror. `Denied` when blocked."""
    registry, covered = _longest(registries, repository)
    if registry is None:
        return Endpoint(repository)
    _refuse_blocked(registry, repository)
    own = registry.location + repository[covered:] if registry.location else repository
    return Endpoint(own, insecure=registry.insecure)


def _longest(registries: Iterable[Registry], repository: str) -> tuple[Registry | None, int]:
    best, covered = None, 0
    for registry in registries:
        length = registry.matched(repository)
        # An exact prefix is more telling than a wildcard that covers as much.
        if length > covered or (length == covered and length and best is not None and best.prefix.startswith("*")):
            best, covered = registry, length
    return best, covered


def _refuse_blocked(registry: Registry, repository: str) -> None:
    if registry.blocked:
        raise Denied(f"registry {registry.prefix} is blocked in registries.conf", hint=f"asked for {repository}")
