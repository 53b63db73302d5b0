"""``skerry network …``, as typed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_create_list_inspect_remove(skerry: Skerry) -> None:
    assert skerry("network", "create", "--subnet", "10.211.5.0/24", "--label", "a=b", "app").stdout == "app\n"
    (shown,) = json.loads(skerry("network", "inspect", "app").stdout)
    assert shown["subnets"] == [{"subnet": "10.211.5.0/24", "gateway": "10.211.5.1"}]
    assert (shown["driver"], shown["dns_enabled"], shown["internal"], shown["labels"]) == (
        "bridge", True, False, {"a": "b"},
    )  # fmt: skip
    assert len(shown["id"]) == 64
    assert skerry("network", "ls", "--format", "{{.Name}} {{.Driver}}").lines == ["app bridge", "podman bridge"]
    assert skerry("network", "ls", "-q", "--filter", "label=a").lines == ["app"]
    listed = {network["name"] for network in json.loads(skerry("network", "ls", "--format", "json").stdout)}
    assert listed == {"app", "podman"}
    assert skerry("network", "inspect", "app", "--format", "{{(index .Subnets 0).Gateway}}").stdout == "10.211.5.1\n"
    assert skerry("network", "exists", "app").code == 0
    assert skerry("network", "rm", "app").stdout == "app\n"
    assert skerry("network", "exists", "app", check=False).code == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("create", "a/b"), 'Invalid characters in network name "a/b": must match [a-zA-Z0-9][a-zA-Z0-9_.-]*'),
        (("create", "podman"), "netavark: network already exists podman"),
        (("create", "host"), "valid network mode"),
        (("create", "--subnet", "10.88.3.0/24", "x"), "already used"),
        (
            ("create", "--subnet", "10.88.3.9/24", "x"),
            "subnet 10.88.3.9/24 is already used on the host or by another config",
        ),
        (("ls", "--filter", "dangling=foo"), 'invalid dangling filter value "foo"'),
        (("create", "--gateway", "10.1.1.1", "x"), "cannot set gateway or range without subnet"),
        (("create", "--subnet", "10.211.5.0/24", "--gateway", "10.1.1.1", "x"), "gateway 10.1.1.1 not in subnet"),
        (("create", "-d", "nope", "x"), 'failed to find driver or plugin "nope"'),
        (
            ("create", "--subnet", "10.211.5.0/24", "--ip-range", "10.1.1.0/25", "x"),
            "lease range start_ip 10.1.1.1 not in subnet 10.211.5.0/24",
        ),
        (("create", "--subnet", "nonsense", "x"), "invalid CIDR address: nonsense"),
        (("create", "--dns", "foo", "x"), "unable to parse ip foo specified in NetworkDNSServers: invalid argument"),
        (
            ("create", "--dns", "8.8.8.8", "--disable-dns", "x"),
            "cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument",
        ),
        (("create", "-o", "isolate=foo", "x"), 'invalid isolate option "foo"'),
        (("create", "-o", "isolate", "x"), 'invalid isolate option ""'),
        (("create", "-o", "mtu=abc", "x"), 'strconv.Atoi: parsing "abc": invalid syntax'),
        (("create", "-o", "mtu=-1", "x"), "mtu -1 is less than zero"),
        (("create", "-o", "metric=abc", "x"), 'strconv.ParseUint: parsing "abc": invalid syntax'),
        (("create", "-o", "mode=foo", "x"), 'invalid bridge mode "foo"'),
        (("create", "-o", "vlan=4095", "x"), "vlan must be between 0 and 4094"),
        (
            ("create", "-o", "outbound_addr4=fd00::1", "x"),
            'unable to parse "outbound_addr4": invalid IPv4 address syntax',
        ),
        (("create", "-o", "vlan=a", "x"), "vlan must be between 0 and 4094"),
        (
            ("create", "--subnet", "10.211.5.0/24", "--gateway", "10.211.5.9", "--gateway", "fd52::1", "x"),
            "cannot set more gateways than subnets",
        ),
        (
            ("create", "--subnet", "10.211.5.0/24", "--ip-range", "10.211.5.0/26", "--ip-range", "10.211.5.0/28", "x"),
            "cannot set more ranges than subnets",
        ),
        (
            ("create", "--subnet", "10.211.5.0/24", "--subnet", "10.211.5.0/24", "x"),
            "duplicate subnet defined: 10.211.5.0/24",
        ),
        (
            ("create", "--subnet", "10.211.4.0/23", "--subnet", "10.211.5.248/30", "x"),
            "overlapping subnets: 10.211.4.0/23 and 10.211.5.248/30",
        ),
        (
            ("create", "--subnet", "10.211.5.0/24", "--ip-range", "10.211.5.3-10.211.5.999", "x"),
            'range end ip "10.211.5.999" is not a ip address',
        ),
        (
            ("create", "--gateway", "10.211.5.256", "x"),
            'invalid argument "10.211.5.256" for "--gateway" flag: invalid string being converted to IP address: 10.211.5.256',
        ),
        (("create", "--interface-name", "lo", "x"), "bridge name lo already in use"),
        (("create", "--interface-name", "a-name-too-long1", "x"), "interface name is too long"),
        (("create", "--interface-name", "a b", "x"), "interface name contains / or : or whitespace characters"),
        (("create", "--route", "10.19.12.0/24", "x"), "invalid route: 10.19.12.0/24"),
        (("create", "--route", "foo,10.89.0.10", "x"), "invalid route destination foo: invalid CIDR address: foo"),
        (("create", "--route", "10.19.12.0/24,unicast", "x"), "unicast route requires a gateway, format: --route"),
        (("create", "--route", "10.19.12.0/24,foo", "x"), "invalid route gateway foo"),
        (("create", "--route", "10.19.12.5/24,10.89.0.10", "x"), "route destination invalid"),
        (("create", "--route", "10.19.12.0/24,10.89.0.10,x", "x"), "invalid route metric x"),
        (("create", "--label", "=b", "x"), 'failed to parse labels: invalid label format: "=b"'),
        (("create", "--ipam-driver", "foo", "x"), 'unsupported ipam driver "foo"'),
        (("rm", "-t", "5", "podman"), "--force option must be specified to use the --time option"),
        (("create", "-d", "ipvlan", "x"), "ipam driver dhcp is not supported with ipvlan"),
        (("create", "-o", "foo=1", "x"), "unsupported bridge network option: foo"),
        (("rm", "podman"), "default network podman cannot be removed"),
        (("rm", "nope"), "unable to find network with name or ID nope: network not found"),
        (("inspect", "nope"), "unable to find network with name or ID nope: network not found"),
    ],
)
def test_mistakes_are_one_line(skerry: Skerry, argv: tuple[str, ...], words: str) -> None:
    result = skerry("network", *argv, check=False)
    assert result.code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_definitions_are_as_podmans(skerry: Skerry) -> None:
    def made(*flags: str) -> dict[str, object]:
        skerry("network", "create", *flags, "x")
        (shown,) = json.loads(skerry("network", "inspect", "x").stdout)
        skerry("network", "rm", "x")
        found: dict[str, object] = shown
        return found

    ranged = made("--subnet", "10.211.6.0/24", "--ip-range", "10.211.6.128/25")
    assert ranged["subnets"] == [
        {"subnet": "10.211.6.0/24", "gateway": "10.211.6.1",
         "lease_range": {"start_ip": "10.211.6.129", "end_ip": "10.211.6.255"}},
    ]  # fmt: skip
    both = made("--ipv6", "--subnet", "fd00:211::/64")["subnets"]
    assert isinstance(both, list)
    assert [":" in subnet["subnet"] for subnet in both] == [True, False]
    assert made("--subnet", "fd00:211::/64")["ipv6_enabled"] is True
    options = made("-o", "no_default_route=1", "-o", "isolate=t", "-o", "com.docker.network.driver.mtu=1300")["options"]
    assert options == {"no_default_route": "true", "isolate": "true", "mtu": "1300"}
    bare = made("--ipam-driver", "none")
    assert (bare["dns_enabled"], bare["ipam_options"], "subnets" in bare) == (False, {"driver": "none"}, False)
    routed = made("--route", "10.19.12.0/24,10.89.0.10", "--route", "10.20.0.0/16,10.89.0.10,50")["routes"]
    assert routed == [
        {"destination": "10.19.12.0/24", "gateway": "10.89.0.10"},
        {"destination": "10.20.0.0/16", "gateway": "10.89.0.10", "metric": 50},
    ]


def test_names_are_filtered_by_patterns(skerry: Skerry) -> None:
    for name in ("one", "two-one"):
        skerry("network", "create", name)
    assert skerry("network", "ls", "-q", "--filter", "name=^one$").lines == ["one"]
    assert skerry("network", "ls", "-q", "--filter", "name=one").lines == ["one", "two-one"]


def test_an_unmanaged_bridge_is_the_hosts_own(skerry: Skerry, busybox: str) -> None:
    name = f"skb{os.getpid()}"
    words = ["-o", "mode=unmanaged", "--interface-name", name, "--subnet", "10.214.78.0/24"]
    skerry("network", "create", *words, "lan")
    (shown,) = json.loads(skerry("network", "inspect", "lan").stdout)
    assert (shown["network_interface"], shown["dns_enabled"], shown["options"]) == (name, True, {"mode": "unmanaged"})
    done = skerry("run", "--rm", "--network", "lan", busybox, "true", check=False)
    assert f"in unmanaged mode, the bridge must already exist on the host: there is no {name}" in done.stderr
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        done = skerry("run", "--rm", "--network", "lan", busybox, "true", check=False)
        assert f"bridge '{name}' in unmanaged mode has no usable IP addresses" in done.stderr
        subprocess.run(["ip", "addr", "add", "10.214.78.1/24", "dev", name], check=True)
        script = "ip -4 -o addr show eth0; ip route; cat /etc/resolv.conf; ping -c1 -W5 10.214.78.1"
        out = skerry("run", "--rm", "--cap-add", "net_raw", "--network", "lan", busybox, "sh", "-c", script).stdout
        assert "inet 10.214.78." in out
        assert "default via 10.214.78.1 dev eth0" in out
        assert "nameserver 10.214.78.1" in out
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        assert name not in rules
        skerry("network", "rm", "lan")
        assert subprocess.run(["ip", "link", "show", name], check=False, capture_output=True).returncode == 0
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)


def test_containers_that_go_with_a_network_have_the_time_that_is_given(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    skerry("run", "-d", "--network", "app", busybox, "sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60")
    skerry("network", "rm", "-f", "-t", "0", "app", timeout=8)
    assert skerry("ps", "-aq").stdout == ""


def test_a_network_in_use_stays_unless_forced(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    box = skerry("run", "-d", "--stop-timeout", "0", "--network", "app", busybox, "sleep", "60").id
    (shown,) = json.loads(skerry("network", "inspect", "app").stdout)
    assert list(shown["containers"]) == [box]
    refused = skerry("network", "rm", "app", check=False)
    assert refused.code == 2
    assert "network is being used" in refused.stderr
    skerry("network", "rm", "-f", "app")
    assert skerry("ps", "-aq").stdout == ""
    assert skerry("network", "ls", "-q").lines == ["podman"]


def test_prune_removes_what_nobody_uses(skerry: Skerry, busybox: str) -> None:
    for name in ("used", "idle"):
        skerry("network", "create", name)
    skerry("create", "--network", "used", busybox, "true")
    assert skerry("network", "prune", "-f").lines == ["idle"]
    assert skerry("network", "ls", "-q").lines == ["podman", "used"]


def test_two_stores_choose_different_subnets(skerry: Skerry, short_tmp: Path) -> None:
    other = Skerry(short_tmp / "other")
    subnet = ("network", "inspect", "app", "--format", "{{(index .Subnets 0).Subnet}}")
    found = []
    for store in (skerry, other):
        store("network", "create", "app")
        found.append(store(*subnet).stdout)
    assert found[0] != found[1]
    for store in (skerry, other):
        store("network", "rm", "app")


@pytest.fixture
def parent(eventually: Callable[..., None]) -> Iterator[str]:
    """One end of a pair of interfaces on the host; the other has 10.214.77.1."""
    name = f"skt{os.getpid()}"
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", f"{name}p"], check=True)
    for words in (
        ["link", "set", name, "up"],
        ["link", "set", f"{name}p", "up"],
        ["addr", "add", "10.214.77.1/24", "dev", f"{name}p"],
    ):
        subprocess.run(["ip", *words], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def test_macvlan_is_straight_on_the_hosts_interface(skerry: Skerry, busybox: str, parent: str) -> None:
    kinds = subprocess.run(
        ["ip", "link", "add", "sktry", "link", parent, "type", "macvlan"], check=False, capture_output=True
    )
    if kinds.returncode:
        pytest.skip("this kernel has no macvlan")
    subprocess.run(["ip", "link", "del", "sktry"], check=True)
    subnet = ("--subnet", "10.214.77.0/24", "--ip-range", "10.214.77.100-10.214.77.110")
    refused = skerry("network", "create", "-d", "macvlan", *subnet, "-o", "mode=odd", "lan", check=False)
    assert 'unknown macvlan mode "odd"' in refused.stderr
    skerry("network", "create", "-d", "macvlan", "-o", f"parent={parent}", *subnet, "lan")
    (shown,) = json.loads(skerry("network", "inspect", "lan").stdout)
    assert (shown["driver"], shown["network_interface"], shown["dns_enabled"]) == ("macvlan", parent, False)
    box = skerry("run", "-d", "--cap-add", "net_raw", "--network", "lan", "-p", "18087:80", busybox, "sleep", "60").id
    assert "inet 10.214.77.10" in skerry("exec", box, "ip", "-4", "addr", "show", "eth0").stdout
    assert skerry("exec", box, "ping", "-c1", "-W5", "10.214.77.1").code == 0
    skerry("network", "disconnect", "lan", box)
    assert "eth0" not in skerry("exec", box, "ip", "link").stdout
    skerry("rm", "-ft0", box)
    skerry("network", "rm", "lan")
    assert subprocess.run(["ip", "link", "show", parent], check=False, capture_output=True).returncode == 0


def test_a_macvlan_network_says_what_it_lacks(skerry: Skerry) -> None:
    result = skerry("network", "create", "-d", "macvlan", "lan", check=False)
    assert "needs the subnet of its parent's network" in result.stderr
    result = skerry(
        "network", "create", "-d", "macvlan", "-o", "parent=nope0", "--subnet", "10.9.9.0/24", "lan", check=False
    )
    assert "parent interface nope0 does not exist" in result.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--network", "n:ip=foo"), 'invalid option for network n: invalid ip address "foo"'),
        (("--network", "n:ip"), 'invalid option for network n: invalid ip address ""'),
        (("--network", "n:mac=foo"), "invalid option for network n: address foo: invalid MAC address"),
        (("--network", "n:alias="), "invalid option for network n: alias cannot be empty"),
        (("--network", "n:interface_name="), "invalid option for network n: interface_name cannot be empty"),
        (("--network", "n:interface_name=a-name-too-long1"), "interface name is too long"),
        (("--network", "n:foo=bar"), "invalid option for network n: unknown option foo"),
        (
            ("--network", "n", "--network", "none"),
            "can only set extra network names, selected mode none conflicts with bridge: invalid argument",
        ),
        (
            ("--network", "none", "--network", "n"),
            "cannot set multiple networks without bridge network mode, selected mode none: invalid argument",
        ),
        (("--network", "host:foo"), "unable to find network with name or ID host: network not found"),
        (
            ("--network", "n", "--network", "podman", "--ip", "10.1.1.1"),
            "--ip can only be set for a single network: invalid argument",
        ),
        (
            ("--network", "host", "--network-alias", "x"),
            "--network-alias can only be set when the network mode is bridge: invalid argument",
        ),
        (
            ("--network", "container:nope"),
            'looking up container to share net namespace with: no container with name or ID "nope" found',
        ),
        (("--network", "ns:"), "invalid config provided: namespace mode path requires a value"),
        (
            ("--network", "ns:/nope"),
            "cannot find specified network namespace path: faccessat /nope: no such file or directory",
        ),
        (("--network", "none", "--dns", "1.2.3.4"), "conflicting options: dns and the network mode: none"),
        (
            ("--dns", "none", "--dns-search", "foo"),
            "invalid config provided: UseImageResolvConf and DNSSearch are mutually exclusive options",
        ),
        (("--dns-search", "1.2.3.4"), "1.2.3.4 is not a valid domain"),
        (("--no-hosts", "--hosts-file", "none"), "--no-hosts and --hosts-file cannot be set together"),
        (("--add-host", "foo"), 'bad format for add-host: "foo"'),
        (("--add-host", "foo:bar"), 'invalid IP address in add-host: "bar"'),
        (("-p", "80:80/foo"), 'unrecognized protocol "foo" in port mapping'),
    ],
)
def test_what_a_container_cannot_have_of_the_network(
    skerry: Skerry, busybox: str, flags: tuple[str, ...], words: str
) -> None:  # fmt: skip
    skerry("network", "create", "n")
    result = skerry("create", *flags, busybox, check=False)
    assert result.code == 125
    assert words in result.stderr
    assert skerry("ps", "-aq").stdout == ""


def test_several_networks_in_one_flag_and_names_of_interfaces(skerry: Skerry, busybox: str) -> None:
    for name in ("one", "two"):
        skerry("network", "create", name)

    def interfaces(*flags: str) -> list[str]:
        out = skerry("run", "--rm", *flags, busybox, "sh", "-c", "ls /sys/class/net").lines
        return [name for name in out if name != "lo"]

    assert interfaces("--network", "one,two") == ["eth0", "eth1"]
    assert interfaces("--network", "one", "--network", "one") == ["eth0"]
    assert interfaces("--network", "one:interface_name=eth1", "--network", "two") == ["eth0", "eth1"]
    assert interfaces("--network", "") == ["eth0"]
    by_id = skerry("network", "inspect", "-f", "{{.ID}}", "one").id
    assert interfaces("--network", by_id[:16]) == ["eth0"]


def test_the_hosts_end_can_be_named(skerry: Skerry, busybox: str) -> None:
    name = f"sk-host{os.getpid()}"[:15]
    box = skerry("run", "-d", "--network", f"podman:host_interface_name={name}", busybox, "sleep", "60").id
    assert name in os.listdir("/sys/class/net")
    taken = skerry("run", "--rm", "--network", f"podman:host_interface_name={name}", busybox, "true", check=False)
    assert f"the host has an interface {name} already" in taken.stderr
    skerry("rm", "-ft0", box)


def test_inspect_names_the_network_by_its_id_and_all_open_ports(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    ports = ["-p", "127.0.0.1:18085:81", "-p", "127.0.0.1:18085:81", "--expose", "90-91"]
    skerry("create", "--name", "box", "--network", "app", *ports, busybox)
    (shown,) = json.loads(skerry("inspect", "box").stdout)
    assert (
        shown["NetworkSettings"]["Networks"]["app"]["NetworkID"]
        == skerry("network", "inspect", "-f", "{{.ID}}", "app").id
    )
    assert list(shown["Config"]["ExposedPorts"]) == ["81/tcp", "90/tcp", "91/tcp"]
    assert shown["HostConfig"]["PortBindings"] == {"81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18085"}]}


def test_what_etc_hosts_begins_with(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    (short_tmp / "hosts").write_text("192.0.2.5 five # a comment\n")
    script = "printf '192.0.2.6 six\\n' > /etc/hosts"
    # The container's own file is mounted over the image's: what the image has is written where nothing is mounted.
    skerry("run", "--name", "maker", "--no-hosts", "--network", "none", busybox, "sh", "-c", script)
    skerry("commit", "-q", "maker", "with-hosts")

    def hosts(*flags: str) -> str:
        return skerry("run", "--rm", "--network", "none", *flags, "with-hosts", "cat", "/etc/hosts").stdout

    assert "192.0.2.5\tfive\n" in hosts("--hosts-file", f"{short_tmp}/hosts")
    assert "192.0.2.6\tsix\n" in hosts("--hosts-file", "image")
    none = hosts("--hosts-file", "none", "--add-host", "a;b:192.0.2.9")
    assert none.splitlines()[:3] == ["192.0.2.9\ta b", "127.0.0.1\tlocalhost", "::1\tlocalhost"]
    missing = skerry("run", "--rm", "--hosts-file", "/nope", "--network", "none", busybox, "true", check=False)
    assert (missing.code, missing.stderr) == (
        125, "Error: failed to create new hosts file: open /nope: no such file or directory\n",
    )  # fmt: skip
    skerry("create", "--name", "shown", "--hosts-file", "image", busybox)
    assert skerry("inspect", "-f", "{{.HostConfig.HostsFile}}", "shown").stdout == "image\n"


def test_search_domains_that_are_given_are_all(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    words = ["run", "--rm", "--network", "app", "--dns-search", "a.example", "--dns-search", "b", busybox]
    assert skerry(*words, "cat", "/etc/resolv.conf").lines[0] == "search a.example b"
    assert skerry(*words[:4], busybox, "cat", "/etc/resolv.conf").lines[0].startswith("search dns.podman")


def test_events_tell_of_networks_by_name_and_driver(skerry: Skerry) -> None:
    skerry("network", "create", "app")
    network_id = skerry("network", "inspect", "-f", "{{.ID}}", "app").id
    created = skerry("network", "ls", "--filter", "name=app", "--format", "{{.Created}}").stdout
    assert created.endswith(" +0000 UTC\n")
    skerry("network", "rm", "app")
    lines = skerry("events", "--stream=false", "--since", "1m", "--filter", "type=network").lines
    assert [line.split(" UTC ")[1] for line in lines] == [
        f"network {what} {network_id} (name=app, type=bridge)" for what in ("create", "remove")
    ]


def test_who_shares_a_containers_network_is_seen_at_its_addresses(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "app")
    skerry("run", "-d", "--name", "one", "--network", "app", "-p", "127.0.0.1::80", busybox, "sleep", "60")
    skerry("run", "-d", "--name", "two", "--network", "container:one", busybox, "sleep", "60")
    address = "{{.NetworkSettings.Networks.app.IPAddress}}"
    assert skerry("inspect", "-f", address, "two").stdout == skerry("inspect", "-f", address, "one").stdout
    assert skerry("inspect", "-f", "{{json .NetworkSettings.Ports}}", "two").stdout == "{}\n"


def test_inspect_of_containers_that_are_on_no_network(skerry: Skerry, busybox: str) -> None:
    both = "{{.NetworkSettings.Networks}} {{.NetworkSettings.SandboxKey}}."
    skerry("create", "--name", "joined", "--network", "ns:/proc/self/ns/net", busybox)
    assert skerry("inspect", "-f", both, "joined").stdout == "map[] .\n"
    skerry("create", "--name", "spliced", "--network", "pasta", busybox)
    assert skerry("inspect", "-f", "{{.NetworkSettings.Networks.pasta.NetworkID}}", "spliced").stdout == "pasta\n"
    skerry("run", "-d", "--name", "alone", "--network", "none", busybox, "sleep", "1000")
    where = skerry("inspect", "-f", "/proc/{{.State.Pid}}/ns/net {{.NetworkSettings.SandboxKey}}", "alone").stdout
    assert len(set(where.split())) == 1
    skerry("stop", "-t", "0", "alone")
    assert skerry("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "alone").stdout == "\n"


def test_name_servers_with_ipv6_are_for_containers_with_ipv6(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    (short_tmp / "resolv.conf").write_text("nameserver 192.0.2.53\nnameserver 2001:db8::53\n")
    skerry("network", "create", "--subnet", "10.213.9.0/24", "--disable-dns", "four")
    skerry("network", "create", "--subnet", "10.213.10.0/24", "--ipv6", "--disable-dns", "both")

    def servers(network: str) -> list[str]:
        bound = f"mount --bind {short_tmp}/resolv.conf /etc/resolv.conf && exec "
        words = [*skerry.argv, "run", "--rm", "--network", network, busybox, "cat", "/etc/resolv.conf"]
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", bound + '"$@"', "sh", *words], capture_output=True, text=True, check=True
        )
        return [line.split()[1] for line in done.stdout.splitlines()]

    assert servers("four") == ["192.0.2.53"]
    assert servers("both") == servers("host") == ["192.0.2.53", "2001:db8::53"]


def test_one_container_has_a_port_of_each_family(skerry: Skerry, busybox: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    four, six, both = (("-p", f"{address}{port}:80") for address in ("0.0.0.0:", "[::]:", ""))
    skerry("run", "-d", "--name", "web", *four, *six, busybox, "sleep", "1000")
    assert skerry("port", "web", "80").lines == [f"0.0.0.0:{port}", f":::{port}"]
    for taken in (four, six, both):
        done = skerry("run", "--rm", *taken, busybox, "true", check=False)
        assert (done.code, f":{port}: bind: address already in use" in done.stderr) == (126, True), taken


def test_ports_and_hosts_are_given_with_commas(skerry: Skerry, busybox: str) -> None:
    words = ("-p", "", "--expose", "80,81/udp", "--add-host", "one:192.0.2.1,two:192.0.2.2")
    skerry("create", "--name", "box", *words, busybox)
    shown = skerry("inspect", "-f", "{{.Config.ExposedPorts}} {{.HostConfig.ExtraHosts}}", "box").stdout
    assert shown == "map[80/tcp:{} 81/udp:{}] [one:192.0.2.1 two:192.0.2.2]\n"
