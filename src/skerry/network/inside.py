"""A program in the network namespace of a user's bridges (``unshare --rootless-netns``)."""

from __future__ import annotations

import _signal
import os

from skerry.linux.mount import MS_BIND, MS_PRIVATE, MS_REC, mount
from skerry.linux.namespaces import CLONE_NEWNET, CLONE_NEWNS, setns, unshare
from skerry.network import etc_files, pasta, shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skerry.network.context import NetworkContext


def run_inside(context: NetworkContext, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run ``argv`` to its end with our stdio; its exit code (128 + signal). The namespace is made where there is none,
    and goes again if no container is in it then. The caller has one thread."""
    fd = shared.opened(context)
    resolver = f"{os.path.dirname(context.host_dir)}/resolv.{os.getpid()}"
    with open(resolver, "w", encoding="utf-8") as file:
        file.write(etc_files.resolv_conf(forwarder=pasta.DNS_FORWARD))
    pid = os.fork()
    if pid == 0:
        _become(fd, resolver, argv, env)
    os.close(fd)
    # The terminal's Ctrl-C is the program's: we wait for what it makes of it.
    for number in (_signal.SIGINT, _signal.SIGQUIT):
        _signal.signal(number, _signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.unlink(resolver)
    shared.end_unused(context)
    return 128 - code if code < 0 else code


def _become(fd: int, resolver: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
    """In the child; never returns."""
    code, words = 125, ""
    try:
        setns(fd, CLONE_NEWNET)
        unshare(CLONE_NEWNS)
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        mount(resolver, "/etc/resolv.conf", flags=MS_BIND)
        # Python ignores these two; a program that inherits that writes on into closed pipes.
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(number, _signal.SIG_DFL)
        os.execvpe(argv[0], list(argv), env)
    except FileNotFoundError:
        code, words = 127, f'exec: "{argv[0]}": executable file not found in $PATH'
        if "/" in argv[0]:
            words = f"exec {argv[0]}: no such file or directory"
    except OSError as error:
        code, words = 126, f"exec {argv[0]}: {(error.strerror or '').lower()}"
    finally:
        os.write(2, f"Error: {words}\n".encode(errors="replace"))
        os._exit(code)
