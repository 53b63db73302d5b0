"""The in-toto statements of one platform's result."""

from __future__ import annotations

from skerry import fastjson
from skerry.build.attest.packages import Package, find_packages
from skerry.build.attest.provenance import provenance
from skerry.build.attest.spdx import document
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.contexts import Context
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import Solved
    from skerry.engine.engine import Engine

SPDX = "https://spdx.dev/Document"
_STATEMENT = "https://in-toto.io/Statement/v0.1"


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is said, and its type; ``file`` is its name beside exported files."""

    type: str
    body: dict[str, Any]
    file: str

    def statement(self, subjects: list[dict[str, Any]]) -> bytes:
        """It, said of ``subjects`` (name and digest each)."""
        text = fastjson.dumps(
            {"_type": _STATEMENT, "predicateType": self.type, "subject": subjects, "predicate": self.body}
        )
        return text.encode("utf-8", "replace")


def image_subject(name: str, platform: str, digest: str) -> dict[str, Any]:
    """An image as a statement's subject."""
    repository, _colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
    purl = f"pkg:docker/{repository or 'image'}@{tag}?platform={platform.replace('/', '%2F')}"
    return {"name": purl, "digest": {"sha256": digest.removeprefix("sha256:")}}


def packages_of(engine: Engine, solved: Solved) -> tuple[list[Package], dict[str, str]]:
    """What is installed in the result."""
    with engine.builds.open_root(solved.layers, writable=False) as root:
        return find_packages(engine, root.path)


def spdx_of(engine: Engine, solved: Solved, name: str) -> dict[str, Any]:
    """The result's packages as SPDX."""
    packages, release = packages_of(engine, solved)
    return document(name or "image", packages, release, str(solved.document.get("created", ""))[:19] + "Z")


def predicates(
    engine: Engine, options: BuildOptions, solved: Solved, context: Context, *, name: str, started: str, finished: str,
    sources: dict[str, str],
) -> list[Predicate]:  # fmt: skip
    """What was asked for with --attest, --sbom, --provenance."""
    found: list[Predicate] = []
    if "sbom" in options.attestations:
        found.append(Predicate(SPDX, spdx_of(engine, solved, name), "sbom.spdx.json"))
    if "provenance" in options.attestations:
        type_, body = provenance(options, solved, context, started=started, finished=finished, sources=sources)
        found.append(Predicate(type_, body, "provenance.json"))
    return found
