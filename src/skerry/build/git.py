"""Git repositories as contexts and sources: ``URL#REF:FOLDER``, fetched by the git program.

A URL comes from a Containerfile or a command line that may be a stranger's: nothing of it can become an option of git
or ssh, only network transports are allowed, no hook or filter of the repository runs, and what authenticates is passed
where no process list shows it and removed from messages.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from skerry.build.redact import redacted
from skerry.errors import Invalid, NotFound, Unavailable
from skerry.records import dataclass, replace

_SCP = re.compile(r"^(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*)@([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\]):(?!//)(.+)$")
_COMMIT = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")
_REF = re.compile(r"^[^\s~^:?*\[\\\x00-\x1f\x7f]+$")
_ALLOWED = "http:https:git:ssh"
_QUERY = {"ref", "branch", "tag", "commit", "checksum", "subdir", "keep-git-dir", "submodules", "fetch-by-commit"}


@dataclass(frozen=True, slots=True)
class GitURL:
    """``remote`` for git, a ``ref`` (branch, tag, commit; "" the default branch), a ``subdir`` in it."""

    remote: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keep_git_dir: bool | None = None
    submodules: bool = True

    def __str__(self) -> str:
        end = f"#{self.ref}:{self.subdir}" if self.subdir else f"#{self.ref}" if self.ref else ""
        return redacted(self.remote) + end


def parse(text: str) -> GitURL | None:
    """The repository that ``text`` names; None when it is no git URL. `Invalid` for one that is not to be used.

    Git's are ``git://``, ``ssh://``, ``user@host:path``, ``github.com/…``, and ``http(s)://`` whose path ends in
    ``.git`` or that has one of git's query words (``?ref=``, ``?subdir=`` …)."""
    address, _hash, fragment = text.partition("#")
    if address.startswith("github.com/"):
        address = "https://" + address
    elif not address.startswith(("git://", "ssh://", "git+ssh://", "http://", "https://")):
        return _checked(GitURL(address), fragment) if _SCP.match(address) else None
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme in ("http", "https"):
        ends = parts.path.rstrip("/").endswith(".git") or (
            address.startswith("https://github.com/") and not _hash_only(parts.path)
        )
        if not ends and not (query and set(query) <= _QUERY):
            return None
    url = GitURL(urlunsplit(parts._replace(query="", fragment="")))
    if query and set(query) <= _QUERY:
        url = _with_query(url, query)
    elif query:
        url = replace(url, remote=urlunsplit(parts._replace(fragment="")))
    return _checked(url, fragment)


def _hash_only(path: str) -> bool:
    """Whether a path on GitHub is a file of it (an archive, say), not a repository."""
    return path.strip("/").count("/") != 1


def _with_query(url: GitURL, query: Mapping[str, str]) -> GitURL:
    refs = [query[name] for name in ("ref", "branch", "tag") if query.get(name)]
    if len(refs) > 1:
        raise Invalid("a git URL has only one of ref, branch and tag")
    ref = refs[0] if refs else query.get("commit", "")
    if query.get("branch"):
        ref = "refs/heads/" + query["branch"]
    elif query.get("tag"):
        ref = "refs/tags/" + query["tag"]
    return replace(
        url, ref=ref, subdir=query.get("subdir", ""), checksum=query.get("checksum") or query.get("commit", ""),
        keep_git_dir=query["keep-git-dir"] in ("", "1", "true") if "keep-git-dir" in query else None,
        submodules=query.get("submodules", "true") not in ("0", "false"),
    )  # fmt: skip


def _checked(url: GitURL, fragment: str) -> GitURL:
    if fragment:
        ref, _colon, subdir = map(unquote, fragment.partition(":"))
        for what, there, here in (("ref", url.ref, ref), ("subdir", url.subdir, subdir)):
            if there and here and there != here:
                raise Invalid(f'git URL {redacted(url.remote)}: {what} conflicts: "{there}" vs "{here}"')
        url = replace(url, ref=ref or url.ref, subdir=subdir or url.subdir)
    if url.ref and (url.ref.startswith("-") or not _REF.match(url.ref) or ".." in url.ref):
        raise Invalid(f"git URL {redacted(url.remote)}: {url.ref!r} is no branch, tag or commit")
    if ".." in url.subdir.split("/"):
        raise Invalid(f"git URL {redacted(url.remote)}: the folder {url.subdir!r} leads out of the repository")
    scp = _SCP.match(url.remote)
    host = scp.group(1) if scp else (urlsplit(url.remote).hostname or "")
    path = scp.group(2) if scp else urlsplit(url.remote).path
    user = "" if scp else urlsplit(url.remote).username or ""
    if not host or host.startswith("-"):
        raise Invalid(f"git URL {redacted(url.remote)} has no host")
    if path.startswith("-") or user.startswith("-") or any(ord(letter) < 32 for letter in url.remote):
        raise Invalid(f"git URL {redacted(url.remote)} is not one that git would be given")
    if url.checksum and not re.fullmatch(r"[0-9a-f]{7,64}", url.checksum):
        raise Invalid(f"invalid checksum {url.checksum} for Git source, expected hex commit hash")
    return url


def clone(
    url: GitURL, folder: str, *, token: str = "", header: str = "", ssh_socket: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> str:  # fmt: skip
    """Put the repository's tree at its ref into the new ``folder``: the commit's id. ``token`` and ``header`` are for
    HTTP's Authorization. `NotFound`, `Unavailable` with git's own words."""
    git = _Git(url, folder, token, header, ssh_socket, cancelled)
    git.run("init", "--quiet", "--template=", "--", folder, cwd="/")
    try:
        git.run(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--force", "--update-head-ok", "origin", url.ref or "HEAD"
        )
        name = "FETCH_HEAD"
    except Unavailable as error:
        name = _whole(git, url, error)
    commit = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}").strip()
    if url.checksum and not commit.startswith(url.checksum):
        raise Invalid(f"expected checksum to match {url.checksum}, got {commit} (of {url})")
    git.run("checkout", "--quiet", "--force", "--detach", commit)
    if url.submodules and os.path.lexists(folder + "/.gitmodules"):
        git.run("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
    if not url.keep_git_dir:
        _remove_git_dirs(folder)
    return commit


def _whole(git: _Git, url: GitURL, error: Unavailable) -> str:
    """Some servers give no single commit, or nothing without its history: more of it, then."""
    if "shallow" in error.message:
        git.run("fetch", "--quiet", "--no-tags", "--force", "--update-head-ok", "origin", url.ref or "HEAD")
        return "FETCH_HEAD"
    if not _COMMIT.match(url.ref) and url.ref != url.checksum:  # the beginning of a commit's id may be
        if "couldn't find remote ref" in error.message:
            raise _no_ref(url) from None
        raise error
    git.run("fetch", "--quiet", "--force", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    try:
        git.run("cat-file", "-e", url.ref + "^{commit}")
    except Unavailable:
        raise _no_ref(url) from None
    return url.ref


def _no_ref(url: GitURL) -> NotFound:
    """In git's words, and in BuildKit's."""
    return NotFound(f"{url}: couldn't find remote ref {url.ref}: repository does not contain ref {url.ref}")


def _remove_git_dirs(folder: str) -> None:
    import shutil

    for base, folders, files in os.walk(folder):
        if ".git" in folders:
            shutil.rmtree(os.path.join(base, ".git"), ignore_errors=True)
            folders.remove(".git")
        if ".git" in files:
            os.unlink(os.path.join(base, ".git"))


class _Git:
    """Calls of git in one folder. The URL and what authenticates are in its environment, not among its arguments."""

    def __init__(
        self, url: GitURL, folder: str, token: str, header: str, ssh_socket: str, cancelled: Callable[[], bool]
    ) -> None:
        self._url = url
        self._folder = folder
        self._cancelled = cancelled
        self._secrets = [text for text in (token, header) if text]
        config = [
            ("remote.origin.url", url.remote), ("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"),
            ("protocol.version", "2"), ("advice.detachedHead", "false"), ("gc.auto", "0"), ("core.autocrlf", "false"),
            ("maintenance.auto", "false"), ("safe.directory", folder),
        ]  # fmt: skip
        origin = urlsplit(url.remote)
        if (token or header) and origin.scheme in ("http", "https"):
            from base64 import b64encode

            value = header or "basic " + b64encode(b"x-access-token:" + token.encode()).decode()
            self._secrets.append(value)
            place = urlunsplit((origin.scheme, origin.netloc.rpartition("@")[2], "/", "", ""))
            config.append((f"http.{place}.extraheader", f"Authorization: {value}"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment.update(
            GIT_TERMINAL_PROMPT="0", GIT_ALLOW_PROTOCOL=_ALLOWED, GIT_OPTIONAL_LOCKS="0", LC_ALL="C",
            GIT_LFS_SKIP_SMUDGE=os.environ.get("GIT_LFS_SKIP_SMUDGE", "0"), GIT_CONFIG_COUNT=str(len(config)),
        )  # fmt: skip
        if "GIT_SSH_COMMAND" not in os.environ:
            environment["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
        else:
            environment["GIT_SSH_COMMAND"] = os.environ["GIT_SSH_COMMAND"]
        if ssh_socket:
            environment["SSH_AUTH_SOCK"] = ssh_socket
        for number, (key, value) in enumerate(config):
            environment[f"GIT_CONFIG_KEY_{number}"], environment[f"GIT_CONFIG_VALUE_{number}"] = key, value
        self._environment = environment

    def run(self, *arguments: str, cwd: str = "") -> str:
        """git's standard output; `Unavailable` with what it says of its failure."""
        try:
            process = subprocess.Popen(
                ["git", *arguments], cwd=cwd or self._folder, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise Unavailable("git is not installed, and a context is a git repository", hint="install git") from None
        output, problem = self._wait(process)
        if process.returncode:
            lines = [line for line in problem.decode("utf-8", "replace").splitlines() if line.strip()]
            raise Unavailable(
                f"fetching {self._url}: failed while performing `git {arguments[0]}`: {self._clean(' '.join(lines[-3:]) or 'git failed')}"
            )
        return output.decode("utf-8", "replace")

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        while True:
            try:
                return process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                if not self._cancelled():
                    continue
                os.killpg(process.pid, 15)
                end = time.monotonic() + 0.5
                while process.poll() is None and time.monotonic() < end:
                    time.sleep(0.02)
                if process.poll() is None:
                    os.killpg(process.pid, 9)
                process.communicate()
                from skerry.engine.builds.errors import Interrupted

                raise Interrupted("interrupted") from None

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "xxxxx")
        return redacted(text)
