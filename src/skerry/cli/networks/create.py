"""``skerry network create``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.pairs import pairs
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [NAME]"
DESCRIPTION = (
    "Defines a bridge network that containers join by --network NAME, and prints its name. Containers of one network "
    "find each other by name. A subnet is chosen when none is given; --subnet, --gateway and --ip-range may be repeated "
    "and belong together in their order. Options of bridges: mtu=, metric=, vlan=, vrf=, outbound_addr4=, outbound_addr6=, isolate=strict|true|false, "
    "no_default_route=true|false, mode=managed|unmanaged (of the host's own bridge --interface-name); of macvlan: parent=, "
    "mode=bridge|private|vepa|passthru, bclim=; of ipvlan: parent=, mode=l2|l3|l3s; both: mtu=, metric=, no_default_route=."
)
EXAMPLES = (
    ("skerry network create app", "a network for the containers of an application"),
    ("skerry network create --subnet 10.5.0.0/24 --gateway 10.5.0.254 lab", "with an address range of your own"),
    ("skerry network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 lan", "straight on the network of eth0"),
    ("skerry network create --internal --ipv6 backend", "IPv4 and IPv6, and no way out"),
)
FLAGS = (
    flag("--disable-dns", help="No names: containers do not find each other by name"),
    flag("--dns", kind="slice", metavar="IP", help="Ask these DNS servers for names outside"),
    flag(
        "-d",
        "--driver",
        kind="str",
        metavar="DRIVER",
        default="bridge",
        help="Kind of network: bridge, macvlan, ipvlan",
    ),
    flag("--gateway", kind="list", metavar="IP", help="Address of the host in the subnet"),
    flag("--ignore", help="No error when it exists already"),
    flag("--interface-name", kind="str", metavar="NAME", help="Name of the bridge on the host"),
    flag("--internal", help="No traffic from or to outside"),
    flag("--ip-range", kind="list", metavar="RANGE", help="Give addresses out of this part: CIDR or FIRST-LAST"),
    flag("--ipam-driver", kind="str", metavar="DRIVER", help="How addresses are given: host-local, none"),
    flag("--ipv6", help="IPv6 as well"),
    flag("--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
    flag("-o", "--opt", kind="list", metavar="KEY=VALUE", help="Set an option of the driver"),
    flag(
        "--route",
        kind="list",
        metavar="DESTINATION,GATEWAY[,METRIC]",
        help="A route in its containers; blackhole, unreachable or prohibit in the gateway's place leads nowhere",
    ),
    flag("--subnet", kind="list", metavar="CIDR", help="Range of addresses"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 1
_WRONG = 'failed to parse {} format: "{{}}"'


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["ipam_driver"] not in ("", "host-local", "none"):
        raise Invalid(f'unsupported ipam driver "{args["ipam_driver"]}"', hint="host-local or none")
    network = engine.networks.create(
        args.positional[0] if args.positional else "",
        {
            "driver": args["driver"], "subnets": args["subnet"], "gateways": args["gateway"],
            "ip_ranges": args["ip_range"], "internal": args["internal"], "ipv6": args["ipv6"],
            "disable_dns": args["disable_dns"], "dns": args["dns"], "labels": pairs(args["label"], _WRONG.format("labels: invalid label")),
            "options": pairs(args["opt"], _WRONG.format("options: invalid option")), "routes": args["route"], "interface_name": args["interface_name"],
            "ignore": args["ignore"], "ipam_driver": args["ipam_driver"],
        },
    )  # fmt: skip
    out.line(network["name"])
    return 0
