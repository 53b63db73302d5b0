"""Checks of FROM: its arguments and its platform."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from skerry.build.checks import rules
from skerry.build.language.suggest import did_you_mean
from skerry.build.language.words import ExpansionError, expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.checks.findings import Findings
    from skerry.build.language.instructions import Arg, Stage

_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*\Z")
_HOST = re.compile(r"(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}\Z")
# What Podman builds on, too.
_PLACES = ("containers-storage:", "docker-archive:", "oci-archive:", "docker://", "oci:", "dir:")


def check_bases(
    meta_args: Sequence[Arg], stages: Sequence[Stage], findings: Findings, *,
    values: Mapping[str, str], builtin: Mapping[str, str],
) -> None:  # fmt: skip
    """``values``: what the ARGs before the first FROM have in this build."""
    declared = {**builtin, **values}
    names = {name for arg in meta_args for name, _ in arg.pairs} | declared.keys()
    defaults = _defaults(meta_args, builtin)
    for stage in stages:
        try:
            _check(stage, findings, declared, names, builtin)
            image = expand(stage.from_.image, defaults, escape=stage.from_.instruction.escape).text
        except ExpansionError:
            continue
        if not image.startswith(_PLACES) and not valid_reference(image):
            findings.add(rules.INVALID_DEFAULT_ARG_IN_FROM, stage.from_.instruction.position, stage.from_.image)


def _defaults(meta_args: Sequence[Arg], builtin: Mapping[str, str]) -> dict[str, str]:
    """As if the caller had given no argument."""
    found = dict(builtin)
    for arg in meta_args:
        for name, default in arg.pairs:
            try:
                found[name] = expand(default or "", found, escape=arg.instruction.escape).text
            except ExpansionError:
                found[name] = ""
    return found


def _check(
    stage: Stage, findings: Findings, declared: Mapping[str, str], names: set[str], builtin: Mapping[str, str]
) -> None:
    instruction = stage.from_.instruction
    image = expand(stage.from_.image, declared, escape=instruction.escape)
    unmatched = set(image.unmatched)
    if stage.from_.platform is not None:
        platform = expand(stage.from_.platform, declared, escape=instruction.escape)
        unmatched |= platform.unmatched
        if platform.matched == {"TARGETPLATFORM"} and not platform.unmatched:
            if platform.text == builtin.get("TARGETPLATFORM"):
                findings.add(rules.REDUNDANT_TARGET_PLATFORM, instruction.position, stage.from_.platform)
        elif not platform.matched and not platform.unmatched:
            parts = platform.text.split("/")
            if not any(part and part in (stage.name or "") for part in parts[:2]):
                findings.add(rules.FROM_PLATFORM_FLAG_CONST_DISALLOWED, instruction.position, platform.text)
    for name in sorted(unmatched - names):
        hint = did_you_mean(name, sorted(names))
        findings.add(rules.UNDEFINED_ARG_IN_FROM, instruction.position, name, f" ({hint})" if hint else "")


def valid_reference(text: str) -> bool:
    """Whether a text may name an image (or a stage)."""
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.match(digest):
        return False
    path, colon, tag = rest.rpartition(":")
    if colon and "/" not in tag:
        if not _TAG.match(tag):
            return False
        rest = path
    first, slash, remainder = rest.partition("/")
    if slash and (set(first) & set(".:") or first == "localhost" or first != first.lower()):
        if not _HOST.match(first):
            return False
        rest = remainder
    return len(rest) <= 255 and all(_NAME.match(part) for part in rest.split("/"))
