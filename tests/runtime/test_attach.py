"""The attach socket's client against a conmon that the test plays itself."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skerry.errors import Invalid, SkerryError, Unavailable
from skerry.linux import unix_peer
from skerry.linux.unix_peer import is_accepted
from skerry.runtime import attach
from skerry.runtime.detach import Scanner, parse_keys


class Conmon:
    """One listening SOCK_SEQPACKET socket, and the connection that comes in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = os.open(path.parent, os.O_PATH)
        self._socket.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        self._socket.listen()

    def play(self, script: Callable[[socket.socket], None]) -> threading.Thread:
        def serve() -> None:
            connection, _ = self._socket.accept()
            with connection:
                script(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        return thread

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def conmon(tmp_path: Path) -> Iterator[Conmon]:
    server = Conmon(tmp_path / "attach")
    yield server
    server.close()


class Files:
    """Files for the output, a pipe for the input."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        self.out_fd, self.err_fd = (os.open(path, os.O_RDWR | os.O_CREAT) for path in (self.out, self.err))
        self.stdin, self.typing = os.pipe()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path)
    yield made
    for fd in (made.out_fd, made.err_fd, made.stdin):
        os.close(fd)


def carry(conmon: Conmon, files: Files, *, stdin: bool = False, keys: bytes | None = None, tty: bool = False) -> str:
    return attach.stream(
        attach.connect(str(conmon.path)), stdin=files.stdin if stdin else None, stdout=files.out_fd,
        stderr=files.err_fd, tty=tty, detach_keys=keys,
    )  # fmt: skip


def test_output_and_errors_stay_apart_and_exact(conmon: Conmon, files: Files) -> None:
    data = os.urandom(1 << 20)

    def script(connection: socket.socket) -> None:
        for start in range(0, len(data), 8191):
            connection.send(b"\x02" + data[start : start + 8191])
            connection.send(b"\x03" + data[start : start + 100])

    thread = conmon.play(script)
    assert carry(conmon, files) == "eof"
    thread.join()
    assert files.out.read_bytes() == data
    assert files.err.read_bytes() == b"".join(data[start : start + 100] for start in range(0, len(data), 8191))


def test_a_connection_is_waited_for_until_it_is_accepted(conmon: Conmon) -> None:
    attachment = attach.connect(str(conmon.path))
    fd = attachment.socket.fileno()
    assert (is_accepted(fd), unix_peer._waits(fd)) == (False, True)
    done = threading.Event()
    waiting = threading.Thread(target=lambda: (attachment.wait_accepted(), done.set()))
    waiting.start()
    assert not done.wait(0.2)
    left = threading.Event()
    thread = conmon.play(lambda _connection: left.wait(10) and None)
    assert done.wait(5)
    assert (is_accepted(fd), unix_peer._waits(fd)) == (True, False)
    left.set()
    for each in (thread, waiting):
        each.join()
    attachment.wait_accepted()  # it is gone
    attachment.close()


def test_nobody_waits_for_a_conmon_that_has_died(conmon: Conmon) -> None:
    attachment = attach.connect(str(conmon.path))
    conmon.close()
    begun = time.monotonic()
    attachment.wait_accepted()
    assert time.monotonic() - begun < 5
    attachment.close()


def test_input_arrives_whole_and_ends(conmon: Conmon, files: Files) -> None:
    data, received = os.urandom(3 << 20), []

    def script(connection: socket.socket) -> None:
        while packet := connection.recv(32768):
            received.append(packet)

    thread = conmon.play(script)
    writer = threading.Thread(target=lambda: (write_fully(files.typing, data), os.close(files.typing)))
    writer.start()
    assert carry(conmon, files, stdin=True) == "eof"
    thread.join()
    writer.join()
    assert b"".join(received) == data


def write_fully(fd: int, data: bytes) -> None:
    attach.write_all(fd, data)


def test_input_goes_on_while_nobody_reads_the_output(conmon: Conmon, files: Files) -> None:
    reader, writer = os.pipe()
    seen = threading.Event()

    def script(connection: socket.socket) -> None:
        for _ in range(20):
            connection.send(b"\x02" + bytes(8000))  # more than our standard output takes
        connection.recv(32768)
        seen.set()

    conmon.play(script)
    client = threading.Thread(
        target=lambda: attach.stream(attach.connect(str(conmon.path)), stdin=files.stdin, stdout=writer, stderr=None)
    )
    client.start()
    os.write(files.typing, b"go on\n")
    assert seen.wait(10)
    left = 160000
    while left:
        left -= len(os.read(reader, left))
    client.join()
    os.close(files.typing)


def test_the_end_of_the_container_leaves_unread_input_alone(conmon: Conmon, files: Files) -> None:
    thread = conmon.play(lambda _: None)
    assert carry(conmon, files, stdin=True) == "eof"
    thread.join()
    os.write(files.typing, b"for the next one")
    assert os.read(files.stdin, 100) == b"for the next one"
    os.close(files.typing)


def test_detach_keys_leave(conmon: Conmon, files: Files) -> None:
    received = []
    done = threading.Event()

    def script(connection: socket.socket) -> None:
        while packet := connection.recv(32768):
            received.append(packet)
        done.wait(5)

    thread = conmon.play(script)
    os.write(files.typing, b"abc\x10")
    threading.Timer(0.1, lambda: os.write(files.typing, b"\x11lost")).start()
    assert carry(conmon, files, stdin=True, keys=b"\x10\x11", tty=True) == "detached"
    done.set()
    thread.join()
    assert b"".join(received) == b"abc"
    os.close(files.typing)


def test_a_reader_that_left_is_podmans_error(conmon: Conmon) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    thread = conmon.play(lambda connection: connection.send(b"\x02hello") and None)
    with pytest.raises(SkerryError, match="write /dev/stdout: broken pipe") as caught:
        attach.stream(attach.connect(str(conmon.path)), stdin=None, stdout=writer, stderr=None)
    assert caught.value.exit_code == 126
    os.close(writer)
    thread.join()


def test_a_non_blocking_output_loses_nothing(conmon: Conmon) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    thread = conmon.play(lambda connection: [connection.send(b"\x02" + bytes(8000)) for _ in range(50)] and None)
    client = threading.Thread(
        target=lambda: attach.stream(attach.connect(str(conmon.path)), stdin=None, stdout=writer, stderr=None)
    )
    client.start()
    left = 400000
    while left:
        left -= len(os.read(reader, left))
    client.join()
    thread.join()


def test_a_socket_with_a_long_path_is_reached(tmp_path: Path, files: Files) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    server = Conmon(folder / "attach")
    thread = server.play(lambda connection: connection.send(b"\x02hi") and None)
    assert carry(server, files) == "eof"
    thread.join()
    server.close()
    assert files.out.read_bytes() == b"hi"


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="failed to connect to container's attach socket"):
        attach.connect(str(tmp_path / "attach"))


@pytest.mark.parametrize(
    ("text", "keys"),
    [("ctrl-p,ctrl-q", b"\x10\x11"), ("", b""), ("a", b"a"), ("ctrl-@,ctrl-[,ctrl-\\,ctrl-_", b"\x00\x1b\x1c\x1f"), ("DEL,q", b"\x7fq")],
)  # fmt: skip
def test_keys_are_written_as_podman_has_them(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-1", "ctrl-p,,", "ab", "ctrl-"])
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid detach keys: Unknown character: '"):
        parse_keys(text)


@pytest.mark.parametrize(
    ("pieces", "passed", "found"),
    [
        ([b"abc"], b"abc", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"a\x10", b"\x11"], b"a", True),
        ([b"a\x10", b"b"], b"a\x10b", False),
        ([b"\x10\x10\x11"], b"\x10", True),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
    ],
)
def test_keys_are_found_in_pieces(pieces: list[bytes], passed: bytes, found: bool) -> None:
    scanner, out, over = Scanner(b"\x10\x11"), b"", False
    for piece in pieces:
        data, over = scanner.feed(piece)
        out += data
        if over:
            break
    assert (out + scanner.rest(), over) == (passed, found)


def test_output_is_whole_when_the_input_was_never_read(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(b"nobody reads this")
    for number in range(3):
        theirs.send(b"\2" + b"%d" % number * 1000)
    theirs.close()
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    assert attach.stream(attach.Attachment(ours), stdin=None, stdout=out, stderr=None) == "eof"
    assert (tmp_path / "out").read_bytes() == b"".join(b"%d" % number * 1000 for number in range(3))
