"""``skerry secret inspect``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] SECRET [SECRET...]"
DESCRIPTION = "Shows everything about secrets as JSON; what they say only with --showsecret."
EXAMPLES = (("skerry secret inspect --showsecret -f '{{.SecretData}}' db-password", "what a secret says"),)
FLAGS = (
    flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("--pretty", help="Show the main things as a text for people"),
    flag("--showsecret", help="Show what it says, too"),
)
COMPLETE = "secrets"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    template = args["format"] if not args["pretty"] else "pretty"
    # JSON holds text, and times as RFC 3339; a template has the bytes, and times as Go prints them.
    as_json = not template or "json" in template
    found, errors = [], []
    for name in args.positional:
        try:
            found.append(engine.secrets.inspect(name, data=args["showsecret"], as_json=as_json))
        except SkerryError as error:
            errors.append(f"inspecting secret: {error}")
    if args["pretty"]:
        out.write("".join(map(_pretty, found)))
    else:
        out.inspect(found if as_json else [{"SecretData": "", **secret} for secret in found], template)
    for text in errors:
        out.error(text)
    return 125 if errors else 0


def _pretty(secret: dict[str, Any]) -> str:
    spec = secret["Spec"]
    lines = [f"ID:              {secret['ID']}", f"Name:              {spec['Name']}"]
    if spec["Labels"]:
        lines.append("Labels:")
        lines += [f" - {key}={value}" if value else f" - {key}" for key, value in sorted(spec["Labels"].items())]
    lines += [
        f"Driver:            {spec['Driver']['Name']}",
        f"Created at:        {secret['CreatedAt']}",
        f"Updated at:        {secret['UpdatedAt']}",
    ]
    return "".join(line + "\n" for line in lines)
