"""The flags of all commands that talk to a registry."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.engine.images.transfer import Platform, Transfer

AUTHFILE = flag(
    "--authfile", kind="str", metavar="FILE", complete="files", help="Read credentials from this file alone"
)
LOGIN_FILE = flag(
    "--authfile", kind="str", metavar="FILE", complete="files", help="Keep credentials in this file"
)  # fmt: skip
COMPAT_AUTH_FILE = flag("--compat-auth-file", kind="str", metavar="FILE", complete="files",
                        help="Keep credentials in this file, in Docker's form")  # fmt: skip
CERT_DIR = flag("--cert-dir", kind="str", metavar="FOLDER", complete="dirs",
                help="Certificates of the registry: *.crt, and *.cert with *.key for this client")  # fmt: skip
CREDS = flag("--creds", kind="str", metavar="USER:PASSWORD", help="Credentials for this command (visible in ps)")
TLS_VERIFY = flag("--tls-verify", default=True, help="Accept only HTTPS with a certificate that can be verified")
RETRIES = (
    flag("--retry", kind="uint", metavar="NUMBER", default=3, help="How often to try again after a failure"),
    flag("--retry-delay", kind="str", metavar="TIME", help="How long to wait before each of these, such as 2s"),
)
PLATFORM = (
    flag("--platform", kind="str", metavar="OS/ARCH[/VARIANT]", help="Choose the image for this platform"),
    flag("--arch", kind="str", metavar="ARCH", help="Choose the image for this architecture"),
    flag("--os", kind="str", metavar="OS", help="Choose the image for this operating system"),
    flag("--variant", kind="str", metavar="VARIANT", help="Choose the image for this variant of the architecture"),
)
DISABLE_CONTENT_TRUST = flag("--disable-content-trust", help="Docker's: without effect here, as in Podman")
SIGNATURE_POLICY = flag("--signature-policy", kind="str", metavar="FILE", complete="files", hidden=True,
                        help="A policy.json for this command")  # fmt: skip
REGISTRY_FLAGS = (AUTHFILE, CERT_DIR, CREDS, TLS_VERIFY, *RETRIES)


def transfer(args: Args) -> Transfer:
    """What the flags say of the way to a registry."""
    from skerry.engine.images.transfer import Transfer, limits

    return Transfer(
        authfile=args.get("authfile") or "",
        cert_dir=args.get("cert_dir") or "",
        signature_policy=args.get("signature_policy") or "",
        creds=args.get("creds") or "",
        tls_verify=args["tls_verify"] if args.given("tls_verify") else None,
        limits=limits(args.get("retry", 3), args.get("retry_delay") or "", asked=args.given("retry")),
    )


def platform(args: Args) -> Platform | None:
    """The platform that was asked for; None when nobody did."""
    from skerry.engine.images.transfer import platform_of

    given = {name: args.get(name) or "" for name in ("platform", "os", "arch", "variant")}
    return platform_of(**given) if any(given.values()) else None
