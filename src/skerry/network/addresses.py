"""IP addresses and subnets as bytes and numbers (``ipaddress`` costs 2.6 ms to import)."""

from __future__ import annotations

import _socket

from skerry.errors import Invalid


def pack(text: str) -> bytes:
    """4 or 16 bytes. `Invalid` when it is no address."""
    try:
        return _socket.inet_pton(_socket.AF_INET6 if ":" in text else _socket.AF_INET, text)
    except (OSError, ValueError):
        raise Invalid(f'"{text}" is not a valid IP address') from None


def unpack(packed: bytes) -> str:
    """The address in its usual form."""
    return _socket.inet_ntop(_socket.AF_INET if len(packed) == 4 else _socket.AF_INET6, packed)


def is_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address."""
    try:
        pack(text)
    except Invalid:
        return False
    return True


class Net:
    """A subnet: ``first`` and ``last`` are its network and broadcast address as numbers, ``size`` 4 or 16 bytes,
    ``given`` the address that it was told by."""

    __slots__ = ("first", "given", "last", "prefix", "size")

    def __init__(self, text: str) -> None:
        address, slash, prefix = text.partition("/")
        if not is_address(address):
            raise Invalid(f"invalid CIDR address: {text}")
        packed = pack(address)
        self.size = len(packed)
        bits = 8 * self.size
        if not slash or not prefix.isascii() or not prefix.isdigit() or int(prefix) > bits:
            raise Invalid(f"invalid CIDR address: {text}")
        self.prefix = int(prefix)
        self.given = unpack(packed)
        host = (1 << (bits - self.prefix)) - 1
        self.first = int.from_bytes(packed, "big") & ~host
        self.last = self.first | host

    def __str__(self) -> str:
        return f"{self.address(self.first)}/{self.prefix}"

    def address(self, number: int) -> str:
        """A number of this family as an address."""
        return unpack(number.to_bytes(self.size, "big"))

    def holds(self, packed: bytes) -> bool:
        """Whether an address lies in here."""
        return len(packed) == self.size and self.first <= int.from_bytes(packed, "big") <= self.last

    def overlaps(self, other: Net) -> bool:
        """Whether both have an address in common."""
        return self.size == other.size and self.first <= other.last and other.first <= self.last


def parse_mac(text: str) -> bytes:
    """Six bytes. `Invalid` when it is no unicast hardware address."""
    parts = text.replace("-", ":").split(":")
    try:
        packed = bytes(int(part, 16) for part in parts if len(part) == 2)
    except ValueError:
        packed = b""
    if len(packed) != 6 or len(parts) != 6 or packed[0] & 1:
        raise Invalid(f"address {text}: invalid MAC address")
    return packed
