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


def test_a_bridge_that_filters_vlans_in_a_vrf_and_a_port_of_one_vlan() -> None:
    made = route.new_bridge("br0", b"\2\0\0\0\0\1", filters_vlans=True, master=7)
    found = attributes(made[16:], 16)
    assert found[10] == struct.pack("=I", 7)  # IFLA_MASTER
    info = attributes(found[18])  # IFLA_LINKINFO: kind, data
    assert info[1] == b"bridge\0"
    assert attributes(info[2]) == {7: b"\1"}  # IFLA_BR_VLAN_FILTERING
    plain = attributes(attributes(route.new_bridge("br0", b"\2\0\0\0\0\1")[16:], 16)[18])
    assert plain == {1: b"bridge\0"}
    later = attributes(attributes(route.filter_vlans(5)[16:], 16)[18])
    assert attributes(later[2]) == {7: b"\1"}
    port = route.join_vlan(42, 100)
    assert struct.unpack("=H", port[4:6]) == (19,)  # RTM_SETLINK
    assert struct.unpack("=BxHi", port[16:24]) == (7, 0, 42)  # AF_BRIDGE
    (spec,) = attributes(port[16:], 16).values()
    assert attributes(spec) == {2: struct.pack("=HH", 2 | 4, 100)}  # PVID and untagged


def test_a_route_that_refuses_has_neither_gateway_nor_link() -> None:
    message = route.new_refusal("prohibit", bytes([10, 21, 0, 0]), 16, 250)
    assert message[16 + 7] == 8  # rtm_type
    assert attributes(message[16:], 12) == {1: bytes([10, 21, 0, 0]), 6: struct.pack("=I", 250)}
