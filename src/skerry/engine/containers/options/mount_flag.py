"""``--mount type=…,key=value,…``: bind, glob, volume, image, tmpfs, ramfs, devpts and artifact."""

from __future__ import annotations

import os

from skerry.engine.containers.options.mount_words import checked, completed
from skerry.engine.containers.options.volume_flag import anonymous, bind, clean, named, tmpfs
from skerry.errors import Invalid, NotFound
from skerry.runtime.mount_options import PROPAGATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

_BAD = "invalid mount option"
_NO_VALUE = "must provide an argument for option"
_ONE_OF = (
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("nosuid", "suid"),
    ("tmpcopyup", "notmpcopyup"),
    ("noswap",),
    ("noatime",),
)
_PLAIN = frozenset(
    (*PROPAGATION, "z", "Z", "no-dereference", "copy", "nocopy", "nocreate", *(w for words in _ONE_OF for w in words))
)
# Which types know what; the others' words are said not to be supported, as Podman does.
_ONLY = {
    "bind-nonrecursive": ("bind",), "bind-propagation": ("bind",), "tmpcopyup": ("tmpfs",), "notmpcopyup": ("tmpfs",),
    "tmpfs-mode": ("tmpfs",), "tmpfs-size": ("tmpfs",), "volume-label": ("volume",), "volume-opt": ("volume",),
    "nocreate": ("volume",),
}  # fmt: skip


def parse_mount(item: str, engine: Engine | None = None) -> list[MountConfig]:
    """The mounts that one ``--mount`` asks for: several only for a glob. `Invalid`, `NotFound`.

    ``engine`` is asked for images."""
    kind, tokens = _type_of(item)
    if kind == "image":
        from skerry.engine.containers.options.image_mount import image_mount

        return [image_mount(tokens, engine)]
    if kind == "devpts":
        return [_devpts(tokens)]
    if kind == "artifact":
        raise _no_artifact(tokens)
    if kind not in ("bind", "glob", "volume", "tmpfs", "ramfs"):
        raise Invalid(f'invalid filesystem type "{kind}"')
    rootless = engine is not None and engine.settings.rootless
    return _Given(kind, rootless=rootless).read(tokens).mounts()


def _type_of(item: str) -> tuple[str, list[str]]:
    from skerry.engine.csv import CSVError, read_record

    try:
        tokens = read_record(item)
    except CSVError as error:
        raise Invalid(str(error)) from None
    kinds = [token.partition("=")[2] for token in tokens if token.partition("=")[0] == "type"]
    if len(kinds) > 1:
        raise Invalid("mount type can only be given once")
    if kinds and not kinds[0]:
        raise Invalid(f'mount type cannot be empty: incorrect mount format: "{item}"')
    return kinds[0] if kinds else "volume", [token for token in tokens if token.partition("=")[0] != "type"]


class _Given:
    """What the tokens of a mount say, one after the other."""

    def __init__(self, kind: str, *, rootless: bool) -> None:
        self.kind = kind
        self.rootless = rootless
        self.source = self.destination = self.subpath = ""
        self.words: list[str] = []
        self.driver_options: dict[str, str] = {}
        self._once: set[str] = set()

    def read(self, tokens: Sequence[str]) -> _Given:
        for token in tokens:
            name, equals, value = token.partition("=")
            if name in _ONLY and self.kind not in _ONLY[name]:
                raise Invalid(f'"{name}" option not supported for "{self.kind}" mount types')
            self._take(name, value if equals else None, token)
        if not self.destination and self.kind != "glob":
            raise Invalid("must set volume destination")
        return self

    def _take(self, name: str, value: str | None, token: str) -> None:
        if name in ("src", "source"):
            self._take_source(name, value)
        elif name in ("dst", "dest", "destination", "target"):
            self._first("target", f'cannot pass "{name}" option more than once: {_NO_VALUE}')
            self.destination = clean(_needed(name, value))
        elif name in ("ro", "rw", "readonly"):
            self._first("ro", f"cannot pass 'readonly', 'ro', or 'rw' mnt.Options more than once: {_NO_VALUE}")
            self.words += _writable(name, value, self.kind)
        elif name in ("U", "chown"):
            self._first("U", f"cannot pass 'U' or 'chown' option more than once: {_NO_VALUE}")
            self.words += ["U"] if _chown(value) else []
        elif name in ("subpath", "volume-subpath"):
            if self.kind != "volume":
                raise Invalid(f'cannot set option "{name}" on non-volume mounts')
            self.subpath = _needed(name, value)
        else:
            self._take_word(name, value, token)

    def _take_source(self, name: str, value: str | None) -> None:
        if self.kind in ("tmpfs", "ramfs"):
            raise Invalid(f'"{name}" option not supported for "{self.kind}" mount types')
        self._first("source", f'cannot pass "{name}" option more than once: {_NO_VALUE}')
        self.source = _needed(name, value)
        if not self.source:
            raise Invalid(f"host directory cannot be empty: {_NO_VALUE}")

    def _take_word(self, name: str, value: str | None, token: str) -> None:
        if name == "consistency":
            return  # Docker Desktop's
        if name == "bind-nonrecursive":
            self.words += ["bind"] if _true(name, value) else []
        elif name == "bind-propagation":
            if _needed(name, value) not in PROPAGATION:
                raise Invalid(f'invalid value "{token}"')
            self.words.append(str(value))
        elif name == "relabel":
            self._first("relabel", f"cannot pass 'relabel' option more than once: {_NO_VALUE}")
            if value not in ("shared", "private"):
                raise Invalid(f"relabel mount option must be 'private' or 'shared': {_BAD}")
            self.words.append("z" if value == "shared" else "Z")
        elif name == "idmap":
            self.words += _idmap(value)
        elif name in ("tmpfs-mode", "tmpfs-size"):
            self.words.append(f"{name.removeprefix('tmpfs-')}={_needed(name, value)}")
        elif name == "volume-opt":
            key, _, text = _needed(name, value).partition("=")
            self.driver_options[key] = text
        elif name == "volume-label":
            raise Invalid("the --volume-label option is not presently implemented")
        elif name in _PLAIN and value is None:
            self._plain(name)
        else:
            raise Invalid(f"{name}: {_BAD}")

    def _plain(self, name: str) -> None:
        for words in _ONE_OF:
            if name in words:
                both = " and ".join(f"'{word}'" for word in words)
                self._first(words[0], f"cannot pass {both} mnt.Options more than once: {_NO_VALUE}")
        if name == "noswap" and self.rootless:
            raise Invalid(f"the 'noswap' option is only allowed with rootful tmpfs mounts: {_NO_VALUE}")
        self.words.append(name)

    def _first(self, what: str, otherwise: str) -> None:
        if what in self._once:
            raise Invalid(otherwise)
        self._once.add(what)

    def mounts(self) -> list[MountConfig]:
        """As mounts, their words completed."""
        if self.kind == "tmpfs":
            return [tmpfs(self.destination, self.words, rootless=self.rootless)]
        if self.kind == "ramfs":
            return [
                {"type": "ramfs", "source": "ramfs", "destination": self.destination, "options": _of_ramfs(self.words)}
            ]
        if self.kind == "bind":
            return [bind(self.source or self.destination, self.destination, _bound(self.words))]
        if self.kind == "glob":
            return self._globbed()
        make = (
            named(self.source, self.destination, self.words) if self.source else anonymous(self.destination, self.words)
        )
        if self.subpath:
            make["subpath"] = self.subpath
        if self.driver_options:
            make["driver_options"] = self.driver_options
        return [make]

    def _globbed(self) -> list[MountConfig]:
        from glob import glob

        found = sorted(glob(self.source))
        if not found:
            raise NotFound(f'no file paths matching glob "{self.source}"')
        words = _bound(self.words)
        result = []
        for path in found:
            target = os.path.join(self.destination, os.path.basename(path)) if self.destination else path
            result.append(bind(path, clean(os.path.abspath(target)), list(words)))
        return result


def _bound(words: list[str]) -> list[str]:
    """``rro`` is Skerry's: the others' check does not know it."""
    recursive = [word for word in words if word == "rro"]
    return checked([word for word in words if word != "rro"]) + recursive


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise Invalid(f"{name}: {_NO_VALUE}")
    return value


def _writable(name: str, value: str | None, kind: str) -> list[str]:
    """``ro=recursive`` is Docker's bind-recursive=readonly: what is mounted below is read-only as well."""
    text = "true" if value is None else value.lower()
    if text == "recursive" and name != "rw" and kind in ("bind", "glob"):
        return ["ro", "rro"]
    if text not in ("true", "false"):
        raise Invalid(f'{name} must be true or false, instead received "{value}": {_BAD}')
    word = "rw" if name == "rw" else "ro"
    if text == "true":
        return [word]
    return ["ro"] if word == "rw" else []


def _chown(value: str | None) -> bool:
    if (value or "true").lower() not in ("true", "false"):
        raise Invalid(f"'U' or 'chown' must be set to true or false, instead received \"{value}\": {_NO_VALUE}")
    return (value or "true").lower() == "true"


def _true(name: str, value: str | None) -> bool:
    if (value or "true").lower() not in ("true", "false", "1", "0"):
        raise Invalid(f'{name} must be true or false, instead received "{value}": {_BAD}')
    return (value or "true").lower() in ("true", "1")


def _idmap(value: str | None) -> list[str]:
    if value == "false":
        return []
    return ["idmap"] if value in (None, "true") else [f"idmap={value}"]


def _of_ramfs(words: list[str]) -> list[str]:
    """The kernel's ramfs has no size; what is said of its owner follows from the user."""
    completed([word for word in words if word not in ("tmpcopyup", "notmpcopyup")], kind="tmpfs")
    return words


def _devpts(tokens: Sequence[str]) -> MountConfig:
    words, destination = [], ""
    for token in tokens:
        name, equals, value = token.partition("=")
        if name in ("uid", "gid", "mode", "ptmxmode", "newinstance", "max"):
            words.append(token)
        elif name in ("dst", "dest", "destination", "target"):
            destination = clean(_needed(name, value if equals else None))
        else:
            raise Invalid(f"{name}: {_BAD}")
    if not destination:
        raise Invalid("must set volume destination")
    return {"type": "devpts", "source": "devpts", "destination": destination, "options": words}


def _no_artifact(tokens: Sequence[str]) -> Invalid:
    given = dict(token.partition("=")[::2] for token in tokens)
    source = given.get("src") or given.get("source")
    if not source or not ({"dst", "dest", "destination", "target"} & given.keys()):
        return Invalid("must set source and destination for artifact volume")
    return Invalid(
        f"{source}: artifact does not exist", hint="Skerry keeps no artifacts: copy its files and use type=bind"
    )
