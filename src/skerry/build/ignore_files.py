"""Which ignore file counts for a context: --ignorefile, the Containerfile's own, .containerignore, .dockerignore."""

from __future__ import annotations

import os

from skerry.build.language.ignore import Patterns, read_ignore_file
from skerry.errors import Invalid, NotFound
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine

_MOST = 4 << 20
_NAMES = (".containerignore", ".dockerignore")


@dataclass(frozen=True, slots=True)
class Ignored:
    """``patterns`` of ``file`` ("" when there is none)."""

    patterns: Patterns
    file: str = ""


def ignore_patterns(engine: Engine, options: BuildOptions, folder: str, *, main: bool) -> Ignored:
    """The patterns for a context at ``folder``. A named context has only its own ignore file. `Invalid`, `NotFound`."""
    if main and options.ignore_file:
        return _read(options.ignore_file)
    if main:
        for path in options.containerfiles:
            for name in (path + ".containerignore", path + ".dockerignore"):
                if path == "-" or "://" in path:
                    continue
                if os.path.isfile(name):
                    return _read(name)
                inside = os.path.relpath(name, folder) if os.path.isabs(name) else name
                if not inside.startswith("../") and (found := _inside(engine, folder, inside)) is not None:
                    return found
        if not options.containerfiles:
            for base in ("Containerfile", "Dockerfile"):
                if not os.path.lexists(f"{folder}/{base}"):
                    continue
                for suffix in _NAMES:
                    if (found := _inside(engine, folder, base + suffix)) is not None:
                        return found
                break
    for name in _NAMES:
        if (found := _inside(engine, folder, name)) is not None:
            return found
    return Ignored(Patterns([]))


def _inside(engine: Engine, folder: str, name: str) -> Ignored | None:
    """An ignore file in the context, which may be a stranger's: its links lead nowhere but inside."""
    if not os.path.lexists(f"{folder}/{name}"):
        return None
    try:
        data = engine.builds.read_file(folder, name, _MOST)
    except NotFound:
        return None
    return Ignored(_patterns(data, name), f"{folder}/{name}")


def _read(path: str) -> Ignored:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise NotFound(f"open {path}: {os.strerror(error.errno or 0).lower()}") from None
    if len(data) > _MOST:
        raise Invalid(f"{path} is larger than {_MOST >> 20} MiB")
    return Ignored(_patterns(data, path), path)


def _patterns(data: bytes, name: str) -> Patterns:
    try:
        return Patterns(read_ignore_file(data))
    except Invalid as error:
        raise Invalid(f"{name}: {error.message}") from None
