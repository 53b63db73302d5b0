"""System calls that Python's ``os`` lacks, over ``_ctypes`` (0.2 ms; the ``ctypes`` module costs 2.1).

Only this file touches ``_ctypes``. Every wrapper elsewhere in ``linux`` is three lines on top of `call` and
`syscall`; a failing call becomes an ``OSError`` that names the call and what it was about.
"""

from __future__ import annotations

import os
from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen, dlsym, get_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Long(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class ULong(_SimpleCData):  # type: ignore[type-arg]
    """An unsigned long argument: bare ints are passed as 32-bit."""

    _type_ = "L"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Long


_libc = dlopen(None, 0)  # type: ignore[arg-type]  # None: what this process has loaded
_functions: dict[str, Any] = {}


def _function(name: str) -> Any:
    function = _functions.get(name)
    if function is None:
        function = _functions[name] = _Function(dlsym(_libc, name))
    return function


def check(result: int, name: str, about: str) -> int:
    """``result``, or the ``OSError`` that errno tells, naming the call."""
    if result == -1:
        errno = get_errno()
        raise OSError(errno, f"{name}: {os.strerror(errno)}", about)
    return result


def call(name: str, *args: Any, about: str = "") -> int:
    """Call the C library's ``name``. ``bytes`` go as pointers, ints as ``unsigned long``, None as NULL."""
    passed = [ULong(arg) if type(arg) is int else arg for arg in args]
    result: int = _function(name)(*passed)
    # int-returning functions leave the upper half of rax undefined; all wrapped ones return int or long.
    if result & 0xFFFFFFFF == 0xFFFFFFFF:
        result = -1
    return check(result, name, about)


_X86_64 = {
    "pivot_root": 155, "openat2": 437, "pidfd_send_signal": 424, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "close_range": 436,
    "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443, "renameat2": 316, "keyctl": 250, "seccomp": 317,
}  # fmt: skip
_GENERIC = _X86_64 | {"pivot_root": 41, "renameat2": 276, "keyctl": 219, "seccomp": 277}  # aarch64, riscv64
NUMBERS = _X86_64 if os.uname().machine == "x86_64" else _GENERIC


def syscall(name: str, *args: Any, about: str = "") -> int:
    """Make the system call ``name`` (one of `NUMBERS`); arguments as for `call`."""
    passed = [ULong(arg) if type(arg) is int else arg for arg in args]
    return check(_function("syscall")(ULong(NUMBERS[name]), *passed), name, about)
