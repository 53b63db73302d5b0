"""Collecting what checks find, those that are wanted, each once."""

from __future__ import annotations

from skerry.build.events import Warned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.checks.rules import Rule
    from skerry.build.checks.settings import CheckSettings
    from skerry.build.language.ast import Position


class Findings:
    """The warnings so far."""

    def __init__(self, settings: CheckSettings) -> None:
        self._settings = settings
        self._found: dict[Warned, None] = {}

    def add(self, rule: Rule, position: Position, *words: str) -> None:
        """One finding, if its rule runs."""
        if self._settings.runs(rule):
            self._found[Warned(rule.name, rule.message.format(*words), position)] = None

    @property
    def warnings(self) -> list[Warned]:
        """All of them, by their lines."""
        return sorted(self._found, key=lambda each: each.position.line if each.position else 0)
