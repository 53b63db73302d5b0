"""Programs started without subprocess."""

from __future__ import annotations

import os
import time

import pytest

from skerry.errors import Unavailable
from skerry.linux.spawn import run, spawn


def code_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_output_input_and_exit_code_of_a_program() -> None:
    done = run(["sh", "-c", "cat; echo oops >&2; exit 7"], input=b"hello")
    assert (done.code, done.stdout, done.stderr) == (7, b"hello", b"oops\n")


def test_more_than_a_pipe_holds_passes_both_ways() -> None:
    data = os.urandom(1 << 20)
    assert run(["cat"], input=data).stdout == data


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    assert run(["true"], input=b"x" * (1 << 20)).code == 0


def test_death_by_a_signal_is_128_and_its_number() -> None:
    assert run(["sh", "-c", "kill -9 $$"]).code == 137


def test_a_missing_program_is_named() -> None:
    with pytest.raises(Unavailable, match="cannot run no-such-program: no such program"):
        run(["no-such-program"])


def test_a_file_that_is_no_program_is_refused() -> None:
    with pytest.raises(Unavailable, match="Permission denied"):
        run(["/etc/passwd"])


def test_a_missing_folder_to_start_in_is_not_a_missing_program() -> None:
    with pytest.raises(Unavailable, match="No such file or directory"):
        spawn(["true"], cwd="/no/such/folder")


def test_a_null_byte_is_refused() -> None:
    with pytest.raises(Unavailable, match="null byte"):
        run(["echo", "a\0b"])


def test_a_program_that_takes_too_long_is_killed() -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not end within 0\.1 seconds"):
        run(["sleep", "30"], timeout_s=0.1)
    assert time.monotonic() - started < 5


def test_only_the_named_descriptors_are_inherited() -> None:
    kept, other = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(other, True)
    read, write = os.pipe()
    pid = spawn(["sh", "-c", "ls /proc/$$/fd"], stdout=write, pass_fds=[kept])
    os.close(write)
    with open(read, "rb") as file:
        seen = {int(line) for line in file}
    assert code_of(pid) == 0
    assert kept in seen
    assert other not in seen
    os.close(kept)
    os.close(other)


def test_the_environment_is_replaced() -> None:
    assert run(["/usr/bin/env"], env={"A": "1"}).stdout == b"A=1\n"


def test_a_new_session_has_no_part_of_ours() -> None:
    pid = spawn(["sleep", "0.2"], new_session=True)
    assert os.getsid(pid) == pid
    assert code_of(pid) == 0


def test_nothing_is_left_open_after_failures() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            run(["no-such-program"], input=b"x")
    assert len(os.listdir("/proc/self/fd")) == before
