"""Where a build's files come from: the main context and the named ones, each a folder on this machine in the end.

``with open_contexts(engine, options, report) as contexts``: ``contexts.main`` is there; ``contexts.named(name)`` is
fetched when a step first asks for it, and thread-safe. What was fetched is gone at the end.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from contextlib import ExitStack

from skerry.build.download import Download, is_url
from skerry.build.events import Note
from skerry.build.ignore_files import ignore_patterns
from skerry.build.redact import redacted
from skerry.build.stdin import open_stdin
from skerry.errors import Invalid, NotFound, SkerryError
from skerry.records import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import BinaryIO

    from skerry.build.containerfiles import Containerfile
    from skerry.build.events import Event
    from skerry.build.git import GitURL
    from skerry.build.language.ignore import Patterns
    from skerry.build.options import BuildOptions
    from skerry.engine.engine import Engine

_HEAD = 512
_MOST_CONTAINERFILE = 16 << 20
_IMAGE = ("docker-image://", "container-image://", "docker://")


@dataclass(frozen=True, slots=True)
class Context:
    """A folder of files for COPY and for binds. ``own``: it was fetched for this build, and nobody changes it.

    ``origin`` is what the user called it (without secrets), ``commit`` of a git repository."""

    folder: str
    patterns: Patterns
    origin: str
    own: bool = False
    commit: str = ""
    ignore_file: str = ""


@dataclass(frozen=True, slots=True)
class ImageContext:
    """A named context that is an image: ``reference`` as `engine.images.pull` takes it."""

    reference: str


class Contexts:
    """See `open_contexts`."""

    def __init__(self, engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> None:
        self._engine = engine
        self._options = options
        self._report = report
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._known: dict[str, Context | ImageContext] = {}
        self._stdin_used = False
        self.containerfile: bytes | None = None  # when the context argument itself was one
        self.read: list[Containerfile] = []  # noted by `read_containerfiles`
        self.main: Context

    def __enter__(self) -> Contexts:
        try:
            self.main = self._open(self._options.context, main=True)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def named(self, name: str) -> Context | ImageContext | None:
        """The ``--build-context`` of that name (or of the image's name, ``docker.io/library/`` apart), fetched now if it
        was not; None when there is none."""
        value = self._options.build_contexts.get(name)
        if value is None:
            value = self._options.build_contexts.get(_short(name))
        if value is None:
            return None
        with self._lock:
            if name not in self._known:
                from skerry.engine.engine import Engine

                # A step's thread asks, and a database connection is one thread's.
                own, mine = self._engine, Engine(self._engine.settings, warn=self._engine.warn, log=self._engine.log)
                self._engine = mine
                try:
                    self._known[name] = self._image(value) or self._open(value, main=False)
                finally:
                    self._engine = own
            return self._known[name]

    def read_stdin(self) -> bytes:
        """A Containerfile from standard input, which can be only one thing. `Invalid`."""
        data = self._stdin().read(_MOST_CONTAINERFILE + 1)
        if len(data) > _MOST_CONTAINERFILE:
            raise Invalid("the Containerfile on standard input is larger than 16 MiB")
        return data

    # What a context may be

    def _open(self, value: str, *, main: bool) -> Context:
        if value == "-":
            return self._from_stream(self._stdin(), "-", main=main)
        if ":" in value or value.startswith("github.com/"):
            from skerry.build import git

            url = git.parse(value)
            if url is not None:
                return self._from_git(url, main=main)
        if is_url(value):
            self._report(Note(f"Downloading {redacted(value)}"))
            download = Download(value, cancelled=self._options.cancelled)
            with io.BufferedReader(download, 1 << 18) as stream:
                return self._from_stream(stream, redacted(value), main=main)
        return self._from_folder(value, main=main)

    def _image(self, value: str) -> ImageContext | None:
        for prefix in _IMAGE:
            if value.startswith(prefix):
                return ImageContext(value[len(prefix) :])
        if value.startswith("oci-layout://"):
            return ImageContext(layout_reference(value.removeprefix("oci-layout://")))
        return None

    def _from_folder(self, path: str, *, main: bool) -> Context:
        absolute = os.path.abspath(path)
        try:
            status = os.stat(absolute)
        except OSError as error:
            if main and isinstance(error, FileNotFoundError):
                raise NotFound(f'context must be a directory: "{absolute}"') from None
            raise NotFound(f"stat {absolute}: {(os.strerror(error.errno or 0)).lower()}") from None
        if not stat.S_ISDIR(status.st_mode):
            raise Invalid(f'context must be a directory: "{absolute}"')
        return self._context(os.path.realpath(absolute), path, main=main)

    def _from_git(self, url: GitURL, *, main: bool) -> Context:
        from skerry.build import git

        self._report(Note(f"Fetching {url}"))
        folder = self._folder() + "/tree"
        if main and self._options.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") in ("1", "true"):
            url = replace(url, keep_git_dir=True)
        secrets = {name: self._options.secrets.get(name) for name in ("GIT_AUTH_TOKEN", "GIT_AUTH_HEADER")}
        commit = git.clone(
            url, folder, token=_secret(secrets["GIT_AUTH_TOKEN"]), header=_secret(secrets["GIT_AUTH_HEADER"]),
            ssh_socket=self._options.ssh.get("default", ""), cancelled=self._options.cancelled,
        )  # fmt: skip
        if url.subdir:
            try:
                folder = self._engine.builds.folder_in(folder, url.subdir)
            except SkerryError as error:
                raise NotFound(f"{url}: {error.message}") from None
        return self._context(folder, str(url), main=main, own=True, commit=commit)

    def _from_stream(self, stream: BinaryIO, origin: str, *, main: bool) -> Context:
        """A tar, or (for the main context) a Containerfile without any context."""
        from skerry.engine.builds.context_files import archive_kind

        head = _read(stream, _HEAD)
        folder = self._folder() + "/tree"
        os.mkdir(folder, 0o755)
        if archive_kind(head):
            self._engine.builds.unpack(stream, folder, head=head)
            return self._context(folder, origin, main=main, own=True)
        where = "standard input" if origin == "-" else origin
        if not main or b"\0" in head:
            raise Invalid(f"{where} is no tar archive" + (" and no Containerfile" if main else ""))
        if origin == "-" and self._options.containerfiles:
            raise Invalid(f"{where} is no tar archive, and the Containerfile is another file")
        self.containerfile = head + stream.read(_MOST_CONTAINERFILE)
        if not self.containerfile.strip():
            raise Invalid(f"{where} is empty: neither a Containerfile nor a tar archive")
        return self._context(folder, origin, main=main, own=True)

    def _context(self, folder: str, origin: str, *, main: bool, own: bool = False, commit: str = "") -> Context:
        found = ignore_patterns(self._engine, self._options, folder, main=main)
        return Context(folder, found.patterns, origin, own, commit, found.file)

    # Where things are put, and standard input

    def _folder(self) -> str:
        return self._stack.enter_context(self._engine.builds.staging()).path

    def _stdin(self) -> BinaryIO:
        if self._stdin_used:
            raise Invalid("standard input can be the context or the Containerfile, not both")
        self._stdin_used = True
        return self._options.stdin or open_stdin(self._options.cancelled)


def open_contexts(engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> Contexts:
    """The contexts of a build, as a context manager. `NotFound`, `Invalid`, `Unavailable`, `Corrupt`."""
    return Contexts(engine, options, report)


def layout_reference(text: str) -> str:
    """``PATH[:TAG][@DIGEST]`` as the oci: transport has it. `NotFound`, `Invalid`."""
    from skerry import fastjson

    path, _at, digest = text.partition("@")
    folder, tag = path, ""
    if not os.path.isdir(path):
        folder, _colon, tag = path.rpartition(":")
    if not folder or not os.path.isfile(folder + "/index.json"):
        raise NotFound(f"oci-layout://{text}: {folder or path} is no OCI layout")
    if not digest:
        return f"oci:{folder}:{tag}" if tag else f"oci:{folder}"
    try:
        with open(folder + "/index.json", encoding="utf-8") as file:
            manifests = fastjson.loads(file.read())["manifests"]
        index = next(n for n, item in enumerate(manifests) if item["digest"] == digest)
    except StopIteration:
        raise NotFound(f"oci-layout://{text}: the layout has no {digest}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Invalid(f"oci-layout://{text}: its index.json is damaged") from None
    return f"oci:{folder}:@{index}"


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, or all there are."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _short(name: str) -> str:
    """An image's name as people write it."""
    name = name.removeprefix("docker.io/").removeprefix("library/")
    return name.removesuffix(":latest")


def _secret(secret: object) -> str:
    from skerry.build.options import Secret
    from skerry.build.secrets import read_secret

    return read_secret(secret).decode("utf-8", "replace").strip() if isinstance(secret, Secret) else ""
