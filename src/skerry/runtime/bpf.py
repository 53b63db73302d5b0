"""Seccomp filters compiled once: libseccomp needs 11 ms for the default profile at every start, crun none with ours.

crun writes the filter that it compiled next to its state; `remember` keeps a copy, and `compiled_profile` hands it
back for the annotation ``run.oci.seccomp_bpf_data``. The profile itself stays in config.json, so a runtime that does
not know the annotation is as strict as before.

An entry is valid for exactly one profile (its bytes), set of capabilities, architecture, kernel, crun and libseccomp.
The folder is only its owner's; an entry whose checksum, owner or mode is wrong is not used.
"""

from __future__ import annotations

import binascii
import os
import stat

from skerry import fastjson
from skerry.errors import Invalid
from skerry.runtime.seccomp import convert, machine, read_profile

try:  # hashlib costs 2 ms; this data is small
    from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:
    from _sha2 import sha256  # type: ignore[import-not-found]  # Python 3.12 and later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.runtime.oci import Runtime

KEY_ANNOTATION = "io.skerry.seccomp-key"  # set while the cache waits for the filter of this container
FILTER_ANNOTATION = "run.oci.seccomp_bpf_data"
_MAX_ENTRY = 1 << 20
_MAX_FILTER = 4096 * 8  # BPF_MAXINSNS instructions of 8 bytes
_LOAD_ARCH = b"\x20\x00\x00\x00\x04\x00\x00\x00"  # what every filter of libseccomp begins with: A = seccomp_data.arch
_LIBRARY_FOLDERS = ("/usr/lib64", "/usr/lib", "/lib64", "/lib", "/usr/local/lib")


def compiled_profile(
    path: str, *, bounding: Sequence[str], runtime: Runtime | None, folder: str, text: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """(``linux.seccomp`` for the profile at ``path``, or ``text``, annotations that go with it)."""
    profile = text.encode() if text else read_profile(path)
    arch = machine()
    if runtime is None or not runtime.quirks.bpf_annotation:
        return convert(profile, bounding=bounding, machine=arch), {}
    key = _key(profile, bounding, arch, runtime)
    entry = _load(folder, key)
    if entry is not None:
        return entry["profile"], {FILTER_ANNOTATION: entry["filter"]}
    converted = convert(profile, bounding=bounding, machine=arch)
    return converted, ({KEY_ANNOTATION: key} if _cacheable(converted) else {})


def _cacheable(profile: Mapping[str, Any]) -> bool:
    """A filter alone is the whole truth only without flags and without a listener for notifications."""
    return not (
        profile.get("flags")
        or profile.get("listenerPath")
        or any(row["action"] == "SCMP_ACT_NOTIFY" for row in profile["syscalls"])
    )


def _key(profile: bytes, bounding: Sequence[str], arch: str, runtime: Runtime) -> str:
    uname = os.uname()
    parts = [arch, uname.release, uname.version, ",".join(sorted(bounding)), _identity(os.path.realpath(runtime.path))]
    parts += [_identity(path) for path in _libraries(arch)]
    digest: Any = sha256("\0".join(parts).encode("utf-8", "surrogateescape"))
    digest.update(b"\0")
    digest.update(profile)
    return str(digest.hexdigest())


def _libraries(arch: str) -> list[str]:
    folders = (f"/usr/lib/{arch}-linux-gnu", f"/lib/{arch}-linux-gnu", *_LIBRARY_FOLDERS)
    return [path for folder in folders if os.path.exists(path := f"{folder}/libseccomp.so.2")]


def _identity(path: str) -> str:
    """Changes whenever the file is replaced or written (ctime cannot be set)."""
    try:
        info = os.stat(path)
    except OSError:
        return f"{path}:absent"
    return f"{path}:{info.st_dev}:{info.st_ino}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}"


def _load(folder: str, key: str) -> dict[str, Any] | None:
    """The entry, or None unless everything about it is right."""
    data = _read_owned(os.path.join(folder, key), _MAX_ENTRY)
    if data is None or data[64:65] != b"\n" or sha256(key.encode() + data[65:]).hexdigest().encode() != data[:64]:
        return None
    try:
        entry = fastjson.loads(data[65:])
    except Invalid:
        return None
    return entry if isinstance(entry, dict) else None


def _read_owned(path: str, limit: int) -> bytes | None:
    """The content of a regular file of ours that nobody else can write; else None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if (
            not stat.S_ISREG(info.st_mode)
            or info.st_uid != os.geteuid()
            or info.st_mode & 0o022
            or info.st_size > limit
        ):
            return None
        return os.read(fd, limit)
    except OSError:
        return None
    finally:
        os.close(fd)


def remember(runtime: Runtime, container_id: str, document: Mapping[str, Any], folder: str) -> None:
    """After the container of ``document`` was created: keep the filter that crun compiled for it, if that is new.

    Never fails: without an entry the next container compiles its own again."""
    key = document["annotations"].get(KEY_ANNOTATION)
    if not key:
        return
    code = _read_owned(os.path.join(runtime.state_root, container_id, "seccomp.bpf"), _MAX_FILTER)
    if not code or len(code) % 8 or not code.startswith(_LOAD_ARCH):
        return
    entry = {"profile": document["linux"]["seccomp"], "filter": binascii.b2a_base64(code, newline=False).decode()}
    body = fastjson.dumps(entry).encode()
    _store(folder, key, sha256(key.encode() + body).hexdigest().encode() + b"\n" + body)


def _store(folder: str, key: str, data: bytes) -> None:
    staged = os.path.join(folder, f".{key}.{os.getpid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        info = os.stat(folder, follow_symlinks=False)
        if info.st_uid != os.geteuid() or info.st_mode & 0o022:
            return  # others could swap entries: no cache
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
        os.rename(staged, os.path.join(folder, key))
    except OSError:
        pass  # a full or read-only runroot only costs time
