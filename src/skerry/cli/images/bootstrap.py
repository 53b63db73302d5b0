"""``skerry image bootstrap``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [DISTRIBUTION]"
DESCRIPTION = (
    "Makes a base image without a registry: busybox from its static program, or a release of Debian or Ubuntu "
    "(bookworm, trixie, debian:12, noble, …) from the distribution's own signed archive with mmdebstrap. "
    "The same packages give the same digest. Prints the image's ID."
)
EXAMPLES = (
    ("skerry image bootstrap", "localhost/busybox:latest"),
    ("skerry image bootstrap bookworm --include nginx --expose 80 --cmd 'nginx -g \"daemon off;\"' -t web", "a server"),
    ("skerry image bootstrap debian:12 --tag docker.io/library/debian:12", "under the name that files expect"),
)
FLAGS = (
    flag("--architecture", "--arch", kind="str", metavar="ARCH", help="For another architecture (amd64, arm64, …)"),
    flag("--cmd", kind="str", metavar="COMMAND", help="The default command: words, or a JSON array"),
    flag("--entrypoint", kind="str", metavar="COMMAND", help="The entrypoint: words, or a JSON array"),
    flag("-e", "--env", kind="list", metavar="NAME=VALUE", help="Set an environment variable"),
    flag("--expose", kind="slice", metavar="PORT[/PROTOCOL]", help="Ports that the image's service listens on"),
    flag("--include", kind="slice", metavar="PACKAGE,…", help="More packages from the distribution"),
    flag("--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
    flag("-q", "--quiet", help="No progress"),
    flag("--stop-signal", kind="str", metavar="SIGNAL", help="The signal that stops it"),
    flag("-t", "--tag", kind="list", metavar="NAME", help="The image's name; may be repeated"),
    flag("-u", "--user", kind="str", metavar="USER[:GROUP]", help="The default user"),
    flag(
        "--variant", kind="str", default="minbase", metavar="VARIANT",
        choices=("essential", "apt", "required", "minbase", "buildd", "important", "standard"),
        help="Which packages besides --include",
    ),
    flag("-w", "--workdir", kind="str", metavar="PATH", help="The working directory"),
)  # fmt: skip
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images.bootstrap import Base

    base = Base(
        names=tuple(args["tag"]),
        include=tuple(args["include"]),
        variant=args["variant"],
        architecture=args["architecture"],
        config=image_config(args),
    )
    distribution = args.positional[0] if args.positional else "busybox"
    report = None if args["quiet"] else out.plain_error
    out.line(engine.images.bootstrap(distribution, base, report=report)["id"])
    return 0


def image_config(args: Args) -> dict[str, Any]:
    """The flags as an image config's keys; only what was given."""
    config: dict[str, Any] = {}
    for name, key in (("user", "User"), ("workdir", "WorkingDir"), ("stop_signal", "StopSignal")):
        if args[name]:
            config[key] = args[name]
    for name, key in (("cmd", "Cmd"), ("entrypoint", "Entrypoint")):
        if args.given(name):
            config[key] = _words(args[name], name)
    if args["env"]:
        for item in args["env"]:
            if not item.partition("=")[0] or "=" not in item:
                raise Invalid(f'invalid --env "{item}": it must be NAME=VALUE')
        config["Env"] = list(args["env"])
    if args["label"]:
        config["Labels"] = {item.partition("=")[0]: item.partition("=")[2] for item in args["label"]}
    if args["expose"]:
        config["ExposedPorts"] = {_port(item): {} for item in args["expose"]}
    return config


def _words(text: str, name: str) -> list[str]:
    if text.startswith("["):
        from skerry import fastjson

        value = fastjson.loads(text)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid(f"--{name} is no JSON array of strings")
        return value
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise Invalid(f"--{name}: {error}") from None


def _port(text: str) -> str:
    number, _, protocol = text.partition("/")
    if not number.isdecimal() or not 0 < int(number) < 65536 or protocol not in ("", "tcp", "udp", "sctp"):
        raise Invalid(f'invalid --expose "{text}"')
    return f"{int(number)}/{protocol or 'tcp'}"
