"""``--source-policy-file``: which images, URLs and repositories a build may take from, and what to take instead.

The file is BuildKit's source policy as JSON. As with Podman the first rule that matches counts, and what no rule names is
allowed. A source is ``docker-image://`` with the image's full name, or the URL itself.
"""

from __future__ import annotations

import json
import os

from skerry.errors import Denied, Invalid, NotFound
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern
    from typing import Any

    from skerry.engine.engine import Engine

IMAGE = "docker-image://"
_ACTIONS = ("ALLOW", "DENY", "CONVERT")
_MATCHES = ("EXACT", "WILDCARD", "REGEX")


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` matches a whole source. ``instead`` and ``checksum`` are what CONVERT makes of it, ``\\g<1>`` and the
    like in it the pattern's groups."""

    action: str
    pattern: Pattern[str]
    instead: str
    checksum: str


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """The rules, in order."""

    rules: tuple[Rule, ...]

    def source(self, identifier: str) -> tuple[str, str]:
        """What to take instead of a source (or itself), and the checksum that it must have, if any. `Denied`."""
        for rule in self.rules:
            match = rule.pattern.fullmatch(identifier)
            if match is None:
                continue
            if rule.action == "DENY":
                raise Denied(f'source "{identifier}" denied by source policy')
            if rule.action == "CONVERT":
                return match.expand(rule.instead), rule.checksum
            break
        return identifier, ""

    def image(self, engine: Engine, name: str) -> str:
        """The image to take instead of ``name``, or itself. `Denied`; `Invalid` for one that becomes something else."""
        try:
            full = IMAGE + engine.images.full_name(name.removeprefix("docker://"))
        except Invalid:
            full = name  # of another transport, such as oci:FOLDER
        taken, _checksum = self.source(full)
        if taken == full:
            return name
        if not taken.startswith(IMAGE):
            raise Invalid(f'source policy: "{full}" cannot become "{taken}", which is no image')
        return taken[len(IMAGE) :]


def load(path: str) -> SourcePolicy:
    """The policy in a file. `NotFound`, `Invalid`."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise NotFound(f"loading source policy: open {path}: {os.strerror(error.errno or 0).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"loading source policy: {path} is no JSON: {error}") from None
    try:
        rules = document["rules"] if isinstance(document, dict) and document.get("rules") is not None else []
        if not isinstance(document, dict) or not isinstance(rules, list):
            raise Invalid("an object with a list of rules is wanted")
        return SourcePolicy(tuple(_rule(item) for item in rules))
    except Invalid as error:
        raise Invalid(f"loading source policy: {path}: {error.message}") from None


def _rule(item: Any) -> Rule:
    item = item if isinstance(item, dict) else {}
    selector, updates = item.get("selector") or {}, item.get("updates") or {}
    action, identifier = item.get("action") or "", selector.get("identifier") or ""
    kind = selector.get("matchType") or "WILDCARD"
    if not action:
        raise Invalid("action is required")
    if action not in _ACTIONS:
        raise Invalid(f'unknown action "{action}": {", ".join(_ACTIONS)} are known')
    if not identifier:
        raise Invalid("selector.identifier is required")
    if kind not in _MATCHES:
        raise Invalid(f'unknown matchType "{kind}": {", ".join(_MATCHES)} are known')
    if selector.get("constraints"):
        raise Invalid("selector.constraints are not evaluated here, so no rule may depend on them")
    instead = updates.get("identifier") or ""
    if action == "CONVERT" and not instead:
        raise Invalid("updates.identifier is required for CONVERT")
    checksum = (updates.get("attrs") or {}).get("http.checksum") or ""
    pattern = _pattern(identifier, kind)
    return Rule(action, pattern, _template(instead, kind, pattern.groups), checksum)


def _pattern(identifier: str, kind: str) -> Pattern[str]:
    import re

    if kind == "REGEX":
        try:
            return re.compile(identifier)
        except re.error as error:
            raise Invalid(f'selector.identifier "{identifier}" is no regular expression: {error}') from None
    if identifier.startswith(IMAGE) and not set(identifier) & set("*?"):
        identifier = IMAGE + _tagged(identifier[len(IMAGE) :])
    signs = {"*": "(.*)", "?": "(.)"} if kind == "WILDCARD" else {}
    return re.compile("".join(signs.get(sign, re.escape(sign)) for sign in identifier), re.DOTALL)


def _template(instead: str, kind: str, groups: int) -> str:
    """For ``Match.expand``: ``$1`` and ``${1}`` are groups, of a wildcard as of a regular expression."""
    import re

    def group(found: re.Match[str]) -> str:
        number = int(found[1] or found[2])
        if number > groups:
            raise Invalid(f'updates.identifier "{instead}" has {found[0]}, but selector.identifier has {groups} groups')
        return f"\\g<{number}>"

    escaped = instead.replace("\\", "\\\\")
    return escaped if kind == "EXACT" else re.sub(r"\$(?:\{(\d+)\}|(\d+))", group, escaped)


def _tagged(name: str) -> str:
    """``:latest`` where a name says neither tag nor digest."""
    return name if "@" in name or ":" in name.rpartition("/")[2] else name + ":latest"
