"""The typed instructions of a Containerfile, as written: nothing in them is expanded yet.

Each knows the ``Instruction`` that it came from. ``expanding.expanded`` gives one back with its
variables replaced, ``stages.parse_stage_list`` gives them all, stage by stage.
"""

from __future__ import annotations

from skerry.build.language.ast import Heredoc, Instruction
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class From:
    """FROM [--platform=P] IMAGE [AS NAME]. ``name`` is lower-case, as stages are looked up. ``after``: stages that are
    built before it begins, whatever it takes from them."""

    instruction: Instruction
    image: str
    platform: str | None = None
    name: str | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arg:
    """ARG NAME[=DEFAULT] …; a default of None means that none was given."""

    instruction: Instruction
    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Env:
    """ENV NAME=VALUE …, or the old ENV NAME VALUE (``old_form``)."""

    instruction: Instruction
    pairs: tuple[tuple[str, str], ...]
    old_form: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """LABEL NAME=VALUE …, or the old LABEL NAME VALUE (``old_form``)."""

    instruction: Instruction
    pairs: tuple[tuple[str, str], ...]
    old_form: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """One --mount of RUN. ``text`` is the flag's value as written.

    type: bind, cache, tmpfs, secret, ssh. ``id`` is of caches, secrets and ssh; ``env`` names the
    variable that a secret is given in; ``mode``, ``uid``, ``gid``, ``size`` are None unless given.
    """

    text: str
    type: str = "bind"
    from_: str = ""
    source: str = ""
    target: str = ""
    readonly: bool = True
    id: str = ""
    sharing: str = ""
    required: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    env: str | None = None
    relabel: str = ""
    propagation: str = ""  # of a bind (Podman's bind-propagation)
    copy_up: bool = False  # a tmpfs that begins with what is below it (Podman's tmpcopyup)


@dataclass(frozen=True, slots=True)
class Device:
    """One --device of RUN: a CDI name (vendor/class=name, or a class)."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """RUN. ``command`` is a tuple in the exec form, one string in the shell form (``shell``)."""

    instruction: Instruction
    command: tuple[str, ...] | str
    shell: bool
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[Device, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def script_file(self) -> Heredoc | None:
        """The heredoc that is a program of its own (``RUN <<EOF`` and ``#!`` first).

        Such a one is mounted read-only at /dev/pipes/NAME (mode 755) and run without a shell.
        """
        alone = self._only_heredoc()
        if alone is not None and alone.text.startswith("#!"):
            return alone
        return None

    @property
    def script(self) -> str:
        """What the shell is given, in the shell form: heredocs are put back where they were."""
        assert isinstance(self.command, str)
        alone = self._only_heredoc()
        if alone is not None:
            return alone.text
        return self.command + "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in self.heredocs)

    def _only_heredoc(self) -> Heredoc | None:
        from skerry.build.language.heredocs import parse_heredoc

        if self.shell and self.heredocs and isinstance(self.command, str) and parse_heredoc(self.command):
            return self.heredocs[0]
        return None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY SOURCE… DEST; ``heredocs`` are sources whose content stands in the file."""

    instruction: Instruction
    sources: tuple[str, ...]
    dest: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str | None = None
    chown: str | None = None
    chmod: str | None = None
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Add:
    """ADD SOURCE… DEST. ``unpack`` None: local archives are unpacked, downloaded ones are not."""

    instruction: Instruction
    sources: tuple[str, ...]
    dest: str
    heredocs: tuple[Heredoc, ...] = ()
    chown: str | None = None
    chmod: str | None = None
    link: bool = False
    exclude: tuple[str, ...] = ()
    keep_git_dir: bool | None = None
    checksum: str | None = None
    unpack: bool | None = None


@dataclass(frozen=True, slots=True)
class Cmd:
    """CMD, in the exec form (tuple) or the shell form (str)."""

    instruction: Instruction
    command: tuple[str, ...] | str
    shell: bool


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """ENTRYPOINT, in the exec form (tuple) or the shell form (str)."""

    instruction: Instruction
    command: tuple[str, ...] | str
    shell: bool


@dataclass(frozen=True, slots=True)
class Expose:
    """EXPOSE PORT[-PORT][/PROTOCOL] …, as written; ``ports.parse_ports`` reads the expanded words."""

    instruction: Instruction
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Volume:
    """VOLUME PATH …"""

    instruction: Instruction
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """USER NAME[:GROUP]"""

    instruction: Instruction
    user: str


@dataclass(frozen=True, slots=True)
class Workdir:
    """WORKDIR PATH"""

    instruction: Instruction
    path: str


@dataclass(frozen=True, slots=True)
class Shell:
    """SHELL ["program", "argument", …]"""

    instruction: Instruction
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSignal:
    """STOPSIGNAL SIGNAL"""

    instruction: Instruction
    signal: str


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """HEALTHCHECK NONE | CMD …; ``test`` is as in the image's config; times are 0 where not given."""

    instruction: Instruction
    test: tuple[str, ...]
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class OnBuild:
    """ONBUILD INSTRUCTION; ``text`` is the trigger as it goes into the image's config."""

    instruction: Instruction
    text: str


@dataclass(frozen=True, slots=True)
class Maintainer:
    """MAINTAINER NAME (the image's author)."""

    instruction: Instruction
    name: str


Command: TypeAlias = (
    Arg
    | Env
    | Label
    | Run
    | Copy
    | Add
    | Cmd
    | Entrypoint
    | Expose
    | Volume
    | User
    | Workdir
    | Shell
    | StopSignal
    | Healthcheck
    | OnBuild
    | Maintainer
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM and what follows it. ``index`` counts from 0."""

    name: str | None
    index: int
    from_: From
    commands: tuple[Command, ...]
