"""Which checks run: the ``# check=skip=…;experimental=…;error=true`` directive."""

from __future__ import annotations

from skerry.build.checks.rules import Rule
from skerry.errors import Invalid
from skerry.records import dataclass

ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"  # a build argument of this name stands above the directive
_TRUTH = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """``skip`` and ``experimental`` are names of rules, or "all"; ``error`` makes findings an error."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False

    def runs(self, rule: Rule) -> bool:
        """Whether a rule's findings are wanted."""
        if rule.experimental and not self.experimental & {"all", rule.name}:
            return False
        return not self.skip & {"all", rule.name}


def parse_settings(text: str) -> CheckSettings:
    """The directive's value. `Invalid` for an option that is none."""
    names: dict[str, frozenset[str]] = {}
    error = False
    for part in text.split(";") if text.strip() else ():
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals:
            raise Invalid(f'invalid check option "{part}"')
        if name in ("skip", "experimental"):
            names[name] = frozenset(item.strip() for item in value.split(","))
        elif name != "error":
            raise Invalid(f'invalid check option "{name}"')
        elif value.strip().lower() in _TRUTH:
            error = _TRUTH[value.strip().lower()]
        else:
            raise Invalid(f'failed to parse check option "{part}"')
    return CheckSettings(names.get("skip", frozenset()), names.get("experimental", frozenset()), error)
