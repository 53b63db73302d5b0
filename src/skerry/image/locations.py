"""Places of images as users name them: ``TRANSPORT:WHERE[:WHICH]`` (containers-transports(5)).

What names no transport, and ``docker://``, is a registry's; `parse` says None to it.
"""

from __future__ import annotations

from skerry.errors import Invalid, Unsupported
from skerry.image.reference import DOCKER_HUB, complete
from skerry.image.reference import parse as parse_reference

DOCKER_ARCHIVE, OCI_ARCHIVE, OCI, DIR, STORAGE = "docker-archive", "oci-archive", "oci", "dir", "containers-storage"
_KNOWN = (DOCKER_ARCHIVE, OCI_ARCHIVE, OCI, DIR, STORAGE)
# Known to Podman; an image can hardly be meant.
_REFUSED = ("atomic", "docker-daemon", "ostree", "sif", "tarball")
_MAX_INDEX_DIGITS = 9


class Location:
    """``path`` of an archive or folder, or a name in the local store; which image there: by ``reference`` (a full
    name for docker-archives, a text for OCI layouts) or by ``index``. Neither: the only one."""

    __slots__ = ("index", "path", "reference", "transport")

    def __init__(self, transport: str, path: str, reference: str = "", index: int | None = None) -> None:
        self.transport = transport
        self.path = path
        self.reference = reference
        self.index = index

    def __str__(self) -> str:
        which = f":@{self.index}" if self.index is not None else f":{self.reference}" if self.reference else ""
        return f"{self.transport}:{self.path}{which}"


def transport_of(text: str) -> str:
    """The transport that ``text`` names; empty for a registry's image. `Unsupported` for those that are not served."""
    transport, colon, _rest = text.partition(":")
    if not colon or transport not in (*_KNOWN, *_REFUSED):
        return ""
    if transport in _REFUSED:
        raise Unsupported(f'unsupported transport "{transport}"', hint=", ".join(("docker", *_KNOWN)))
    return transport


def parse(text: str) -> Location | None:
    """The place that ``text`` names, None for a registry's. `Invalid` in Podman's words."""
    transport = transport_of(text)
    if not transport:
        return None
    rest = text[len(transport) + 1 :]
    if transport == STORAGE:
        return Location(transport, rest)
    if transport == DIR:
        return Location(transport, rest)
    path, _colon, which = rest.partition(":")
    if not path:
        raise Invalid(f"{transport} reference {rest} isn't of the form <path>[:<reference>]")
    if which.startswith("@"):
        return Location(transport, path, index=_index(which))
    if transport == DOCKER_ARCHIVE and which:
        which = _full_name(which)
    return Location(transport, path, which)


def _index(text: str) -> int:
    digits = text[1:]
    if digits.startswith("-") and digits[1:].isdecimal():
        raise Invalid(f"Invalid source index {text}: must not be negative")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _MAX_INDEX_DIGITS:
        raise Invalid(f'Invalid source index {text}: strconv.Atoi: parsing "{digits}": invalid syntax')
    return int(digits)


def _full_name(text: str) -> str:
    try:
        reference = parse_reference(text)
    except Invalid as error:
        raise Invalid(f"{DOCKER_ARCHIVE} parsing reference: {error.message}") from None
    if reference.digest:
        raise Invalid(f"{DOCKER_ARCHIVE} parsing reference: {text} has a digest, which archives cannot hold")
    return complete(reference, DOCKER_HUB)


def storage_name(location: Location, root: str) -> str:
    """The name in the local store of a containers-storage location: ``[DRIVER@ROOT+RUNROOT:OPTIONS]`` may stand
    before it, if that is this store. `Unsupported` for other stores."""
    name = location.path
    if name.startswith("["):
        store, bracket, name = name[1:].partition("]")
        place = store.partition("@")[2] or store
        place = place.partition("+")[0].partition(":")[0]
        if not bracket or (place and place.rstrip("/") != root.rstrip("/")):
            raise Unsupported(f"{location}: only this store ({root}) can be read", hint="save and load move images")
    if not name or name == "@":
        raise Invalid(f'"{name}" is an empty reference: invalid reference')
    return name.removeprefix("@")
