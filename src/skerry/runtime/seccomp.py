"""The seccomp profile: containers' JSON (conditions on capabilities, architecture, kernel) → OCI ``linux.seccomp``.

Format: containers/common pkg/seccomp, the same as Docker's. Compiled filters are cached by `skerry.runtime.bpf`.
"""

from __future__ import annotations

import errno
import os

from skerry import fastjson
from skerry.errors import Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# The first that exists is the default, as in Podman: the administrator's before the distribution's.
DEFAULT_PATHS = (
    "/etc/containers/seccomp.json",
    "/usr/share/containers/seccomp.json",
    "/usr/local/share/containers/seccomp.json",
    "/usr/etc/containers/seccomp.json",
)
_MAX_SIZE = 4 << 20
# Names in the profiles (Go's) and libseccomp's by what uname(2) says.
_ARCHES = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64"), "armv7l": ("arm", "SCMP_ARCH_ARM"),
    "armv6l": ("arm", "SCMP_ARCH_ARM"), "i686": ("x86", "SCMP_ARCH_X86"), "i386": ("x86", "SCMP_ARCH_X86"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"), "s390x": ("s390x", "SCMP_ARCH_S390X"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"), "mips64": ("mips64", "SCMP_ARCH_MIPS64"),
    "loongarch64": ("loong64", "SCMP_ARCH_LOONGARCH64"),
}  # fmt: skip


def default_path(configured: str = "") -> str:
    """The default profile's file. `Unavailable` when there is none: running without would weaken every container."""
    for path in (configured, *DEFAULT_PATHS):
        if path and os.path.exists(path):
            return path
    raise Unavailable(
        f"no seccomp profile: none of {', '.join(DEFAULT_PATHS)} exists",
        hint="install golang-github-containers-common (Debian) or containers-common, or pass --security-opt seccomp=FILE",
    )


def read_profile(path: str) -> bytes:
    """The bytes of a profile."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        raise NotFound(f"opening seccomp profile failed: open {path}: no such file or directory") from None
    except OSError as error:
        raise Unavailable(
            f"opening seccomp profile failed: open {path}: {os.strerror(error.errno or 0).lower()}"
        ) from error
    if len(data) > _MAX_SIZE:
        raise Invalid(f"seccomp profile {path} is larger than {_MAX_SIZE} bytes")
    return data


def machine() -> str:
    """What uname(2) says about the processor."""
    return os.uname().machine


def convert(
    profile: bytes, *, bounding: Sequence[str], machine: str, kernel: str = "", path: str = ""
) -> dict[str, Any]:
    """OCI ``linux.seccomp`` for a process with the capabilities ``bounding`` on ``machine``. `Invalid` names ``path``."""
    failed = f"loading seccomp profile ({path}) failed" if path else "loading seccomp profile failed"
    try:
        document = fastjson.loads(profile)
        if not isinstance(document, dict):
            raise Invalid("not an object")
        return _convert(document, frozenset(bounding), machine, _version(kernel or os.uname().release))
    except Invalid as error:
        raise Invalid(f"{failed}: {_undecoded(profile) or error.message}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{failed}: malformed: {error}") from None


def _undecoded(profile: bytes) -> str:
    """What Go's decoder, and so Podman, says of text that does not even begin as JSON."""
    text = profile.decode(errors="replace").lstrip()
    if not text:
        return "decoding seccomp profile failed: unexpected end of JSON input"
    if text[0] in '{["-0123456789' or text.startswith(("true", "false", "null")):
        return ""
    return f"decoding seccomp profile failed: invalid character '{text[0]}' looking for beginning of value"


def _convert(document: dict[str, Any], caps: frozenset[str], machine: str, kernel: tuple[int, int]) -> dict[str, Any]:
    arch, native = _ARCHES.get(machine, (machine, ""))
    if document.get("architectures") and document.get("archMap"):
        raise Invalid(
            "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'"
        )
    result: dict[str, Any] = {"defaultAction": document["defaultAction"]}
    default_errno = _errno(document.get("defaultErrno"), document.get("defaultErrnoRet"))
    if default_errno is not None:
        result["defaultErrnoRet"] = default_errno
    architectures = list(document.get("architectures") or ())
    for row in document.get("archMap") or ():
        if row["architecture"] == native:
            architectures = [native, *(row.get("subArchitectures") or ())]
    for name, value in (("architectures", architectures), ("flags", document.get("flags")),
                        ("listenerPath", document.get("listenerPath")), ("listenerMetadata", document.get("listenerMetadata"))):  # fmt: skip
        if value:
            result[name] = value
    result["syscalls"] = [_syscall(row) for row in document.get("syscalls") or () if _applies(row, caps, arch, kernel)]
    return result


def _applies(row: dict[str, Any], caps: frozenset[str], arch: str, kernel: tuple[int, int]) -> bool:
    includes, excludes = row.get("includes") or {}, row.get("excludes") or {}
    if arch in (excludes.get("arches") or ()) or caps.intersection(excludes.get("caps") or ()):
        return False
    if excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]):
        return False
    if includes.get("arches") and arch not in includes["arches"]:
        return False
    if includes.get("minKernel") and kernel < _version(includes["minKernel"]):
        return False
    return caps.issuperset(includes.get("caps") or ())


def _syscall(row: dict[str, Any]) -> dict[str, Any]:
    names = list(row.get("names") or ())
    if row.get("name"):
        if names:
            raise Invalid("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'")
        names = [row["name"]]
    result: dict[str, Any] = {"names": names, "action": row["action"]}
    number = _errno(row.get("errno"), row.get("errnoRet"))
    if number is not None:
        result["errnoRet"] = number
    args = []
    for arg in row.get("args") or ():
        entry = {"index": arg["index"], "value": arg["value"], "op": arg["op"]}
        if arg.get("valueTwo"):
            entry["valueTwo"] = arg["valueTwo"]
        args.append(entry)
    if args:
        result["args"] = args
    return result


def _errno(name: str | None, number: int | None) -> int | None:
    if name:
        value = getattr(errno, name, None)
        if not isinstance(value, int):
            raise Invalid(f"unknown errno {name!r}")
        return value
    return number


def _version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    digits = ""
    for char in rest:
        if not char.isdigit():
            break
        digits += char
    return int(major), int(digits or 0)
