"""-p as Podman reads it."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import Conflict, Invalid, SkerryError
from skerry.network.pasta import arguments
from skerry.network.ports import assign, claim, overlap, parse_publish


def short(spec: str) -> list[tuple[str, int, int, int, str]]:
    return [(p["host_ip"], p["host_port"], p["container_port"], p["range"], p["protocol"]) for p in parse_publish(spec)]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("80", ("", 0, 80, 1, "tcp")),
        ("8080:80", ("", 8080, 80, 1, "tcp")),
        (":80", ("", 0, 80, 1, "tcp")),
        ("0:80", ("", 0, 80, 1, "tcp")),
        ("53:53/UDP", ("", 53, 53, 1, "udp")),
        ("127.0.0.1:8080:80", ("127.0.0.1", 8080, 80, 1, "tcp")),
        ("127.0.0.1::80", ("127.0.0.1", 0, 80, 1, "tcp")),
        ("[::1]:8080:80", ("::1", 8080, 80, 1, "tcp")),
        ("8000-8009:9000-9009", ("", 8000, 9000, 10, "tcp")),
        ("8000-8009", ("", 0, 8000, 10, "tcp")),
    ],
)
def test_forms(spec: str, found: tuple[str, int, int, int, str]) -> None:
    assert short(spec) == [found]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "must provide a non-empty container port"),
        ("80/tcp/udp", "protocol can only be specified once"),
        ("80/foo", "protocol"),
        ("80/", "non-empty protocol"),
        ("a:80", "invalid port number"),
        ("65536:80", "between 1 and 65535"),
        ("80:0", "between 1 and 65535"),
        ("8000-8001:80", "different lengths: 2 vs 1"),
        ("8001-8000:80-81", "must be higher than the start port"),
        ("1-2-3:80", "port ranges are formatted"),
        ("1.2.3:80:80", "as an IP address"),
        (":80:80", "non-empty container host IP"),
        ("1:2:3:4", "format is"),
        ("[::1]80", "followed by a colon"),
        ("[::1]:80", "must provide host and destination port"),
        ("::1]:80:80", "enclosed by"),
        ("٣:80", "invalid port number"),
    ],
)
def test_mistakes(spec: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_publish(spec)


@given(st.text(alphabet="0123456789:-/[]tcpud. \n", max_size=24))
def test_anything_else_is_an_error_of_ours_or_in_bounds(text: str) -> None:
    try:
        mappings = parse_publish(text)
    except SkerryError:
        return
    for port in mappings:
        assert 1 <= port["container_port"] <= port["container_port"] + port["range"] - 1 <= 65535
        assert 0 <= port["host_port"] <= 65535


def test_a_port_that_a_process_listens_on_is_refused_in_podmans_words() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        number = listener.getsockname()[1]
        words = f"cannot listen on the TCP port: listen tcp4 :{number}: bind: address already in use"
        with pytest.raises(Conflict, match=words):
            assign(parse_publish(f"{number}:80"), ())


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(Invalid, match="bind: cannot assign requested address"):
        assign(parse_publish("198.51.100.9:8080:80"), ())


def test_free_ports_are_chosen_also_for_ranges() -> None:
    (port,) = assign(parse_publish("8000-8004"), ())
    assert port["host_port"] > 1023
    again = assign(parse_publish("8000-8004"), [claim(port)])
    assert not overlap(claim(again[0]), claim(port))


def test_tcp_and_udp_share_a_number() -> None:
    assert len(assign(parse_publish("28953:53") + parse_publish("28953:53/udp"), ())) == 2


def test_a_port_of_one_family_leaves_the_other_free() -> None:
    four, six, both = (("tcp", address, 80, 80) for address in ("0.0.0.0", "::", ""))
    assert not overlap(four, six)
    assert overlap(four, both)
    assert overlap(both, six)
    assert overlap(four, ("tcp", "127.0.0.1", 80, 80))
    assert not overlap(six, ("tcp", "127.0.0.1", 80, 80))
    assert overlap(six, ("tcp", "::1", 70, 90))
    assert not overlap(four, ("udp", "0.0.0.0", 80, 80))


def test_pasta_gets_a_port_of_both_families_once() -> None:
    ports = [port for spec in ("0.0.0.0:8080:80", "[::]:8080:80", "127.0.0.1:8081:81") for port in parse_publish(spec)]
    argv = arguments(ports, [])
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-t"] == ["8080:80", "127.0.0.1/8081:81"]


def test_a_newer_pasta_listens_for_each_family_by_itself() -> None:
    ports = parse_publish("0.0.0.0:8080:80") + parse_publish("[::]:8080:80")
    newer, older = (arguments(ports, (), map_host=new) for new in (True, False))
    assert [newer[n + 1] for n, word in enumerate(newer) if word == "-t"] == ["0.0.0.0/8080:80", "::/8080:80"]
    assert [older[n + 1] for n, word in enumerate(older) if word == "-t"] == ["8080:80"]
