"""ADD's sources that are elsewhere: URLs and git repositories. Each is fetched once a build."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from hashlib import new as new_hash
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from skerry.build import git
from skerry.build.download import Download, is_url, tls_of
from skerry.build.events import Warned
from skerry.build.keys import digest as digest_of
from skerry.build.redact import redacted
from skerry.engine.builds.copying import Inline
from skerry.engine.builds.errors import Changed
from skerry.engine.builds.select import Tree
from skerry.errors import Invalid
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.build.language.instructions import Add
    from skerry.build.steps import StepWork


_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


def is_remote(source: str) -> bool:
    """Whether ADD fetches it."""
    return is_url(source) or git.parse(source) is not None


def is_git(source: str) -> bool:
    """Whether it is a git repository."""
    return git.parse(source) is not None


@contextmanager
def fetch(step: StepWork, source: str, checksum: str) -> Iterator[Inline]:
    """A file, to the end of the block. It is downloaded only when it must be: a checksum says what it is, and a server may
    say that it is what it was the last time. `Invalid` when it has not the checksum."""
    source, checksum = _allowed(step, source, checksum)
    with step.engine.builds.staging() as staging:
        yield _Remote(step, source, f"{staging.path}/file", checksum).inline()


class _Remote:
    """One URL of one step."""

    def __init__(self, step: StepWork, source: str, path: str, checksum: str) -> None:
        self._step, self._source, self._path = step, source, path
        self._algorithm, self._wanted = _digest(checksum) if checksum else ("sha256", "")
        self._identity = digest_of(["url", source])
        self._tls = tls_of(step.options.pull_options)

    def inline(self) -> Inline:
        name = _name(self._source)
        if self._algorithm == "sha256" and len(self._wanted) == 64:
            return Inline(name, digest=self._wanted, fetch=self._download, mode=0o600)
        before = self._step.engine.builds.latest(self._identity)
        known = before["inputs"] if before and not self._wanted else {}
        download = self._open(known.get("conditions"))
        if download.unchanged:
            return Inline(name, digest=known["digest"], fetch=self._download, mode=0o600)
        path, mtime_ns, content = self._keep(download)
        return Inline(name, path=path, digest=content, mode=0o600, mtime_ns=mtime_ns)

    def _download(self, wanted: str) -> tuple[str, int]:
        """(where it is, its time) once it is certain that it is needed."""
        path, mtime_ns, content = self._keep(self._open())
        if content != wanted:
            raise Changed(f"{redacted(self._source)} has changed meanwhile")
        return path, mtime_ns

    def _open(self, conditions: dict[str, str] | None = None) -> Download:
        from skerry.build.unreachable import patiently

        solver = self._step.solver
        return patiently(
            lambda: Download(self._source, cancelled=solver.cancelled, conditions=conditions, tls=self._tls),
            self._step.options.pull_options, lambda text: solver.tell(Warned("", text)), solver.cancelled,
        )  # fmt: skip

    def _keep(self, download: Download) -> tuple[str, int, str]:
        checked = new_hash(self._algorithm)
        content = sha256()
        with download, open(self._path, "wb") as file:
            while chunk := download.read(1 << 18):
                content.update(chunk)
                checked.update(chunk)
                file.write(chunk)
        if self._wanted and checked.hexdigest() != self._wanted:
            wanted = f"{self._algorithm}:{self._wanted}"
            raise Invalid(
                f"digest mismatch {self._algorithm}:{checked.hexdigest()}: {wanted} (of {redacted(self._source)})"
            )
        self._remember(download, content.hexdigest())
        return self._path, _modified(download), content.hexdigest()

    def _remember(self, download: Download, content: str) -> None:
        headers = {"If-None-Match": download.header("ETag"), "If-Modified-Since": download.header("Last-Modified")}
        conditions = {name: value for name, value in headers.items() if value}
        if conditions:
            self._step.engine.builds.record(
                self._identity, None, identity=self._identity, inputs={"conditions": conditions, "digest": content}
            )


@contextmanager
def clone(step: StepWork, source: str, command: Add, checksum: str) -> Iterator[Tree]:
    """A repository's tree, to the end of the block."""
    source, checksum = _allowed(step, source, checksum)
    url = git.parse(source)
    assert url is not None
    if checksum and not re.fullmatch("[0-9a-f]{7,64}", checksum):
        raise Invalid(f"invalid checksum {checksum} for Git source, expected hex commit hash")
    keep = [asked for asked in (command.keep_git_dir, url.keep_git_dir) if asked is not None] or [False]
    if len(set(keep)) > 1:
        raise Invalid("inconsistent keep-git-dir configuration")
    options = step.options
    with step.engine.builds.staging() as staging:
        folder = f"{staging.path}/tree"
        commit = git.clone(
            replace(url, keep_git_dir=keep[0]), folder,
            ssh_socket=options.ssh.get("default", ""), cancelled=step.solver.cancelled,
        )  # fmt: skip
        if checksum and not commit.startswith(checksum):
            raise Invalid(f"expected checksum to match {checksum}, got {commit} (of {url})")
        with Tree(step.engine.builds.folder_in(folder, url.subdir) if url.subdir else folder) as tree:
            if keep[0]:  # git's own files are never twice the same
                tree.identity = digest_of(["git", commit, url.subdir, url.submodules])
            yield tree


def _digest(text: str) -> tuple[str, str]:
    """Algorithm and hexadecimal digits. `Invalid`: a checksum that is none must not pass for none at all."""
    match = re.fullmatch(r"([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)", text)
    if match is None:
        raise Invalid(f"invalid checksum digest format: {text}")
    if match[1] not in _DIGITS:
        raise Invalid(f"unsupported digest algorithm: {text}", hint=" or ".join(_DIGITS))
    if len(match[2]) != _DIGITS[match[1]]:
        raise Invalid(f"invalid checksum digest length: {text}")
    if set(match[2]) - set("0123456789abcdef"):
        raise Invalid(f"invalid checksum digest format: {text}")
    return match[1], match[2]


def _allowed(step: StepWork, source: str, checksum: str) -> tuple[str, str]:
    """The source and its checksum as the source policy has them. `Denied`."""
    policy = step.options.source_policy
    if policy is None:
        return source, checksum
    taken, wanted = policy.source(source)
    if git.parse(taken) is None if git.parse(source) is not None else not is_url(taken):
        raise Invalid(f'source policy: "{redacted(source)}" cannot become "{redacted(taken)}"')
    return taken, wanted or checksum


def _modified(download: Download) -> int:
    """The server's Last-Modified; the beginning of time when it says nothing, so that the layer is always the same."""
    text = download.header("Last-Modified")
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 10**9 if text else 0
    except (ValueError, TypeError, OverflowError):
        return 0


def _name(source: str) -> str:
    name = os.path.basename(unquote(urlsplit(source).path).rstrip("/"))
    if name in ("", ".", ".."):
        return "__unnamed__"  # as BuildKit
    return name
