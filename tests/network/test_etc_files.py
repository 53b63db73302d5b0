"""/etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

import pytest

from skerry.errors import Invalid
from skerry.network.etc_files import Resolver, host_resolver, hosts, parse_resolv_conf, resolv_conf

LOCAL = Resolver(["127.0.0.53"], ["lan"], ["edns0"])


def test_hosts_has_localhost_the_host_and_the_container() -> None:
    assert hosts([("10.88.0.2", ("abc", "web"))], host_ip="10.88.0.1") == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n10.88.0.1\thost.containers.internal host.docker.internal\n"
        "10.88.0.2\tabc web\n"
    )


def test_added_hosts_win() -> None:
    text = hosts(
        [("10.88.0.2", ("web",))], add_hosts=["web:1.2.3.4", "a;b:host-gateway", "six:[::5]"], host_ip="10.88.0.1",
        base="127.0.0.1 localhost web # x\n",
    )  # fmt: skip
    assert text.splitlines()[:4] == ["1.2.3.4\tweb", "10.88.0.1\ta b", "::5\tsix", "127.0.0.1\tlocalhost"]
    assert "10.88.0.2" not in text


@pytest.mark.parametrize(
    "item", ["a", ":1.2.3.4", "a:b", "a\n6.6.6.6 bank:1.2.3.4", "a b:1.2.3.4", "a:1.2.3.4\n", ";:1.2.3.4"]
)
def test_entries_that_would_write_another_line_are_refused(item: str) -> None:
    with pytest.raises(Invalid):
        hosts(add_hosts=[item])


def test_names_of_the_container_are_checked_too() -> None:
    with pytest.raises(Invalid):
        hosts([("10.88.0.2", ("x\n1.1.1.1 y",))])


def test_loopback_servers_of_the_host_are_not_the_containers() -> None:
    host = Resolver(["127.0.0.53", "::1", "192.0.2.53", "fe80::1%eth0"], ["lan"], [])
    assert resolv_conf(host=host) == "search lan\nnameserver 192.0.2.53\n"
    assert "127.0.0.53" in resolv_conf(host=host, host_network=True)


def test_given_servers_replace_the_hosts_and_networks_come_first() -> None:
    host = Resolver(["192.0.2.53"], [], [])
    assert resolv_conf(servers=["9.9.9.9"], host=host) == "nameserver 9.9.9.9\n"
    assert resolv_conf(
        network_servers=["10.89.0.1"], network_searches=["dns.podman"], servers=["9.9.9.9"], host=host
    ) == ("search dns.podman\nnameserver 10.89.0.1\n")


def test_given_search_domains_replace_the_networks() -> None:
    host = Resolver(["192.0.2.53"], ["lan"], [])
    assert resolv_conf(network_searches=["dns.podman"], host=host).startswith("search dns.podman lan\n")
    assert resolv_conf(network_searches=["dns.podman"], searches=["a"], host=host).startswith("search a\n")


def test_search_dot_is_none() -> None:
    assert "search" not in resolv_conf(searches=["."], host=Resolver(["192.0.2.53"], ["lan"], []))


@pytest.mark.parametrize("bad", ["a b", "a\nnameserver 6.6.6.6", ""])
def test_words_that_would_write_another_line_are_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        resolv_conf(searches=[bad], host=LOCAL)
    with pytest.raises(Invalid):
        resolv_conf(servers=[bad], host=LOCAL)


def test_behind_a_local_stub_is_what_it_asks(tmp_path) -> None:  # type: ignore[no-untyped-def]
    stub, etc = tmp_path / "stub", tmp_path / "etc"
    etc.write_text("nameserver 127.0.0.53\n")
    stub.write_text("nameserver 192.0.2.1\nsearch x\n")
    assert host_resolver(str(etc), str(stub)).servers == ["192.0.2.1"]
    assert parse_resolv_conf("options a b\nsearch q\ndomain r\n").searches == ["r"]
