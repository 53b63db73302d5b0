"""``skerry login``."""

from __future__ import annotations

import os
import sys

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.registry_flags import CERT_DIR, COMPAT_AUTH_FILE, LOGIN_FILE, TLS_VERIFY, transfer
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [REGISTRY]"
DESCRIPTION = (
    "Checks a username and a password with a registry and keeps them in auth.json, base64-encoded and readable by "
    "you alone, or with the credential helper that the file names. REGISTRY may have a path (host/team), for "
    "repositories below it only. Without REGISTRY: the first of the unqualified-search registries, or docker.io."
)
EXAMPLES = (
    ("skerry login registry.example.com", "asks for what it needs"),
    ("skerry login -u ci --password-stdin registry.example.com < token", "in a script"),
)
FLAGS = (
    LOGIN_FILE,
    CERT_DIR,
    COMPAT_AUTH_FILE,
    flag("--get-login", help="Print who is logged in, and do nothing else"),
    flag("-p", "--password", kind="str", metavar="PASSWORD", help="The password (visible in ps: --password-stdin is not)"),
    flag("--password-stdin", help="Read the password from standard input"),
    flag("--secret", kind="str", metavar="SECRET", complete="secrets", help="Take the password from a secret; its name is the username when none is given"),
    TLS_VERIFY,
    flag("-u", "--username", kind="str", metavar="NAME", help="The username"),
    flag("-v", "--verbose", help="Say where the credentials are kept"),
)  # fmt: skip
COMPLETE = "registries"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images import login

    settings = engine.settings
    place = login.Place(settings, args["authfile"], args["compat_auth_file"])
    registry = (args.positional or [login.default_registry(settings)])[0]
    before = login.known(settings, registry, place)
    if args["get_login"]:
        if not before:
            raise Invalid(f"not logged into {registry}")
        out.line(before)
        return 0
    if before == "<token>":
        raise Invalid("currently logged in, auth file contains an Identity token")
    if before and not (args["username"] or args["password"] or args["password_stdin"] or args["secret"]):
        out.line(f"Authenticating with existing credentials for {registry}")
        if login.still_valid(settings, registry, place, transfer(args)):
            out.line(f"Existing credentials are valid. Already logged in to {registry}")
            return 0
        out.line("Existing credentials are invalid, please enter valid username and password")
    if args["secret"]:
        user, password = _from_secret(args, engine)
    else:
        user, password = _credentials(args, out, before)
    where = login.login(settings, registry, user, password, place, transfer(args))
    if args["verbose"]:
        out.line(f"Used:  {where}")
    out.line("Login Succeeded!")
    return 0


def _from_secret(args: Args, engine: Engine) -> tuple[str, str]:
    if args["password_stdin"]:
        raise UsageError("--secret can not be used with --password-stdin")
    if args["password"]:
        raise UsageError("--secret can not be used with --password options")
    said = engine.secrets.read(args["secret"])
    return args["username"] or args["secret"], said.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _credentials(args: Args, out: Output, before: str) -> tuple[str, str]:
    user = args["username"]
    if args["password_stdin"]:
        if args["password"]:
            raise UsageError("can't specify both --password-stdin and --password")
        if not user:
            raise UsageError("must provide --username with --password-stdin")
        return user, "".join(sys.stdin.buffer.read(1 << 16).decode("utf-8", "surrogateescape").splitlines())
    if not user:
        user = _ask(out, f"Username ({before}): " if before else "Username: ") or before
    if args["password"]:
        return user, args["password"]
    if not sys.stdin.isatty():
        return user, sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    return user, getpass("Password: ")


def _ask(out: Output, question: str) -> str:
    os.write(1, question.encode())
    answer = sys.stdin.readline()
    if not answer:
        out.line("")
        raise Invalid("getting username and password: reading username: EOF")
    return answer.strip()
