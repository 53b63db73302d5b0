"""Names without a registry: what they mean here, and where they are pulled from (containers-registries.conf(5)).

`local_candidates` is on the path of every command that takes an image: no TOML is parsed for it.
"""

from __future__ import annotations

import os

from skerry.errors import Denied, Invalid
from skerry.image.reference import DOCKER_HUB, Reference, complete, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.config.settings import Settings

    Choose = Callable[[list[str]], str]

MODES = ("disabled", "permissive", "enforcing")
_TRANSPORT = "docker://"
_MAX_FILE = 1 << 20


class Resolved:
    """The full names to try, in order. ``description`` says why these. ``alias_of``: the short name that is to mean
    what was chosen from now on; empty when nobody was asked."""

    __slots__ = ("alias_of", "candidates", "description")

    def __init__(self, candidates: list[Reference], description: str = "", alias_of: str = "") -> None:
        self.candidates = candidates
        self.description = description
        self.alias_of = alias_of


def local_candidates(settings: Settings, text: str) -> list[str]:
    """The full names that ``text`` may mean in the local store, most likely first: its alias, localhost, the
    unqualified-search registries."""
    reference = parse(text)
    if reference.domain:
        return [complete(reference)]
    names = []
    alias = alias_for(settings, reference.path)
    if alias:
        names.append(complete(_aliased(alias, reference)))
    for domain in ("localhost", *settings.search_registries, DOCKER_HUB):
        name = complete(reference, domain)
        if name not in names:
            names.append(name)
    return names


def alias_for(settings: Settings, path: str) -> str:
    """What ``path``, a short name without its tag, is an alias of; empty when it is none. What a user chose at a
    prompt counts before registries.conf."""
    chosen = _chosen(aliases_file(settings))
    if path in chosen:
        return chosen[path]
    found: str = settings.conf["registries"]["aliases"].get(path, "")
    return found


def aliases_file(settings: Settings) -> str:
    """Where the choices at prompts are kept."""
    if not settings.rootless:
        return "/var/cache/containers/short-name-aliases.conf"
    cache = os.environ.get("XDG_CACHE_HOME") or f"{settings.home}/.cache"
    return f"{cache}/containers/short-name-aliases.conf"


def _chosen(path: str) -> dict[str, str]:
    """The aliases of a file that only programs write: a line each, ``"name" = "value"``."""
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return {}  # there is none, or it cannot be read: then nothing was chosen
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            found[name.strip().strip("\"'")] = value.strip().strip("\"'")
    return found


def _aliased(alias: str, reference: Reference) -> Reference:
    try:
        target = parse(alias)
    except Invalid:
        target = None
    if target is None or not target.domain or target.tag or target.digest:
        raise Invalid(f'invalid alias "{reference.path}" = "{alias}": it must name a registry, and no tag')
    return Reference(target.domain, target.path, reference.tag, reference.digest)


def resolve(settings: Settings, text: str, choose: Choose | None = None) -> Resolved:
    """Where ``text`` is pulled from. ``choose`` asks the user which of several names is meant; without it nobody can
    be asked. `Invalid` when nothing can be meant, `Denied` when somebody must be asked."""
    name = text.removeprefix(_TRANSPORT)
    try:
        reference = parse(name)
    except Invalid as error:
        raise Invalid(f'parsing reference "{name}": {error.message}' if name else error.message) from None
    if reference.domain:
        return Resolved([full(reference)])
    if name != text:  # a transport was named, so there is nothing to guess
        return Resolved([full(reference, DOCKER_HUB)])
    alias = alias_for(settings, reference.path)
    if alias:
        origin = _origin_of_alias(settings, reference.path)
        return Resolved([full(_aliased(alias, reference))], f'Resolved "{reference.path}" as an alias ({origin})')
    return _search(settings, name, reference, choose)


def _search(settings: Settings, name: str, reference: Reference, choose: Choose | None) -> Resolved:
    mode = settings.conf["registries"]["short_name_mode"]
    if mode not in MODES:
        raise Invalid(f'invalid short-name mode: "{mode}"', hint=f"{_origin('short-name-mode')}: {', '.join(MODES)}")
    origin = _origin("unqualified-search-registries")
    domains = settings.search_registries
    if not domains:
        raise Invalid(
            f'short-name "{name}" did not resolve to an alias and no unqualified-search registries are defined in "{origin}"'
        )
    candidates = [full(reference, domain) for domain in domains]
    if len(candidates) > 1 and mode != "disabled":
        if choose is not None:
            chosen = choose([str(candidate) for candidate in candidates])
            return Resolved([full(parse(chosen))], alias_of=reference.path)
        if mode == "enforcing":
            raise Denied("short-name resolution enforced but cannot prompt without a TTY")
    why = f'Resolving "{reference.path}" using unqualified-search registries ({origin})' if origin else ""
    return Resolved(candidates, why)


def full(reference: Reference, domain: str = "") -> Reference:
    """With registry, path and tag all there. Name, tag and digest: the digest decides, the tag is dropped."""
    given = Reference(reference.domain or domain, reference.path, reference.tag, reference.digest)
    found = parse(complete(given))
    return Reference(found.domain or given.domain, found.path, found.tag, found.digest)


def _origin_of_alias(settings: Settings, name: str) -> str:
    chosen = aliases_file(settings)
    return chosen if name in _chosen(chosen) else _origin("aliases", name)


def _origin(key: str, name: str = "") -> str:
    """The last file that sets ``key`` (with ``name``: that has it in the table ``key``); empty when none does."""
    from skerry.config import files, identity, toml

    paths, _stamps = files.find("registries", identity.current())
    for path in reversed(paths):
        value = toml.read(path).get(key)
        if value is not None and (not name or (isinstance(value, dict) and name in value)):
            return path
    return ""


def remember(settings: Settings, name: str, target: Reference) -> None:
    """From now on the short name ``name`` means ``target``'s repository. ``OSError`` when it cannot be written."""
    import fcntl

    path = aliases_file(settings)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        aliases = {**_chosen(path), name: target.repository}
        aliases.pop("[aliases]", None)
        beside = f"{path}.{os.getpid()}"
        with open(beside, "w", encoding="utf-8") as file:
            file.write("[aliases]\n" + "".join(f'  "{key}" = "{value}"\n' for key, value in sorted(aliases.items())))
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
