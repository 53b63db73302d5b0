"""The packages in a root file system, as their package managers noted them: dpkg, apk, Python, npm.

Only what is installed counts, and only notes are read: no hashing, no guessing from file names. A scanner for another
kind is a function from a `Tree` to packages, listed in `SCANNERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from skerry import fastjson
from skerry.errors import Invalid, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

_MOST = 64 << 20
_DEEPEST = 40
# File systems of the kernel, and what is not part of an image.
_SKIPPED = ("proc", "sys", "dev", "run")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """``kind`` is the purl's type: deb, apk, pypi, npm. ``place`` is the file that tells of it."""

    kind: str
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    license: str = ""
    supplier: str = ""
    place: str = ""
    namespace: str = ""

    @property
    def purl(self) -> str:
        """The package's URL (package-url/purl-spec)."""
        namespace = f"{quote(self.namespace, safe='')}/" if self.namespace else ""
        words = [f"arch={quote(self.architecture)}"] if self.architecture else []
        query = "?" + "&".join(words) if words else ""
        return f"pkg:{self.kind}/{namespace}{quote(self.name, safe='')}@{quote(self.version, safe='')}{query}"


class Tree:
    """A root file system to read notes from. Whatever its links say, nothing outside of it is read."""

    def __init__(self, engine: Engine, path: str) -> None:
        self._builds = engine.builds
        self.path = path

    def read(self, path: str) -> str:
        """A file's text; "" when it is not there or no such thing."""
        try:
            return self._builds.read_file(self.path, path, _MOST).decode("utf-8", "replace")
        except (NotFound, Invalid):
            return ""

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted."""
        try:
            return sorted(os.listdir(self._builds.folder_in(self.path, folder)))
        except (NotFound, Invalid, OSError):
            return []

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """(folder, names of folders in it) everywhere, following no link; remove names not to go there."""
        top = len(self.path.rstrip("/")) + 1
        for base, folders, _files in os.walk(self.path):
            here = base[top:]
            if not here:
                folders[:] = [name for name in folders if name not in _SKIPPED]
            if here.count("/") > _DEEPEST:
                folders.clear()
            folders.sort()
            yield here, folders


def find_packages(engine: Engine, path: str) -> tuple[list[Package], dict[str, str]]:
    """(packages, sorted and each once; os-release's values) of the root file system at ``path``."""
    tree = Tree(engine, path)
    release = _release(tree)
    found = {package for scan in SCANNERS.values() for package in scan(tree, release)}
    return sorted(found), release


def _release(tree: Tree) -> dict[str, str]:
    text = tree.read("etc/os-release") or tree.read("usr/lib/os-release")
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _equals, value in pairs}


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Debian's control files (RFC 822 in paragraphs)."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.splitlines():
            if line[:1] in (" ", "\t"):
                continue
            key, colon, value = line.partition(":")
            if colon:
                fields[key.lower()] = value.strip()
        if fields:
            yield fields


def _dpkg(tree: Tree, release: dict[str, str]) -> Iterator[Package]:
    files = ["var/lib/dpkg/status"]
    files += [
        f"var/lib/dpkg/status.d/{name}" for name in tree.names("var/lib/dpkg/status.d") if not name.endswith(".md5sums")
    ]
    for path in files:
        for fields in _paragraphs(tree.read(path)):
            status = fields.get("status", "install ok installed")
            if "package" in fields and "version" in fields and status.endswith(" installed"):
                yield Package(
                    "deb", fields["package"], fields["version"], fields.get("architecture", ""),
                    fields.get("source", "").partition(" ")[0], "", fields.get("maintainer", ""), path,
                    release.get("ID", "debian"),
                )  # fmt: skip


def _apk(tree: Tree, release: dict[str, str]) -> Iterator[Package]:
    for path in ("lib/apk/db/installed", "usr/lib/apk/db/installed"):
        for block in tree.read(path).split("\n\n"):
            fields = {line[0]: line[2:] for line in block.splitlines() if line[1:2] == ":"}
            if "P" in fields and "V" in fields:
                yield Package(
                    "apk", fields["P"], fields["V"], fields.get("A", ""), fields.get("o", ""), fields.get("L", ""),
                    fields.get("m", ""), path, release.get("ID", "alpine"),
                )  # fmt: skip


def _python(tree: Tree, _release: dict[str, str]) -> Iterator[Package]:
    for here, folders in tree.walk():
        for name in list(folders):
            if name.endswith((".dist-info", ".egg-info")):
                folders.remove(name)
                path = f"{here}/{name}/" + ("METADATA" if name.endswith(".dist-info") else "PKG-INFO")
                fields = next(_paragraphs(tree.read(path)), {})
                if fields.get("name") and fields.get("version"):
                    canonical = fields["name"].lower().replace("_", "-").replace(".", "-")
                    license = fields.get("license-expression") or fields.get("license", "")
                    yield Package("pypi", canonical, fields["version"], license=license, place=path)


def _npm(tree: Tree, _release: dict[str, str]) -> Iterator[Package]:
    for here, folders in tree.walk():
        if here.rpartition("/")[2] != "node_modules":
            continue
        packages = [name for name in folders if not name.startswith((".", "@"))]
        packages += [
            f"{scope}/{name}" for scope in folders if scope.startswith("@") for name in tree.names(f"{here}/{scope}")
        ]
        for name in packages:
            path = f"{here}/{name}/package.json"
            try:
                document = fastjson.loads(tree.read(path) or "{}")
            except (ValueError, SkerryError):
                continue
            if (
                isinstance(document, dict)
                and isinstance(document.get("version"), str)
                and isinstance(document.get("name"), str)
            ):
                scope, slash, rest = document["name"].partition("/")
                license = document.get("license")
                yield Package(
                    "npm", rest if slash else scope, document["version"], place=path, namespace=scope if slash else "",
                    license=license if isinstance(license, str) else "",
                )  # fmt: skip


SCANNERS: dict[str, Callable[[Tree, dict[str, str]], Iterator[Package]]] = {
    "dpkg": _dpkg, "apk": _apk, "python": _python, "npm": _npm,
}  # fmt: skip
