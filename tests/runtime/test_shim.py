"""The shims' protocol: what is written, what is read, and what a shim that misbehaves does to us."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import NotFound, SkerryError, Unavailable, Unsupported
from skerry.runtime import oci
from skerry.runtime.shim import command, protobuf, ttrpc
from skerry.runtime.shim.place import Place


def test_numbers_strings_and_messages_are_encoded_as_protobuf_says() -> None:
    assert protobuf.encode([(1, 150)]) == b"\x08\x96\x01"
    assert protobuf.encode([(2, "testing")]) == b"\x12\x07testing"
    assert protobuf.encode([(3, protobuf.encode([(1, 150)]))]) == b"\x1a\x03\x08\x96\x01"
    assert protobuf.encode([(1, 0), (2, ""), (3, False), (4, b"")]) == b""
    assert protobuf.encode([(1, -1)]) == b"\x08" + b"\xff" * 9 + b"\x01"


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 2**64 - 1) | st.binary(min_size=1)), max_size=8))
def test_what_is_written_is_read_back(fields: list[tuple[int, int | bytes]]) -> None:
    found = protobuf.decode(protobuf.encode(fields))
    for number, values in found.items():
        assert values == [value for field, value in fields if field == number]
    assert found.keys() == {field for field, _ in fields}


@given(st.binary(max_size=40))
def test_a_damaged_message_is_an_error_or_a_message(data: bytes) -> None:
    try:
        found = protobuf.decode(data)
    except Unavailable:
        return  # and no other error
    assert all(0 <= number < 2**61 for number in found)


@pytest.mark.parametrize("data", [b"\x08", b"\x12\x05ab", b"\x08" + b"\xff" * 11, b"\x0b", b"\x09\x01"])
def test_a_message_that_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(Unavailable, match="damaged message"):
        protobuf.decode(data)


Serve = Callable[[Callable[[bytes], bytes]], str]


@pytest.fixture
def serve(short_tmp: Path) -> Iterator[Serve]:
    """A server whose answer to the first request is made by a function; its address."""
    threads: list[threading.Thread] = []

    def serve(answer: Callable[[bytes], bytes]) -> str:
        path = str(short_tmp / "sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()

        def talk() -> None:
            with server, server.accept()[0] as client:
                header = client.recv(10, socket.MSG_WAITALL)
                body = client.recv(int.from_bytes(header[:4], "big"), socket.MSG_WAITALL)
                client.sendall(answer(header + body))

        threads.append(threading.Thread(target=talk))
        threads[-1].start()
        return "unix://" + path

    yield serve
    for thread in threads:
        thread.join(10)


def response(body: bytes, stream: int = 1, kind: int = 2) -> bytes:
    return len(body).to_bytes(4, "big") + stream.to_bytes(4, "big") + bytes((kind, 0)) + body


def failing(code: int, text: str) -> bytes:
    return response(protobuf.encode([(1, protobuf.encode([(1, code), (2, text)]))]))


def test_a_request_has_its_service_method_and_payload(serve: Serve) -> None:
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return response(protobuf.encode([(2, b"back")]))

    assert ttrpc.Connection(serve(answer), timeout_s=10).call("a.Service", "Do", b"there") == b"back"
    assert seen[0][4:10] == b"\0\0\0\1\1\0"
    assert protobuf.decode(seen[0][10:]) == {1: [b"a.Service"], 2: [b"Do"], 3: [b"there"]}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (failing(5, "no\nsuch"), NotFound, "container does not exist: no such"),
        (failing(12, "x"), Unsupported, "cannot do this: x"),
        (failing(2, "it broke"), Unavailable, "it broke"),
        (b"", ttrpc.Closed, "is gone"),
        (b"\0\0", ttrpc.Closed, "is gone"),
        (response(b"x" * 10)[:12], ttrpc.Closed, "is gone"),
        (response(b"\x0a\x50"), Unavailable, "damaged"),
        (b"\xff\xff\xff\xff" + b"\0\0\0\1\2\0", Unavailable, "a message of 4294967295 bytes"),
    ],
)
def test_errors_of_a_shim_and_its_end_are_told_apart(
    serve: Serve, answer: bytes, kind: type[SkerryError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ttrpc.Connection(serve(lambda _: answer), timeout_s=10).call("s", "M", b"")


def test_a_message_of_another_stream_is_passed_over(serve: Serve) -> None:
    both = response(protobuf.encode([(2, b"other")]), stream=7) + response(protobuf.encode([(2, b"mine")]))
    assert ttrpc.Connection(serve(lambda _: both), timeout_s=10).call("s", "M", b"") == b"mine"


def test_a_name_of_containerd_means_its_program() -> None:
    assert oci.quirks_of("/usr/bin/containerd-shim-runc-v2").shim
    assert oci.quirks_of("/usr/bin/containerd-shim-runc-v2").own_processes
    assert not oci.quirks_of("/opt/containerd-shim-kata-v2").own_processes
    assert not oci.quirks_of("/usr/bin/runc").shim


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--root=/nowhere", "state", "nosuch"], "container does not exist"),
        (["checkpoint", "x"], "a containerd shim cannot do checkpoint"),
        (["--novelty", "state", "x"], "a containerd shim has no flag --novelty"),
        (["state"], "a container's id is required"),
        (["--root=/nowhere", "kill", "../x"], "a container's id is required"),
    ],
)
def test_what_the_adapter_cannot_do_is_one_line_in_its_log(tmp_path: Path, argv: list[str], words: str) -> None:
    assert command.main([f"--log={tmp_path}/log", *argv]) == 1
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert words in json.loads(line)["msg"]


def test_a_shim_that_does_not_start_says_why(tmp_path: Path) -> None:
    shim = tmp_path / "containerd-shim-broken-v1"
    shim.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    shim.chmod(0o755)
    with pytest.raises(Unavailable, match="containerd-shim-broken-v1 does not start: it is broken"):
        Place(str(tmp_path / "state"), "x", str(shim)).start_shim(str(tmp_path))


def test_a_newer_shims_answer_to_start_is_json(tmp_path: Path) -> None:
    shim = tmp_path / "containerd-shim-new-v9"
    shim.write_text('#!/bin/sh\necho \'{"version":3,"address":"unix:///x","protocol":"ttrpc"}\'\n')
    shim.chmod(0o755)
    place = Place(str(tmp_path / "state"), "x", str(shim))
    assert place.start_shim(str(tmp_path)) == ("unix:///x", 3)
    shim.write_text('#!/bin/sh\necho \'{"version":3,"address":"unix:///x","protocol":"grpc"}\'\n')
    with pytest.raises(Unavailable, match="speaks grpc, not ttrpc"):
        place.start_shim(str(tmp_path))
