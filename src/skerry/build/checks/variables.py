"""Checks that know the variables: a stage is walked with its ARGs and ENVs, as the build will walk it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from skerry.build.checks import rules
from skerry.build.language import instructions as typed
from skerry.build.language.suggest import did_you_mean
from skerry.build.language.words import Expansion, ExpansionError, expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.checks.findings import Findings
    from skerry.build.language.ignore import Patterns
    from skerry.build.language.instructions import Command, Stage

_SECRET = re.compile(
    r"(?:_|\A)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|\Z)", re.IGNORECASE
)
_PUBLIC = re.compile(r"(?:_|\A)(?:public|file|version)(?:_|\Z)", re.IGNORECASE)
_URL = re.compile(r"[a-z]+://|git@", re.IGNORECASE)
# What the builder itself gives, whoever declares it.
_NOT_OURS = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})


class StageWalk:
    """One stage's variables at the point that is looked at.

    ``env`` None means that the base image is not known: then no variable is called undefined.
    """

    def __init__(
        self, env: Mapping[str, str] | None, *, workdir_set: bool, shell_set: bool,
        args: Mapping[str, str | None] | None = None,
    ) -> None:  # fmt: skip
        self.known = env is not None
        self.env = dict(env or {})
        self.env.setdefault("PATH", "")
        self.args = dict(args or {})
        self.workdir_set = workdir_set
        self.shell_set = shell_set

    def variables(self) -> dict[str, str]:
        """ENV wins over ARG."""
        return {**{name: value for name, value in self.args.items() if value is not None}, **self.env}


class StageCheck:
    """Walks one stage and adds to the findings."""

    def __init__(
        self, walk: StageWalk, findings: Findings, *, given: Mapping[str, str], outer: Mapping[str, str],
        ignored: Patterns | None,
    ) -> None:  # fmt: skip
        self.walk, self.findings = walk, findings
        self.given, self.outer, self.ignored = given, outer, ignored

    def run(self, stage: Stage) -> None:
        """All commands, in order."""
        for command in stage.commands:
            try:
                self._command(command)
            except ExpansionError:
                return  # the build says it, with its place

    def _word(self, command: Command, text: str, *, raw: bool = False) -> str:
        escape = "\\" if raw else command.instruction.escape
        found = expand(text, self.walk.variables(), escape=escape, skip_quotes=raw)
        self._undefined(command, found)
        return found.text

    def _undefined(self, command: Command, found: Expansion) -> None:
        if not self.walk.known:
            return
        for name in sorted(found.unmatched - self.walk.args.keys() - _NOT_OURS):
            hint = did_you_mean(name, [*self.walk.variables(), *self.walk.args], "$")
            text = f" ({hint})" if hint else ""
            self.findings.add(rules.UNDEFINED_VAR, command.instruction.position, name, text)

    def _command(self, command: Command) -> None:
        if isinstance(command, typed.Arg):
            self._arg(command)
        elif isinstance(command, typed.Env):
            self._env(command)
        elif isinstance(command, typed.Workdir):
            path = self._word(command, command.path)
            if not self.walk.workdir_set and not path.startswith("/"):
                self.findings.add(rules.WORKDIR_RELATIVE_PATH, command.instruction.position, path)
            self.walk.workdir_set = True
        elif isinstance(command, typed.Shell):
            self.walk.shell_set = True
        elif isinstance(command, (typed.Cmd, typed.Entrypoint)):
            if command.shell and not self.walk.shell_set:
                instruction = command.instruction
                self.findings.add(rules.JSON_ARGS_RECOMMENDED, instruction.position, instruction.keyword)
        elif isinstance(command, typed.Expose):
            self._expose(command)
        else:
            for text in _texts(command):
                self._word(command, text)
            if isinstance(command, (typed.Copy, typed.Add)):
                self._copy(command)

    def _arg(self, command: typed.Arg) -> None:
        for name, default in command.pairs:
            self._secret(command, name)
            value = None if default is None else self._word(command, default)
            self.walk.args[name] = self.given.get(name, self.outer.get(name) if value is None else value)

    def _env(self, command: typed.Env) -> None:
        fresh = {}
        for name, value in command.pairs:
            self._secret(command, name)
            fresh[self._word(command, name)] = self._word(command, value)
        self.walk.env.update(fresh)

    def _secret(self, command: typed.Arg | typed.Env, name: str) -> None:
        if _SECRET.search(name) and not _PUBLIC.search(name):
            instruction = command.instruction
            self.findings.add(rules.SECRETS_USED_IN_ARG_OR_ENV, instruction.position, instruction.keyword, name)

    def _expose(self, command: typed.Expose) -> None:
        for text in command.ports:
            for port in expand(text, self.walk.variables(), escape=command.instruction.escape).words:
                _number, _, protocol = port.rpartition(":")[2].partition("/")
                if protocol != protocol.lower():
                    self.findings.add(rules.EXPOSE_PROTO_CASING, command.instruction.position, port)
                if ":" in port:
                    self.findings.add(rules.EXPOSE_INVALID_FORMAT, command.instruction.position, port)

    def _copy(self, command: typed.Copy | typed.Add) -> None:
        for heredoc in command.heredocs:
            if heredoc.expand:
                self._word(command, heredoc.text, raw=True)
        if self.ignored is None or (isinstance(command, typed.Copy) and command.from_):
            return
        verb = "Copy" if isinstance(command, typed.Copy) else "Add"
        for source in command.sources:
            text = expand(source, self.walk.variables(), escape=command.instruction.escape).text
            path = _clean(text)
            if not _URL.match(text) and self.ignored.leaves_out_all(path):
                self.findings.add(rules.COPY_IGNORED_FILE, command.instruction.position, verb, path)


def _clean(path: str) -> str:
    from skerry.build.language.ignore import clean

    return clean("/" + path)[1:] or "."


def _texts(command: Any) -> Iterator[str]:
    """The texts of an instruction that are expanded."""
    if isinstance(command, typed.Label):
        for pair in command.pairs:
            yield from pair
    elif isinstance(command, (typed.Copy, typed.Add)):
        yield from (command.chown or "", command.chmod or "", *command.exclude, *command.sources, command.dest)
        yield (command.from_ if isinstance(command, typed.Copy) else command.checksum) or ""
    elif isinstance(command, typed.User):
        yield command.user
    elif isinstance(command, typed.Volume):
        yield from command.paths
    elif isinstance(command, typed.StopSignal):
        yield command.signal
    elif isinstance(command, typed.Run):
        yield from (mount.text for mount in command.mounts)
