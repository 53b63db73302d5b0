"""``skerry secret create``."""

from __future__ import annotations

import os

from skerry.cli.flags import UsageError, flag
from skerry.cli.pairs import pairs
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NAME FILE|-"
DESCRIPTION = (
    "Keeps what a file (or, with -, standard input) says as a secret, for 'skerry run --secret', and prints its id. "
    "Drivers: file (the default: a file that only its owner can read), pass (encrypted by gpg: options root, key, "
    "gpghomedir) and shell (your own commands: options list, store, lookup, delete)."
)
EXAMPLES = (
    ("skerry secret create db-password ./password", "from a file"),
    ("printf %s \"$PASSWORD\" | skerry secret create db-password -", "from a pipe, so that no history has it"),
    ("skerry secret create --env db-password PASSWORD", "from an environment variable"),
)  # fmt: skip
FLAGS = (
    flag("-d", "--driver", kind="str", metavar="NAME", choices=(), help="Who keeps it: file, pass or shell"),
    flag("--driver-opts", kind="slice", metavar="KEY=VALUE,…", help="Options of the driver"),
    flag("--env", help="Read it from the environment variable named in place of the file"),
    flag("--ignore", help="No error when the name is taken: what is there stays"),
    flag("-l", "--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
    flag("--replace", help="Replace one with the same name"),
)
COMPLETE = ("none", "files")
MIN_ARGS, MAX_ARGS = 2, 2
_ENOUGH = 512001  # a byte more than any secret may have


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["ignore"] and args["replace"]:
        raise UsageError("cannot use --ignore and --replace flags together")
    name, source = args.positional
    data = _from_environment(source) if args["env"] else _from_file(source)
    labels = pairs(args["label"], 'unable to process labels: invalid label format: "{}"')
    created = engine.secrets.create(
        name, data, driver=args["driver"], options=_driver_options(args["driver_opts"]), labels=labels,
        replace=args["replace"], ignore=args["ignore"],
    )  # fmt: skip
    out.line(created)
    return 0


def _from_environment(name: str) -> bytes:
    value = os.environb.get(os.fsencode(name), b"")
    if not value:
        raise Invalid(f"cannot create store secret data: environment variable {name} is not set")
    return value


def _from_file(path: str) -> bytes:
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            return file.read(_ENOUGH)
    except OSError as error:
        raise Invalid(f"open {path}: {(error.strerror or '').lower()}") from None


def _driver_options(given: list[str]) -> dict[str, str]:
    options = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(
                f'invalid argument "{item}" for "--driver-opts" flag: {item} must be formatted as key=value'
            )
        options[key] = value
    return options
