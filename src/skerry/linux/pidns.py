"""A program of the host in another process's pid namespace, so that it sees the processes there."""

from __future__ import annotations

import os

from skerry.linux.libc import call, syscall
from skerry.linux.mount import AT_FDCWD, MOUNT_ATTR_RDONLY, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC, mount
from skerry.linux.namespaces import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, setns, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_AT_RECURSIVE = 0x8000
NOT_RUN = 255


def run_beside(pid: int, argv: Sequence[str], *, join_user: bool) -> tuple[int, str, str]:
    """Run ``argv`` (a path first) to its end in the pid namespace of ``pid``, with a /proc of it and nothing that it could
    write to; ``join_user``: in its user namespace, too. The exit code (`NOT_RUN` where it could not be run), stdout, stderr.

    Processes there see it as one of theirs: call it only where none of them may trace others."""
    out, err = os.memfd_create("out", os.MFD_CLOEXEC), os.memfd_create("err", os.MFD_CLOEXEC)
    try:
        child = os.fork()
        if child == 0:
            _become(pid, argv, out, err, join_user=join_user)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = [os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace") for fd in (out, err)]
        return 128 - code if code < 0 else code, texts[0], texts[1]
    finally:
        os.close(out)
        os.close(err)


def _become(pid: int, argv: Sequence[str], out: int, err: int, *, join_user: bool) -> None:
    """In the child; never returns."""
    code = NOT_RUN
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for fd, number in ((null, 0), (out, 1), (err, 2)):
            os.dup2(fd, number)
        processes = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        users = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC) if join_user else -1
        for option, value in ((_PR_SET_PDEATHSIG, 9), (_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
            call("prctl", option, value, 0, 0, 0)
        _hold_still(argv[0])
        setns(processes, CLONE_NEWPID)
        grandchild = os.fork()
        if grandchild == 0:
            _execute(argv, users)
        code = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
        code = 128 - code if code < 0 else code
    except OSError as error:
        os.write(2, f"{error.strerror}\n".encode())
    finally:
        os._exit(code)


def _hold_still(program: str) -> None:
    """Mounts of our own, all read-only: nobody who gets hold of the process can change the program through it."""
    unshare(CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    attributes = MOUNT_ATTR_RDONLY.to_bytes(8, "little") + bytes(24)
    syscall("mount_setattr", AT_FDCWD & 0xFFFFFFFF, b"/", _AT_RECURSIVE, attributes, len(attributes), about="/")
    if os.access(program, os.W_OK):
        raise OSError(1, f"{program} could be written to")


def _execute(argv: Sequence[str], users: int) -> None:
    try:
        call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        if users >= 0:
            setns(users, CLONE_NEWUSER)
        os.closerange(3, 1024)
        os.execve(argv[0], list(argv), {"HOME": "/", "PATH": os.defpath})
    except OSError as error:
        os.write(2, f"{error.strerror}\n".encode())
    finally:
        os._exit(NOT_RUN)
