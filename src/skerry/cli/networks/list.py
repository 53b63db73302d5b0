"""``skerry network ls``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = "Lists networks. Filters: name=, id=, driver=, label=KEY[=VALUE], label!=, dangling=true|false."
EXAMPLES = (("skerry network ls --filter dangling=true", "networks that no container has"),)
FLAGS = (
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("--no-trunc", help="Whole ids"),
    flag("-n", "--noheading", help="No headings"),
    flag("-q", "--quiet", help="Only names"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    networks = engine.networks.list(filters=args["filter"])
    rows = [
        {
            "ID": network["id"] if args["no_trunc"] else network["id"][:12], "Name": network["name"],
            "Driver": network["driver"], "NetworkInterface": network["network_interface"],
            "Created": _as_go(network["created"]), "Subnets": network.get("subnets") or [],
            "Routes": network.get("routes") or [], "IPv6Enabled": network["ipv6_enabled"],
            "Internal": network["internal"], "DNSEnabled": network["dns_enabled"],
            "NetworkDNSServers": network.get("network_dns_servers") or [],
            "Labels": ",".join(f"{key}={value}" for key, value in (network.get("labels") or {}).items()),
            "Options": network.get("options") or {}, "IPAMOptions": network.get("ipam_options") or {},
        }
        for network in networks
    ]  # fmt: skip
    out.listing(
        rows, format=args["format"], default="table {{.ID}}\t{{.Name}}\t{{.Driver}}", headers={"ID": "NETWORK ID"},
        json_rows=networks, noheading=args["noheading"], quiet_field="Name" if args["quiet"] else None,
    )  # fmt: skip
    return 0


def _as_go(created: str) -> str:
    """A time of a definition (RFC 3339, UTC) as Go prints it in a template."""
    return f"{created[:10]} {created[11:].removesuffix('Z')} +0000 UTC" if created.endswith("Z") else created
