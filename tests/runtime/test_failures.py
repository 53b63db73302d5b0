"""What runtimes say, in Podman's words and exit codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import CommandNotFound, CommandNotRunnable, SkerryError, Unavailable
from skerry.runtime.failures import message_in, translate


@pytest.mark.parametrize(
    ("runtime", "message", "kind", "text"),
    [
        ("crun", "executable file `x` not found in $PATH: No such file or directory", CommandNotFound,
         "crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found"),
        ("crun", "open executable: Operation not permitted", CommandNotRunnable, "crun: open executable: Operation not permitted: OCI permission denied"),
        ("runc", 'runc create failed: unable to start container process: exec: "/etc": is a directory', CommandNotRunnable,
         'OCI runtime error: runc: runc create failed: unable to start container process: exec: "/etc": is a directory'),
        ("crun", "cgroups in hybrid mode not supported", Unavailable, "OCI runtime error: crun: cgroups in hybrid mode not supported"),
        ("crun", "creating cgroup directory `/x`: No such file or directory", Unavailable,
         "OCI runtime error: crun: creating cgroup directory `/x`: No such file or directory"),
        ("crun", "", Unavailable, "OCI runtime error: crun: failed without a message"),
    ],
)  # fmt: skip
def test_known_messages(runtime: str, message: str, kind: type[SkerryError], text: str) -> None:
    error = translate(runtime, message)
    assert type(error) is kind
    assert error.message == text


def test_the_last_error_of_a_log_counts() -> None:
    log = b'{"level":"warning","msg":"a"}\n{"level":"error","msg":"b"}\n{"level":"info","msg":"c"}\n'
    assert message_in(log) == "b"
    assert message_in(b"plain\ntext\n") == "text"
    assert message_in(b"{broken\n") == "{broken"
    assert message_in(b"") == ""


@given(st.binary(max_size=300))
def test_any_bytes_become_one_printable_line(log: bytes) -> None:
    message = translate("crun", message_in(log)).message
    assert message.isprintable()
