"""The tree of the busybox image, as a tar: one static program and the few files that programs expect."""

from __future__ import annotations

import io
import os
import tarfile

from skerry.errors import Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_PROGRAMS = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static", "/usr/lib/busybox/busybox")
_FOLDERS = (
    ("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o755), ("root", 0o700), ("sbin", 0o755),
    ("sys", 0o755), ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755), ("var", 0o755),
    ("var/spool", 0o755), ("var/spool/mail", 0o755), ("var/tmp", 0o1777), ("var/www", 0o755),
)  # fmt: skip
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
    "bin:x:2:2:bin:/bin:/bin/false\nsys:x:3:3:sys:/dev:/bin/false\nsync:x:4:100:sync:/bin:/bin/sync\n"
    "mail:x:8:8:mail:/var/spool/mail:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
    "operator:x:37:37:Operator:/var:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nmail:x:8:\n"
    "kmem:x:9:\nwheel:x:10:root\ncdrom:x:11:\ndialout:x:18:\nfloppy:x:19:\nvideo:x:28:\naudio:x:29:\ntape:x:32:\n"
    "www-data:x:33:\noperator:x:37:\nutmp:x:43:\nplugdev:x:46:\nstaff:x:50:\nlock:x:54:\nnetdev:x:82:\nusers:x:100:\n"
    "nogroup:x:65534:\n",
    "etc/shadow": "root:*:::::::\ndaemon:*:::::::\nbin:*:::::::\nsys:*:::::::\nsync:*:::::::\nmail:*:::::::\n"
    "www-data:*:::::::\noperator:*:::::::\nnobody:*:::::::\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
}


def program() -> bytes:
    """A static busybox: the host's, or what Debian's package busybox-static holds. `Unavailable` without one."""
    for path in _PROGRAMS:
        if (data := _read(path)) and is_static(data):
            return data
    packaged = _from_package()
    if packaged is None:
        raise Unavailable("no static busybox on this host", hint="apt-get install busybox-static")
    return packaged


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def is_static(data: bytes) -> bool:
    """Whether an ELF program (64 or 32 bits, either byte order) asks for no interpreter."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        return False
    order = "little" if data[5] == 1 else "big"
    wide = data[4] == 2

    def number(offset: int, size: int) -> int:
        return int.from_bytes(data[offset : offset + size], order)  # type: ignore[arg-type]

    table, size, count = (number(32, 8), number(54, 2), number(56, 2)) if wide else (
        number(28, 4), number(42, 2), number(44, 2))  # fmt: skip
    return count > 0 and all(number(table + entry * size, 4) != 3 for entry in range(count))


def _from_package() -> bytes | None:
    """Download (not install) Debian's busybox-static with the host's apt, which checks the archive's signature."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="skerry-busybox-") as folder:
        try:
            os.chmod(folder, 0o755)
            # cd, because the download lands in the working folder.
            if run(["sh", "-c", 'cd "$1" && apt-get -q download busybox-static', "sh", folder]).code:
                return None
            packages = [name for name in os.listdir(folder) if name.endswith(".deb")]
            if not packages or run(["dpkg-deb", "-x", f"{folder}/{packages[0]}", f"{folder}/x"]).code:
                return None
        except Unavailable:
            return None
        for path in _PROGRAMS:
            data = _read(f"{folder}/x{path}")
            if data:
                return data
    return None


def applets(path: str) -> list[str]:
    """Where the program's applets belong: ``bin/ls``, ``sbin/init``, …"""
    result = run([path, "--list-full"])
    if result.code:
        raise Unavailable(f"busybox does not run: {result.stderr.decode('utf-8', 'replace').strip()}")
    names = {line.lstrip("/") for line in result.stdout.decode().splitlines()}
    allowed = ("bin/", "sbin/", "usr/bin/", "usr/sbin/")
    return sorted(name for name in names if name.startswith(allowed) and name != "bin/busybox" and name.count("/") < 3)


def foreign_applets(binary: bytes) -> list[str]:
    """The same of a program for another architecture, which cannot be asked: from its own list of names.

    All in ``bin``; where the native program would put them is not in the list."""
    start = binary.find(b"[\0[[\0")
    end = binary.find(b"\0\0", start)
    if start < 0 or end < 0:
        raise Unavailable("this busybox does not list its applets")
    names = [name.decode("ascii", "replace") for name in binary[start:end].split(b"\0")]
    if not all(name.isprintable() and "/" not in name for name in names) or "sh" not in names:
        raise Unavailable("this busybox does not list its applets")
    return sorted(f"bin/{name}" for name in names if name != "busybox")


def foreign_program(architecture: str, folder: str) -> bytes:
    """Debian's busybox-static for another architecture (in Debian's words), by way of mmdebstrap below ``folder``."""
    from skerry.engine.images.debian import fetch_packages

    archive = fetch_packages(("busybox-static",), architecture, folder)
    with tarfile.open(archive) as tar:
        for name in ("./bin/busybox", "./usr/bin/busybox"):
            try:
                member = tar.extractfile(name)
            except KeyError:
                continue
            if member is not None and is_static(data := member.read()):
                return data
    raise Unavailable(f"there is no static busybox for {architecture}")


def write_tar(target: BinaryIO, binary: bytes, names: list[str]) -> None:
    """The image's one layer: the same program gives the same bytes."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode in _FOLDERS:
            tar.addfile(_member(name, tarfile.DIRTYPE, mode))
        _file(tar, "bin/busybox", binary, 0o755)
        for name in names:
            link = _member(name, tarfile.LNKTYPE, 0o755)
            link.linkname = "bin/busybox"
            tar.addfile(link)
        for name, text in sorted(_FILES.items()):
            _file(tar, name, text.encode(), 0o640 if name == "etc/shadow" else 0o644)


def _file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = _member(name, tarfile.REGTYPE, mode)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    member.uname = member.gname = "root"
    return member
