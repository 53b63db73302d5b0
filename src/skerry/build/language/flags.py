"""The flags of instructions: which there are, and what may stand in them."""

from __future__ import annotations

from skerry.build.errors import syntax_error
from skerry.build.language.suggest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.language.ast import Instruction

# keyword → flag → kind: text, list, or bool
KNOWN: dict[str, dict[str, str]] = {
    "FROM": {"platform": "text", "after": "list"},  # --after is Buildah's
    "RUN": {"mount": "list", "network": "text", "security": "text", "device": "list"},
    "COPY": {
        "from": "text", "chown": "text", "chmod": "text", "link": "bool", "parents": "bool", "exclude": "list",
    },
    "ADD": {
        "chown": "text", "chmod": "text", "link": "bool", "exclude": "list", "keep-git-dir": "bool",
        "checksum": "text", "unpack": "bool",
    },
    "HEALTHCHECK": {
        "interval": "text", "timeout": "text", "start-period": "text", "start-interval": "text", "retries": "text",
    },
}  # fmt: skip


# Podman's words: which flags want a value.
_WITH_VALUES = {
    "COPY": "COPY only supports the --chmod=<permissions> --chown=<uid:gid> --from=<image|stage> and the "
    "--exclude=<pattern> flags",
    "ADD": "ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum> "
    "--exclude=<pattern> flags",
}


class Flags:
    """The flags of one instruction, checked. A flag that may be given once and is given twice is an error."""

    def __init__(self, instruction: Instruction) -> None:
        self._instruction = instruction
        self._values: dict[str, list[str | None]] = {}
        known = KNOWN.get(instruction.keyword, {})
        for name, value in instruction.flags:
            if name not in known:
                raise self.error(f"unknown flag: --{name}", hint=did_you_mean(name, known, "--"))
            if known[name] != "bool" and value is None:
                raise self.error(f"missing a value on flag: --{name}", hint=_WITH_VALUES.get(instruction.keyword, ""))
            if known[name] != "list" and name in self._values:
                raise self.error(f"duplicate flag specified: --{name}")
            self._values.setdefault(name, []).append(value)

    def error(self, what: str, hint: str = "") -> Exception:
        """An error at the instruction's place."""
        return syntax_error(what, self._instruction.position, hint=hint, source=self._instruction.source)

    def text(self, name: str) -> str | None:
        """A flag's value; None when it was not given."""
        return self._values.get(name, [None])[-1]

    def list(self, name: str) -> tuple[str, ...]:
        """All values of a flag."""
        return tuple(value for value in self._values.get(name, ()) if value is not None)

    def truth(self, name: str) -> bool | None:
        """A switch: None when it was not given."""
        if name not in self._values:
            return None
        value = self._values[name][-1]
        if value is None or value.lower() == "true":
            return True
        if value.lower() == "false":
            return False
        raise self.error(f"expecting boolean value for flag {name}, not: {value}")
