"""Names of images: ``[registry[:port]/]path[:tag][@digest]``, by the distribution project's grammar.

On the path of every command that takes an image, so without ``re``.
"""

from __future__ import annotations

from skerry.errors import Invalid

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_TAG = _WORD | frozenset(".-")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
HEX = frozenset("0123456789abcdef")
DOCKER_HUB = "docker.io"


class Reference:
    """A parsed name: ``domain`` is empty for a short name, ``tag`` and ``digest`` where none was given."""

    __slots__ = ("digest", "domain", "path", "tag")

    def __init__(self, domain: str, path: str, tag: str, digest: str) -> None:
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest

    @property
    def repository(self) -> str:
        """The name without tag and digest."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    def __str__(self) -> str:
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """The parts of ``text``. `Invalid` in the words of Docker and Podman."""
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise Invalid("invalid reference format")
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = head
        if not tag or len(tag) > 128 or not _TAG.issuperset(tag) or tag[0] in ".-":
            raise Invalid("invalid reference format")
    else:
        tag = ""
    domain, slash, path = name.partition("/")
    if not slash or not is_domain(domain):
        domain, path = "", name
    _check_path(path)
    if len(name) > 255:
        raise Invalid("repository name must not be more than 255 characters")
    return Reference(domain, path, tag, digest)


def is_domain(text: str) -> bool:
    """Whether the first part of a name is a registry: it has a dot, a port, capitals, or is localhost."""
    if "." not in text and ":" not in text and text != "localhost" and text == text.lower():
        return False
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host = text
    elif not port.isdecimal() or not port.isascii():
        return False
    if host.startswith("[") and host.endswith("]"):
        return set(host[1:-1]) <= set("0123456789abcdefABCDEF:")
    labels = host.split(".")
    return all(label and _HOST.issuperset(label) and label[0] != "-" and label[-1] != "-" for label in labels)


def is_digest(text: str) -> bool:
    """Whether this is ``sha256:`` and 64 lower hexadecimal digits."""
    return text.startswith("sha256:") and len(text) == 71 and HEX.issuperset(text[7:])


def _check_path(path: str) -> None:
    if len(path) == 64 and HEX.issuperset(path):
        raise Invalid(f"invalid repository name ({path}), cannot specify 64-byte hexadecimal strings")
    if path != path.lower() and all(map(_component, path.lower().split("/"))):
        raise Invalid("invalid reference format: repository name must be lowercase")
    if not all(map(_component, path.split("/"))):
        raise Invalid("invalid reference format")


def _component(text: str) -> bool:
    """Lower letters and digits, separated by one ``.``, one or two ``_``, or any number of ``-``."""
    if not text or text[0] not in _LOWER or text[-1] not in _LOWER:
        return False
    separator = ""
    for char in text:
        if char in _LOWER:
            if separator not in ("", ".", "_", "__") and separator.strip("-"):
                return False
            separator = ""
        elif char in "._-":
            separator += char
        else:
            return False
    return True


def complete(reference: Reference, domain: str = "") -> str:
    """The full name: Docker Hub's ``library/`` and ``:latest`` filled in; ``domain`` for a short name."""
    domain = reference.domain or domain
    path = reference.path
    if domain in (DOCKER_HUB, "index.docker.io"):
        domain = DOCKER_HUB
        if "/" not in path:
            path = "library/" + path
    tag = reference.tag or ("" if reference.digest else "latest")
    digest = f"@{reference.digest}" if reference.digest else ""
    return f"{domain}/{path}" + (f":{tag}" if tag and not digest else "") + digest


def normalise(text: str) -> str:
    """The full name that ``text`` gives an image (tag, load, build): short names become ``localhost/…``."""
    try:
        return complete(parse(text), "localhost")
    except Invalid as error:
        raise Invalid(f'normalizing name "{text}": {error.message}' if text else error.message) from None


def repository_of(name: str) -> str:
    """A full name without its tag or digest."""
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def tag_of(name: str) -> str:
    """The tag of a full name, ``<none>`` for one by digest."""
    if "@" in name:
        return "<none>"
    head, colon, tag = name.rpartition(":")
    del head
    return tag if colon and "/" not in tag else "<none>"
