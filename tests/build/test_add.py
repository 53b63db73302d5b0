"""ADD of what is elsewhere, and of archives."""

from __future__ import annotations

import hashlib
import io
import os
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.build.conftest import Build
from tests.build.test_build import BASE, look
from tests.registry.server import Authority
from tests.support.command import Skerry

from skerry.errors import SkerryError


class Served:
    """A folder at a URL; what was asked for, and what was answered."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answers = folder, list[tuple[str, int]]()
        answers = self.answers

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def log_request(self, code: object = 0, size: object = 0) -> None:
                del size
                answers.append((self.path, int(code)))  # type: ignore[call-overload]

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "f.txt").write_text("body\n")
    found = Served(folder)
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_file_from_a_url_is_roots_alone_and_asked_for_again_only_if_it_changed(
    build_in: Build, skerry: Skerry, served: Served, tmp_path: Path
) -> None:
    context = tmp_path / "c"
    context.mkdir()
    text = BASE + f"ADD {served.url}/f.txt /d/\nADD --chown=3 --chmod=640 {served.url}/f.txt /e\n"
    first = build_in(text, context=context)
    assert look(skerry, first.id, "stat -c '%u %a' /d/f.txt /e; cat /d/f.txt") == ["0 600", "3 640", "body"]
    assert build_in(text, context=context).cached == [True, True]
    # The second ADD needs the file itself, too; the second build does not.
    assert [code for _, code in served.answers] == [200, 304, 200, 304, 304]
    (served.folder / "f.txt").write_text("other\n")
    os.utime(served.folder / "f.txt", (2 * 10**9, 2 * 10**9))
    changed = build_in(text, context=context)
    assert changed.cached == [False, False]
    assert look(skerry, changed.id, "cat /d/f.txt /e") == ["other", "other"]


def test_a_file_with_a_checksum_is_asked_for_once(
    build_in: Build, skerry: Skerry, served: Served, tmp_path: Path
) -> None:
    context = tmp_path / "c"
    context.mkdir()
    digest = hashlib.sha256(b"body\n").hexdigest()
    text = BASE + f"ADD --checksum=sha256:{digest} {served.url}/f.txt /f\n"
    build_in(text, context=context)
    assert build_in(text, context=context).cached == [True]
    assert len(served.answers) == 1
    with pytest.raises(SkerryError, match="digest mismatch"):
        build_in(text.replace(digest, digest[::-1]), context=context)
    with pytest.raises(SkerryError, match="invalid response status 404"):
        build_in(BASE + f"ADD {served.url}/nope /f\n")


@pytest.mark.parametrize(
    ("checksum", "words"),
    [
        ("sha256:beef", "invalid checksum digest length"), ("md5:7e55db001d319a94b0b713529a756623", "unsupported digest algorithm"),
        ("0" * 64, "invalid checksum digest format"), ("sha256:" + "X" * 64, "invalid checksum digest format"),
    ],
)  # fmt: skip
def test_a_checksum_that_is_none_is_refused(build_in: Build, served: Served, checksum: str, words: str) -> None:
    with pytest.raises(SkerryError, match=words):
        build_in(BASE + f"ADD --checksum={checksum} {served.url}/f.txt /f\n")


def test_a_url_without_a_name_has_buildkits(build_in: Build, skerry: Skerry, served: Served) -> None:
    assert look(skerry, build_in(BASE + f"ADD {served.url}/ /d/\n").id, "ls /d") == ["__unnamed__"]


def repository(served: Served) -> None:
    script = (
        "git init -q r && cd r && git config user.email a@b && git config user.name n && echo g > g && mkdir s &&"
        " echo t > s/t && git add . && git commit -qm 1 && git tag v1 && git rm -q g && git commit -qm 2 &&"
        " git clone -q --bare . ../r.git && cd ../r.git && git update-server-info"
    )
    subprocess.run(["sh", "-c", script], cwd=served.folder, check=True)


def test_a_commit_of_a_repository(build_in: Build, skerry: Skerry, served: Served) -> None:
    repository(served)
    command = ["git", "rev-parse", "v1", "HEAD"]
    done = subprocess.run(command, cwd=served.folder / "r", check=True, capture_output=True, text=True)
    first, last = done.stdout.split()
    good = (f"?commit={first[:8]}", f"?tag=v1&commit={first}", "?tag=v1#refs/tags/v1", f"?ref={first}", "?subdir=s#v1")
    text = BASE + "".join(f"ADD {served.url}/r.git{end} /d{n}/\n" for n, end in enumerate(good))
    assert look(skerry, build_in(text).id, "cat /d0/g /d1/g /d2/g /d3/g /d4/t") == ["g", "g", "g", "g", "t"]
    for end, words in {
        f"?tag=v1&commit={last}": "expected checksum to match", "?branch=v1": "repository does not contain ref",
        f"?ref={first[:8]}": "repository does not contain ref", "?tag=v1#refs/heads/x": "ref conflicts",
        "?commit=xyz": "expected hex commit hash", "?keep-git-dir=true": "inconsistent keep-git-dir configuration",
    }.items():  # fmt: skip
        with pytest.raises(SkerryError, match=words):
            build_in(BASE + f"ADD --keep-git-dir=false {served.url}/r.git{end} /d/\n")


def test_a_repository_with_its_history_is_cached_by_its_commit(build_in: Build, served: Served, tmp_path: Path) -> None:
    repository(served)
    context = tmp_path / "c"
    context.mkdir()
    text = BASE + f"ADD --keep-git-dir {served.url}/r.git#v1 /r\n"
    assert build_in(text, context=context).cached == [False]
    assert build_in(text, context=context).cached == [True]
    assert build_in(text.replace("#v1", ""), context=context).cached == [False]


def test_a_containerfile_at_a_url_is_it_whatever_name_is_given(skerry: Skerry, busybox: str, served: Served) -> None:
    (served.folder / "df").write_text(BASE + "RUN touch /x\n")
    skerry("build", "-q", "-f", "anything", f"{served.url}/df")


def test_repositories(build_in: Build, skerry: Skerry, served: Served) -> None:
    repository(served)
    text = BASE + f"ADD {served.url}/r.git#v1 /v1\nADD {served.url}/r.git /head/\nADD {served.url}/r.git#v1:s /sub\n"
    assert look(skerry, build_in(text).id, "find /v1 /head /sub -type f | sort") == [
        "/head/s/t", "/sub/t", "/v1/g", "/v1/s/t",
    ]  # fmt: skip


def archive(path: Path, *entries: tuple[str, bytes | str, bytes]) -> None:
    """``(name, tar type, data)``; for links the type's data is the target."""
    with tarfile.open(path, "w") as tar:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.uid, info.gid, info.mode = kind, 7, 8, 0o640  # type: ignore[assignment]
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = data.decode()
                tar.addfile(info)
            elif kind == tarfile.REGTYPE:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            else:
                tar.addfile(info)


def test_archives_keep_owners_unless_told_and_have_no_devices(build_in: Build, skerry: Skerry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    archive(
        context / "t.tar", ("a", tarfile.REGTYPE, b"a"), ("l", tarfile.SYMTYPE, b"a"), ("h", tarfile.LNKTYPE, b"a"),
        ("dev", tarfile.CHRTYPE, b""), ("fifo", tarfile.FIFOTYPE, b""),
    )  # fmt: skip
    image = build_in(BASE + "ADD t.tar /x\nADD --chown=9:9 t.tar /y/\n", context=context).id
    assert look(skerry, image, "cd /x; stat -c '%n %u:%g %a' *; stat -c '%u:%g' /y/a /y/l; readlink l") == [
        "a 7:8 640", "h 7:8 640", "l 7:8 777", "9:9", "9:9", "a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("../out", tarfile.REGTYPE, b"x")], "leads out"),
        ([("l", tarfile.SYMTYPE, b"/"), ("l/etc/new", tarfile.REGTYPE, b"x")], ""),
        ([("h", tarfile.LNKTYPE, b"../../etc/passwd")], "leads out"),
    ],
)
def test_archives_stay_in_the_image(
    build_in: Build, skerry: Skerry, tmp_path: Path, entries: list[tuple[str, bytes, bytes]], words: str
) -> None:
    context = tmp_path / "c"
    context.mkdir()
    archive(context / "t.tar", *entries)
    if words:
        with pytest.raises(SkerryError, match=words):
            build_in(BASE + "ADD t.tar /x/\n", context=context)
    else:
        assert look(skerry, build_in(BASE + "ADD t.tar /x/\n", context=context).id, "cat /etc/new") == ["x"]
    assert not Path("/etc/new").exists()


def test_servers_of_ones_own_authority(build_in: Build, skerry: Skerry, served: Served, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("server", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    served.server.socket = context.wrap_socket(served.server.socket, server_side=True)
    text = BASE + f"ADD {served.url.replace('http:', 'https:')}/f.txt /\n"
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/ca.crt").write_bytes(authority.certificate.read_bytes())
    with pytest.raises(SkerryError, match="x509: certificate signed by unknown authority"):
        build_in(text)
    for options in ({"cert_dir": str(tmp_path / "certs")}, {"tls_verify": False}):
        built = build_in(text, pull_options=options, no_cache=True)
        assert look(skerry, built.id, "cat /f.txt") == ["body"]
