"""ADD's sources that are elsewhere: URLs and git repositories. Each is fetched once a build."""

from __future__ import annotations

import dataclasses
import os
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from hashlib import new as new_hash
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from skerry.build import git
from skerry.build.download import Download, is_url
from skerry.build.redact import redacted
from skerry.engine.builds.copying import Inline
from skerry.engine.builds.select import Tree
from skerry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.build.language.instructions import Add
    from skerry.build.steps import StepWork


def is_remote(source: str) -> bool:
    """Whether ADD fetches it."""
    return is_url(source) or git.parse(source) is not None


def is_git(source: str) -> bool:
    """Whether it is a git repository."""
    return git.parse(source) is not None


@contextmanager
def fetch(step: StepWork, source: str, checksum: str) -> Iterator[Inline]:
    """Download a file, to the end of the block. `Invalid` when it has not the checksum."""
    with step.engine.builds.staging() as staging:
        path = f"{staging.path}/file"
        digest, modified_ns = _download(step, source, path, checksum.partition(":")[0] or "sha256")
        if checksum and f"{checksum.partition(':')[0]}:{digest}" != checksum:
            raise Invalid(f"digest mismatch {checksum.partition(':')[0]}:{digest}: {checksum} (of {redacted(source)})")
        yield Inline(_name(source), path=path, mode=0o600, mtime_ns=modified_ns)


@contextmanager
def clone(step: StepWork, source: str, command: Add, checksum: str) -> Iterator[Tree]:
    """A repository's tree, to the end of the block."""
    url = git.parse(source)
    assert url is not None
    keep = bool(command.keep_git_dir)
    options = step.options
    with step.engine.builds.staging() as staging:
        folder = f"{staging.path}/tree"
        commit = git.clone(
            dataclasses.replace(url, keep_git_dir=keep or url.keep_git_dir), folder,
            ssh_socket=options.ssh.get("default", ""), cancelled=step.solver.cancelled,
        )  # fmt: skip
        if checksum and not commit.startswith(checksum):
            raise Invalid(f"expected checksum to match {checksum}, got {commit} (of {url})")
        with Tree(step.engine.builds.folder_in(folder, url.subdir) if url.subdir else folder) as tree:
            yield tree


def _download(step: StepWork, source: str, path: str, algorithm: str) -> tuple[str, int]:
    try:
        digest = new_hash(algorithm)
    except ValueError:
        raise Invalid(f"unsupported digest algorithm {algorithm!r}") from None
    download = Download(source, cancelled=step.solver.cancelled)
    with download, open(path, "wb") as file:
        while chunk := download.read(1 << 18):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest(), _modified(download)


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
        raise Invalid(f"cannot determine a file name from {redacted(source)}", hint="name the file in the destination")
    return name
