"""Contexts of all kinds, and what strangers put into them."""

from __future__ import annotations

import base64
import bz2
import gzip
import http.server
import io
import lzma
import os
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from tests.support.command import Skerry

from skerry.build import git
from skerry.build.redact import redacted
from skerry.errors import Invalid

FILE = "FROM scratch\nCOPY hello /hello\n"


def tar_of(files: dict[str, str | bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return out.getvalue()


def built(skerry: Skerry, *args: str | Path, check: bool = True, out: Path, **more: object) -> dict[str, str]:
    skerry("build", "-q", "-o", out, *args, check=check, **more)  # type: ignore[arg-type]
    return {
        str(p.relative_to(out)): p.read_text() for p in sorted(out.rglob("*")) if p.is_file() and not p.is_symlink()
    }


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_tar_on_stdin_is_a_context_however_it_is_compressed(skerry: Skerry, tmp_path: Path, name: str) -> None:
    data = COMPRESSIONS[name](tar_of({"Containerfile": FILE, "hello": "hi"}))
    assert built(skerry, "-", out=tmp_path / "out", input=data) == {"hello": "hi"}


def test_a_containerfile_on_stdin_has_no_context(skerry: Skerry, tmp_path: Path) -> None:
    result = skerry("build", "-", input=FILE, check=False)
    assert result.code == 125
    assert "hello" in result.stderr
    assert built(skerry, "-", out=tmp_path / "out", input="FROM scratch\nCOPY <<E /x\ntext\nE\n") == {"x": "text\n"}


def test_a_containerfile_on_stdin_may_have_a_folder(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("there")
    assert built(skerry, "-f", "-", tmp_path, out=tmp_path / "out", input=FILE) == {"hello": "there"}


def test_stdin_cannot_be_both(skerry: Skerry) -> None:
    result = skerry("build", "-f", "-", "-", input=tar_of({"Containerfile": FILE}), check=False)
    assert result.code == 125
    assert "not both" in result.stderr


@pytest.mark.parametrize("data", [b"", b"\0\1\2\3binary" * 100])
def test_what_is_neither_tar_nor_text_is_refused(skerry: Skerry, data: bytes) -> None:
    result = skerry("build", "-", input=data, check=False)
    assert result.code == 125
    assert "standard input" in result.stderr


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_tar_that_leads_out_lands_inside(skerry: Skerry, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    data = tar_of({"Containerfile": "FROM scratch\nCOPY . /\n"}, link("a", str(victim)))
    more = tar_of({"../../../../../../escape": "x", "a/evil": "x", "/abs": "y"})
    end = data.rstrip(b"\0")
    whole = end + bytes(-len(end) % 512) + more
    skerry("build", "-q", "-o", tmp_path / "out", "-", input=whole, check=False)
    assert list(victim.iterdir()) == []
    assert not Path("/escape").exists()
    assert not (tmp_path / "escape").exists()


def test_a_link_in_a_tar_does_not_read_this_machine(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("topsecret")
    data = tar_of({"Containerfile": "FROM scratch\nCOPY s/secret /x\n"}, link("s", str(tmp_path)))
    result = skerry("build", "-o", tmp_path / "out", "-", input=data, check=False)
    assert result.code != 0
    assert not (tmp_path / "out" / "x").exists()


def test_a_containerfile_and_ignore_file_that_are_links_stay_inside(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Other").write_text("FROM scratch\nLABEL read=outside\n")
    data = tar_of({"x": ""}, link("Containerfile", str(tmp_path / "Other")))
    result = skerry("build", "-", input=data, check=False)
    assert result.code == 125
    assert "outside" not in result.stdout


def test_a_damaged_tar_is_one_error(skerry: Skerry) -> None:
    data = gzip.compress(tar_of({"Containerfile": FILE, "hello": os.urandom(9000)}))[:-600]
    result = skerry("build", "-", input=data, check=False)
    assert result.code == 125
    assert result.stderr.count("\n") == 1
    assert "archive" in result.stderr


def test_names_that_begin_as_whiteouts_are_files_in_a_context(skerry: Skerry, tmp_path: Path) -> None:
    data = tar_of({"Containerfile": "FROM scratch\nCOPY .wh.name /plain\n", ".wh.name": "kept"})
    assert built(skerry, "-", out=tmp_path / "out", input=data) == {"plain": "kept"}


def test_a_folder_that_is_none_says_so_in_podmans_words(skerry: Skerry, tmp_path: Path) -> None:
    result = skerry("build", tmp_path / "none", check=False)
    assert (result.code, result.stderr) == (125, f'Error: context must be a directory: "{tmp_path}/none"\n')
    result = skerry("build", tmp_path, check=False)
    assert "no Containerfile or Dockerfile specified or found in context directory" in result.stderr
    result = skerry("build", "-f", "nofile", tmp_path, check=False)
    assert "no such file or directory" in result.stderr


def test_the_containerfile_may_be_beside_the_context_or_in_it(skerry: Skerry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "hello").write_text("1")
    (context / "In").write_text(FILE)
    (tmp_path / "Out").write_text(FILE)
    assert built(skerry, "-f", "In", context, out=tmp_path / "o1") == {"hello": "1"}
    assert built(skerry, "-f", tmp_path / "Out", context, out=tmp_path / "o2") == {"hello": "1"}
    result = skerry("build", "-f", context, context, check=False)
    assert "cannot be path to a directory" in result.stderr


IGNORES = {
    "Containerfile.containerignore": "a\n", "Containerfile.dockerignore": "a\n", ".containerignore": "a\n",
    ".dockerignore": "a\n",
}  # fmt: skip


@pytest.mark.parametrize("name", IGNORES)
def test_ignore_files(skerry: Skerry, tmp_path: Path, name: str) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / ".dockerignore").write_text("b\n")
    (context / name).write_text("a\n" + name + "\n.dockerignore\nContainerfile\n")
    for each in ("a", "b"):
        (context / each).write_text(each)
    assert built(skerry, context, out=tmp_path / "out") == {"b": "b"}


def test_an_ignore_file_can_be_named(skerry: Skerry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / ".containerignore").write_text("*\n")
    (context / "a").write_text("a")
    (tmp_path / "mine").write_text("*file\n.*\n")
    assert built(skerry, "--ignorefile", tmp_path / "mine", context, out=tmp_path / "out") == {"a": "a"}
    result = skerry("build", "--ignorefile", tmp_path / "none", context, check=False)
    assert result.code == 125


def test_in_files_go_through_cpp(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile.in").write_text('#include "base"\n#ifdef MORE\nLABEL more=WHAT\n#endif\n')
    (tmp_path / "base").write_text("FROM scratch\n")
    skerry(
        "build",
        "-q",
        "-t",
        "cpp",
        "--cpp-flag=-DMORE",
        "--cpp-flag=-DWHAT=yes",
        "-f",
        tmp_path / "Containerfile.in",
        tmp_path,
    )
    assert skerry("image", "inspect", "-f", "{{.Labels.more}}", "cpp").id == "yes"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server: its URL, its folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **more: object) -> None:
            super().__init__(*args, directory=str(folder), **more)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_urls(skerry: Skerry, tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "c.tar.gz").write_bytes(gzip.compress(tar_of({"Containerfile": FILE, "hello": "web"})))
    (folder / "Containerfile").write_text("FROM scratch\nCOPY <<E /x\n1\nE\n")
    assert built(skerry, f"{url}/c.tar.gz", out=tmp_path / "o1") == {"hello": "web"}
    assert built(skerry, f"{url}/Containerfile", out=tmp_path / "o2") == {"x": "1\n"}
    (tmp_path / "hello").write_text("f")
    assert built(skerry, "-f", f"{url}/Containerfile", tmp_path, out=tmp_path / "o3") == {"x": "1\n"}
    result = skerry("build", f"{url.replace('//', '//user:geheim@')}/none.tar", check=False)
    assert result.code == 125
    assert "404" in result.stderr
    assert "geheim" not in result.stderr


def test_named_contexts(skerry: Skerry, busybox: str, tmp_path: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "n.tar").write_bytes(tar_of({"w": "web"}))
    named = tmp_path / "named"
    named.mkdir()
    (named / "f").write_text("folder")
    (tmp_path / "Containerfile").write_text(
        "FROM scratch\nCOPY --from=one f /f\nCOPY --from=two w /w\nCOPY --from=three /bin/busybox /b\nCOPY --from=four /bin/busybox /c\n"
    )
    skerry("save", "--format", "oci-dir", "-o", tmp_path / "layout", busybox)
    skerry(
        "build", "-q", "-o", tmp_path / "out", "--build-context", f"one={named}", "--build-context", f"two={url}/n.tar",
        "--build-context", f"three=docker-image://{busybox}", "--build-context", f"four=oci-layout://{tmp_path}/layout", tmp_path,
    )  # fmt: skip
    assert (tmp_path / "out" / "f").read_text() == "folder"
    assert (tmp_path / "out" / "w").read_text() == "web"
    assert (tmp_path / "out" / "b").read_bytes() == (tmp_path / "out" / "c").read_bytes()


# git


def git_call(folder: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
                   "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip
    done = subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A repository served as git:// on loopback: its URL, its folder."""
    folder = tmp_path / "served" / "app.git"
    folder.mkdir(parents=True)
    git_call(folder, "init", "-q", "-b", "main")
    (folder / "Containerfile").write_text(FILE)
    (folder / "hello").write_text("main")
    (folder / "sub").mkdir()
    (folder / "sub" / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "out").symlink_to("/etc")
    git_call(folder, "add", "-A")
    git_call(folder, "commit", "-q", "-m", "one")
    git_call(folder, "checkout", "-q", "-b", "other")
    (folder / "hello").write_text("other")
    git_call(folder, "commit", "-q", "-am", "two")
    git_call(folder, "tag", "v1")
    git_call(folder, "checkout", "-q", "main")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", "--reuseaddr", "--export-all", f"--base-path={folder.parent}", "--listen=127.0.0.1", f"--port={port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    for _try in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"git://127.0.0.1:{port}/app.git", folder
    os.killpg(daemon.pid, 15)
    daemon.wait()


@pytest.mark.parametrize(
    ("ref", "content"), [("", "main"), ("#other", "other"), ("#v1", "other"), ("?ref=other", "other")]
)
def test_git_refs(skerry: Skerry, tmp_path: Path, repository: tuple[str, Path], ref: str, content: str) -> None:
    assert built(skerry, repository[0] + ref, out=tmp_path / "out") == {"hello": content}


def test_git_commits_and_folders(skerry: Skerry, tmp_path: Path, repository: tuple[str, Path]) -> None:
    url, folder = repository
    commit = git_call(folder, "rev-parse", "other")
    assert built(skerry, f"{url}#{commit}", out=tmp_path / "o1") == {"hello": "other"}
    assert "Containerfile" in built(skerry, f"{url}#main:sub", out=tmp_path / "o2")
    result = skerry("build", f"{url}?ref=main&checksum=abcdef0", check=False)
    assert "expected checksum to match" in result.stderr
    for wrong in ("#nosuch", "#main:none", "#main:out"):
        result = skerry("build", url + wrong, check=False)
        assert result.code == 125, result
        assert result.stderr.count("Error:") == 1


def test_a_repository_does_not_reach_this_machine_by_a_submodule(
    skerry: Skerry, tmp_path: Path, repository: tuple[str, Path]
) -> None:
    url, folder = repository
    private = tmp_path / "private"
    private.mkdir()
    git_call(private, "init", "-q", "-b", "main")
    (private / "key").write_text("geheim")
    git_call(private, "add", "-A")
    git_call(private, "commit", "-q", "-m", "x")
    git_call(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(private), "stolen")
    git_call(folder, "commit", "-q", "-m", "submodule")
    done = skerry("build", "-o", tmp_path / "out", f"{url}#main:sub", check=False)
    assert done.code == 125
    assert "transport 'file' not allowed" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_tar_that_claims_to_be_huge_is_refused(skerry: Skerry) -> None:
    info = tarfile.TarInfo("big")
    info.size = 1 << 50
    done = skerry("build", "-", input=info.tobuf(tarfile.GNU_FORMAT) + bytes(1024), check=False)
    assert done.code == 125
    assert "does not fit" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "git://-oProxyCommand=touch/x.git", "ssh://-oProxyCommand=x/y.git", "https://h/x.git#--upload-pack=touch /tmp/x",
        "https://h/x.git#-b", "https://h/x.git#a:../../etc", "https://h/x.git#a b", "https://h/x.git#a..b",
        "ssh://-user@host/x.git", "https:///x.git", "https://h/x.git?ref=a&branch=b",
    ],
)  # fmt: skip
def test_options_do_not_get_into_git(text: str) -> None:
    with pytest.raises(Invalid):
        git.parse(text)


@pytest.mark.parametrize(
    "text", ["ext::sh -c touch% /tmp/x", "file:///etc", "/tmp/x.git", "https://h/x.tar.gz", "--help", "a@b"]
)
def test_what_is_no_git_url(text: str) -> None:
    assert git.parse(text) is None


@pytest.mark.parametrize(
    ("text", "remote", "ref", "subdir"),
    [
        ("github.com/a/b", "https://github.com/a/b", "", ""),
        ("https://github.com/a/b#x:y/z", "https://github.com/a/b", "x", "y/z"),
        ("git@host:a/b.git#v1", "git@host:a/b.git", "v1", ""),
        ("https://h/x.git?subdir=s&tag=t", "https://h/x.git", "refs/tags/t", "s"),
    ],
)
def test_git_urls(text: str, remote: str, ref: str, subdir: str) -> None:
    url = git.parse(text)
    assert url is not None
    assert (url.remote, url.ref, url.subdir) == (remote, ref, subdir)


def test_a_token_goes_to_the_server_and_into_no_message(skerry: Skerry, tmp_path: Path) -> None:
    seen: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_error(403, "no " + self.headers.get("Authorization", ""))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = skerry(
            "build", "--secret", "id=GIT_AUTH_TOKEN,env=MINE", f"http://127.0.0.1:{server.server_port}/x.git", check=False,
            env={"MINE": "geheim123"},
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    value = base64.b64encode(b"x-access-token:geheim123").decode()
    assert done.code == 125
    assert seen[0] == f"basic {value}"
    assert "geheim123" not in done.stderr
    assert value not in done.stderr


def test_passwords_are_in_no_message() -> None:
    assert redacted("see https://me:pw@h/x and https://token@h/y") == "see https://me:xxxxx@h/x and https://xxxxx@h/y"
    assert redacted("ssh://git@h/x") == "ssh://git@h/x"
    assert "geheim" not in str(git.parse("https://me:geheim@h/x.git#main"))
