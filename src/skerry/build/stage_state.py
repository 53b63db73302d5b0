"""A stage while it is built: its layers so far, its image config, its variables, its history."""

from __future__ import annotations

import re

from skerry.build.language import instructions as typed
from skerry.build.language.words import expand
from skerry.engine.containers.signals import check_signal
from skerry.errors import Invalid
from skerry.records import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from skerry.build.language.instructions import Command

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?\Z", re.ASCII)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ["/bin/sh", "-c"]


@dataclass(slots=True)
class Entry:
    """One line of the history. ``created_ns`` 0: the image's own time."""

    created_by: str
    empty: bool
    created_ns: int = 0
    comment: str = ""


@dataclass(slots=True)
class StageState:
    """See the module. ``config`` is the image config's ``config``, ``document`` the rest of it."""

    layers: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)  # declared in this stage, with their values
    inherited: dict[str, str] = field(default_factory=dict)  # declared in the stages that it is FROM
    history: list[Entry] = field(default_factory=list)
    base_history: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[str, str | None, int]] = field(default_factory=list)  # (key, its layer, layers then)
    created_ns: int = 0  # of the newest layer that was made here
    base: str = ""  # what FROM named
    base_name: str = ""  # with registry and tag, as it was found
    base_layers: int = 0
    base_digest: str = ""
    base_id: str = ""  # of the image, where nothing of what is FROM it is changed by --unsetenv and the like
    command_given: bool = False
    platform: str = ""
    asked_platform: bool = False  # an ONBUILD took a variable on that is another for other platforms

    def copy(self) -> StageState:
        """The beginning of a stage that is FROM this one."""
        # One level deep: what is in these is replaced, never changed.
        return replace(
            self, layers=list(self.layers), config=dict(self.config), document=dict(self.document), args={},
            inherited={**self.inherited, **self.args},
            history=list(self.history), base_history=list(self.base_history), steps=list(self.steps),
            command_given=False,
        )  # fmt: skip

    # Variables

    @property
    def env(self) -> dict[str, str]:
        """ENV as a mapping."""
        return dict(item.partition("=")[::2] for item in self.config.get("Env") or ())

    def variables(self) -> dict[str, str]:
        """What an instruction's words are expanded with: ENV wins over ARG."""
        return {**self.inherited, **self.args, **self.env}

    def set_env(self, name: str, value: str) -> None:
        """ENV, in place if it is there."""
        items = list(self.config.get("Env") or ())
        for index, item in enumerate(items):
            if item.partition("=")[0] == name:
                items[index] = f"{name}={value}"
                break
        else:
            items.append(f"{name}={value}")
        self.config["Env"] = items

    @property
    def workdir(self) -> str:
        """The working directory, absolute."""
        return self.config.get("WorkingDir") or "/"

    @property
    def shell(self) -> list[str]:
        """What the shell form of instructions runs with."""
        return list(self.config.get("Shell") or DEFAULT_SHELL)

    def absolute(self, path: str) -> str:
        """A path of the image, from the working directory; a slash at the end stays."""
        whole = path if path.startswith("/") else f"{self.workdir.rstrip('/')}/{path}"
        parts: list[str] = []
        for part in whole.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        folder = whole.endswith(("/", "/.")) or path in (".", "")
        return "/" + "/".join(parts) + ("/" if folder and parts else "")

    def note(self, text: str, *, empty: bool = True, created_ns: int = 0) -> None:
        """A line of history."""
        base = self.base_name or self.base
        comment = f"FROM {base}" if not self.history and base not in ("", "scratch") else ""
        self.history.append(Entry(text, empty, created_ns, comment))
        self.created_ns = max(self.created_ns, created_ns)


def apply_config(state: StageState, command: Command, variables: Mapping[str, str]) -> bool:
    """Do an instruction that only changes the config. False: it is another kind."""
    escape = command.instruction.escape

    def word(text: str) -> str:
        return expand(text, variables, escape=escape).text

    config = state.config
    if isinstance(command, typed.Env):
        for name, value in [(word(name), word(value)) for name, value in command.pairs]:
            state.set_env(name, value)
    elif isinstance(command, typed.Label):
        pairs = [(word(name), word(value)) for name, value in command.pairs]
        config["Labels"] = {**(config.get("Labels") or {}), **dict(pairs)}
    elif isinstance(command, (typed.Cmd, typed.Entrypoint)):
        _program(state, command)
    elif isinstance(command, typed.Expose):
        ports = [port for text in command.ports for port in parse_ports(word(text))]
        config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **{key: {} for key in ports}}
    elif isinstance(command, typed.Volume):
        paths = [word(path) for path in command.paths]
        if not all(paths):
            raise Invalid("VOLUME specified can not be an empty string")
        config["Volumes"] = {**(config.get("Volumes") or {}), **{path: {} for path in paths}}
    elif isinstance(command, typed.User):
        config["User"] = word(command.user)
    elif isinstance(command, typed.Shell):
        config["Shell"] = list(command.argv)
    elif isinstance(command, typed.StopSignal):
        signal = word(command.signal)
        check_signal(signal)
        config["StopSignal"] = signal
    elif isinstance(command, typed.Healthcheck):
        _healthcheck(state, command)
    elif isinstance(command, typed.OnBuild):
        config["OnBuild"] = [*(config.get("OnBuild") or ()), command.text]
    elif isinstance(command, typed.Maintainer):
        state.document["author"] = word(command.name)
    else:
        return False
    return True


def _program(state: StageState, command: typed.Cmd | typed.Entrypoint) -> None:
    config = state.config
    program = command.command
    argv = [*state.shell, program] if isinstance(program, str) else list(program)
    if isinstance(program, str) and not program:
        argv = []
    if isinstance(command, typed.Cmd):
        config["Cmd"] = argv
        state.command_given = True
        return
    config["Entrypoint"] = argv
    if not state.command_given:
        config.pop("Cmd", None)  # the base's arguments are not for this program


def _healthcheck(state: StageState, command: typed.Healthcheck) -> None:
    check: dict[str, Any] = {"Test": list(command.test)}
    for key, value in (
        ("Interval", command.interval_ns), ("Timeout", command.timeout_ns), ("StartPeriod", command.start_period_ns),
        ("StartInterval", command.start_interval_ns), ("Retries", command.retries),
    ):  # fmt: skip
        if value:
            check[key] = value
    state.config["Healthcheck"] = check


def parse_ports(text: str) -> list[str]:
    """EXPOSE's words: ``80``, ``80/udp``, ``8000-8010``; an address and a host's port before it count for nothing.
    `Invalid`."""
    found = []
    for item in text.split():
        before, _, port = item.rpartition(":")
        port, _, protocol = port.partition("/")
        protocol = protocol.lower() or "tcp"
        if protocol not in ("tcp", "udp", "sctp"):
            raise Invalid(f"invalid proto: {protocol}", hint="PORT[-PORT][/tcp|udp|sctp]")
        ports = _range(port)
        if ports is None:
            raise Invalid(f"invalid containerPort: {item}", hint="PORT[-PORT][/tcp|udp|sctp]")
        _check_mapping(before, ports)
        found += [f"{number}/{protocol}" for number in ports]
    return found


def _range(text: str) -> range | None:
    match = _RANGE.match(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return range(first, last + 1) if 0 < first <= last < 65536 else None


def _check_mapping(text: str, ports: range) -> None:
    """What stands before a container's port: ``[IP:][HOST-PORT]``."""
    address, _, host = text.rpartition(":")
    if host:
        published = _range(host)
        if published is None:
            raise Invalid(f"invalid hostPort: {host}")
        if len(ports) != len(published) and len(ports) > 1:
            raise Invalid(f"invalid ranges specified for container and host Ports: {len(ports)} and {len(published)}")
    if address:
        import ipaddress

        try:
            ipaddress.ip_address(address[1:-1] if address.startswith("[") else address)
        except ValueError:
            raise Invalid(f"invalid IP address: {address}") from None
