"""Which Containerfiles a build reads, and their text: -f (files, URLs, ``-``), the context's own, ``.in`` through cpp."""

from __future__ import annotations

import os
import stat

from skerry.build.download import is_url, read_url
from skerry.build.redact import redacted
from skerry.errors import Invalid, NotFound, SkerryError, Unavailable
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.contexts import Contexts
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine

_MOST = 16 << 20
_NAMES = ("Containerfile", "Dockerfile", "dockerfile")


@dataclass(frozen=True, slots=True)
class Containerfile:
    """One file's text. ``name`` as messages have it."""

    name: str
    data: bytes


def read_containerfiles(engine: Engine, options: BuildOptions, contexts: Contexts) -> list[Containerfile]:
    """What a build is made of, in order. `NotFound`, `Invalid` in Podman's words."""
    folder = contexts.main.folder
    if contexts.containerfile is not None:
        found = [Containerfile("Containerfile", contexts.containerfile)]
    elif options.containerfiles:
        found = [_one(engine, options, contexts, path) for path in options.containerfiles]
    else:
        found = [_discovered(engine, folder)]
    contexts.read = [_preprocessed(engine, item, folder, options.cpp_flags) for item in found]
    return contexts.read


def _discovered(engine: Engine, folder: str) -> Containerfile:
    astray = ""
    for name in _NAMES:
        if os.path.lexists(f"{folder}/{name}"):
            try:
                return _checked(Containerfile(name, engine.builds.read_file(folder, name, _MOST)))
            except NotFound:
                astray = astray or name
    if astray:
        raise NotFound(
            f"cannot find Containerfile or Dockerfile in context directory: {folder}/{astray} links to no file in it"
        )
    raise NotFound(
        f"no Containerfile or Dockerfile specified or found in context directory, {folder}: no such file or directory"
    )


def _one(engine: Engine, options: BuildOptions, contexts: Contexts, path: str) -> Containerfile:
    if path == "-":
        return _checked(Containerfile("-", contexts.read_stdin()))
    if is_url(path):
        return _checked(Containerfile(redacted(path), read_url(path, _MOST, cancelled=options.cancelled)))
    if not contexts.main.own and os.path.lexists(path):
        return _checked(Containerfile(path, _local(path)))
    # Beside us, or in the context; in a context that was fetched, only there, and its links lead nowhere else.
    inside = os.path.relpath(path, contexts.main.folder) if os.path.isabs(path) and not contexts.main.own else path
    try:
        if inside.startswith("../"):
            raise NotFound(path)
        return _checked(Containerfile(path, engine.builds.read_file(contexts.main.folder, inside, _MOST)))
    except NotFound:
        if contexts.main.own and os.path.isfile(path):
            return _checked(Containerfile(path, _local(path)))
        raise NotFound(
            f"the specified Containerfile or Dockerfile does not exist, {path}: no such file or directory"
        ) from None
    except SkerryError as error:
        error.message = f"the specified Containerfile: {error.message}"
        raise


def _local(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(f"open {path}: {os.strerror(error.errno or 0).lower()}") from None
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise Invalid(f'containerfile: "{path}" cannot be path to a directory')
    with open(fd, "rb") as file:
        data = file.read(_MOST + 1)  # a fifo, too: `-f <(generate)`
    if len(data) > _MOST:
        raise Invalid(f"{path} is larger than {_MOST >> 20} MiB")
    return data


def _checked(item: Containerfile) -> Containerfile:
    if not item.data.strip():
        raise Invalid(f'no contents in "{item.name}"')
    return item


def _preprocessed(engine: Engine, item: Containerfile, folder: str, flags: list[str]) -> Containerfile:
    """``.in`` files are C preprocessor input, as Podman has it."""
    if not item.name.endswith(".in"):
        return item
    import shlex
    import subprocess

    flags = [*shlex.split(os.environ.get("BUILDAH_CPPFLAGS", "")), *flags]
    command = ["cpp", "-E", "-iquote", folder, "-traditional", "-undef", *flags, "-"]
    try:
        done = subprocess.run(command, input=item.data, capture_output=True, check=False)
    except FileNotFoundError:
        raise Unavailable(f"{item.name} goes through cpp, which is not installed", hint="install cpp") from None
    problem = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode:
        if not done.stdout:
            raise Invalid(f"preprocessing {item.name}: preprocessor produced no output: {problem}")
        engine.log(f"Ignoring {problem}")  # as Podman: #error ends nothing
    # Line markers are comments to the parser; blank them, so that positions are those of the output.
    lines = [b"" if line.startswith(b"# ") and line[2:3].isdigit() else line for line in done.stdout.split(b"\n")]
    return Containerfile(item.name, b"\n".join(lines))
