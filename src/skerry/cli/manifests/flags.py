"""The flags that several ``manifest`` commands have, and what they mean."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.engine.images.transfer import Transfer
    from skerry.engine.manifests.change import Details

INSECURE = flag("--insecure", hidden=True, help="As --tls-verify=false")
ANNOTATION = flag("--annotation", kind="list", metavar="KEY=VALUE", help="Say this of the instance")
DETAILS = (
    flag("--arch", kind="str", metavar="ARCH", help="The instance's architecture, instead of what its image says"),
    flag("--features", kind="slice", metavar="FEATURE", help="Features of the processor that it needs"),
    flag("--os", kind="str", metavar="OS", help="The instance's operating system"),
    flag("--os-version", kind="str", metavar="VERSION", help="The version of the operating system"),
    flag("--variant", kind="str", metavar="VARIANT", help="The variant of the architecture"),
)


def annotations_of(words: list[str]) -> dict[str, str]:
    """KEY=VALUE words. `Invalid` for one without a value."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise Invalid(f'no value given for annotation "{key}"')
        found[key] = value
    return found


def details_of(args: Args, annotations: dict[str, str]) -> Details:
    """What the flags say of an instance."""
    from skerry.engine.manifests.change import Details

    return Details(
        annotations=annotations, architecture=args["arch"], os=args["os"], variant=args["variant"],
        os_version=args["os_version"], os_features=args.get("os_features") or (), features=args["features"],
    )  # fmt: skip


def transfer_of(args: Args) -> Transfer:
    """What the flags say of the way to a registry; ``--insecure`` is another word for --tls-verify=false."""
    from skerry.cli.images.registry_flags import transfer
    from skerry.records import replace

    found = transfer(args)
    if args.given("insecure"):
        if found.tls_verify is not None:
            raise Invalid("--insecure may not be used with --tls-verify")
        found = replace(found, tls_verify=not args["insecure"])
    return found
