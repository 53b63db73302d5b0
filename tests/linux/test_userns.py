"""User namespaces from the ground up: made, held, joined. As root the same calls work on a namespace of root's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from tests.support import child
from tests.support.needs import needs_user_namespaces

from skerry.linux import process, userns

pytestmark = needs_user_namespaces


def in_child(action: Callable[[], object]) -> str:
    """What ``action`` returns (or raises) in a forked child: joining a namespace cannot be undone."""
    read, write = os.pipe()

    def answer() -> None:
        try:
            text = str(action())
        except OSError as error:
            text = f"{type(error).__name__} {error.errno}"
        os.write(write, text.encode())

    pid = child.fork(answer)
    os.close(write)
    assert child.wait(pid) == 0
    with open(read) as file:
        return file.read()


def map_single(pid: int) -> None:
    userns.write_single_maps(pid, os.geteuid(), os.getegid())


@pytest.fixture
def holder() -> Iterator[int]:
    pid = userns.create(["/bin/sleep", "60"], map_single, lambda _pid: None)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_the_holder_sleeps_in_both_namespaces_of_its_own(holder: int) -> None:
    for kind in ("user", "mnt"):
        assert os.readlink(f"/proc/{holder}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
    with open(f"/proc/{holder}/comm") as file:
        assert file.read() == "sleep\n"
    assert os.getsid(holder) == holder
    assert userns.owner(holder) == os.geteuid()


def test_the_holder_keeps_no_descriptor_of_ours(holder: int) -> None:
    links = {os.readlink(f"/proc/{holder}/fd/{name}") for name in os.listdir(f"/proc/{holder}/fd")}
    assert links == {"/dev/null"}


def test_joining_makes_us_root_and_keeps_the_directory(holder: int, tmp_path: os.PathLike[str]) -> None:
    def join() -> str:
        os.chdir(tmp_path)
        userns.join(holder)
        return f"{os.geteuid()} {os.getcwd()} {userns.owns_mounts()} {os.readlink('/proc/self/ns/user')}"

    assert in_child(join) == f"0 {tmp_path} True {os.readlink(f'/proc/{holder}/ns/user')}"


def test_joining_from_a_removed_directory(holder: int, tmp_path: os.PathLike[str]) -> None:
    def join() -> str:
        gone = os.path.join(tmp_path, "gone")
        os.mkdir(gone)
        os.chdir(gone)
        os.rmdir(gone)
        userns.join(holder)
        return os.getcwd()

    assert in_child(join) == "/"


def test_mounts_of_the_namespace_do_not_reach_the_host(holder: int, tmp_path: os.PathLike[str]) -> None:
    from skerry.linux.mount import mount

    def join() -> str:
        userns.join(holder)
        mount("none", str(tmp_path), "tmpfs")
        return str(os.path.ismount(tmp_path))

    assert in_child(join) == "True"
    assert not os.path.ismount(tmp_path)


def test_a_process_that_is_gone() -> None:
    assert in_child(lambda: userns.join(1 << 21)) == "ProcessLookupError 3"
    assert userns.owner(1 << 21) is None


def test_a_program_that_is_not_there_leaves_no_process() -> None:
    seen: list[int] = []
    with pytest.raises(FileNotFoundError, match="exec /no/such/program"):
        userns.create(["/no/such/program"], map_single, seen.append)
    assert not process.exists(seen[0])


def test_a_failing_map_leaves_no_process() -> None:
    seen: list[int] = []

    def fail(pid: int) -> None:
        seen.append(pid)
        raise ValueError

    with pytest.raises(ValueError, match=r".*"):
        userns.create(["/bin/sleep", "60"], fail, lambda _pid: None)
    assert not process.exists(seen[0])


@pytest.mark.parametrize("moment", ["map", "record"])
def test_killed_halfway_leaves_no_process(moment: str) -> None:
    def die(pid: int) -> None:
        os.write(write, str(pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    read, write = os.pipe()
    steps = (die if moment == "map" else map_single, die if moment == "record" else lambda _pid: None)
    assert child.wait(child.fork(lambda: userns.create(["/bin/sleep", "60"], *steps))) == -signal.SIGKILL
    holder = int(os.read(read, 32))
    os.close(read)
    os.close(write)
    for _ in range(200):
        if process.start_time(holder) is None:
            return
        time.sleep(0.01)
    pytest.fail(f"process {holder} is left")
