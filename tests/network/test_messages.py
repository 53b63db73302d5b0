"""Netlink messages, byte for byte."""

from __future__ import annotations

import struct

import pytest

from skerry.linux.netlink import nft, route
from skerry.linux.netlink.message import attribute, attributes, message, messages, nested


def test_attributes_are_padded_and_read_back() -> None:
    data = attribute(1, b"abc") + nested(2, attribute(3, b"12345678"))
    assert data[:8] == struct.pack("=HH", 7, 1) + b"abc\0"
    found = attributes(data)
    assert found[1] == b"abc"
    assert attributes(found[2]) == {3: b"12345678"}


def test_a_broken_length_ends_the_reading() -> None:
    assert attributes(b"\0\0\1\0abcd") == {}
    assert list(messages(b"\1" + bytes(20))) == []


def test_message_header() -> None:
    data = message(16, 4, b"body", 7)
    assert struct.unpack("=IHHII", data[:16]) == (20, 16, 5, 7, 0)
    assert list(messages(data)) == [(16, 7, b"body")]


def test_keys_fill_whole_registers() -> None:
    assert nft.port_key(6, 8080) == bytes([6, 0, 0, 0, 0x1F, 0x90, 0, 0])
    assert nft.port_key(17, 53, b"\x7f\0\0\1") == b"\x7f\0\0\1" + bytes([17, 0, 0, 0, 0, 53, 0, 0])
    assert nft.target(b"\x0a\x58\0\2", 80) == b"\x0a\x58\0\2\0\x50\0\0"


def test_many_elements_are_several_messages_below_the_attributes_limit() -> None:
    parts = nft.add_elements("t", "s", [(nft.port_key(6, n), b"", b"12345678", 0) for n in range(2000)])
    assert len(parts) == 4
    assert max(map(len, parts)) < 65536


@pytest.mark.parametrize(("prefix", "broadcast"), [(24, b"\x0a\0\0\xff"), (16, b"\x0a\0\xff\xff")])
def test_broadcast_address(prefix: int, broadcast: bytes) -> None:
    assert attributes(route.new_address(2, b"\x0a\0\0\1", prefix)[16:], 8)[route.IFA_BROADCAST] == broadcast
