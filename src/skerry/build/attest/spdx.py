"""A list of packages as an SPDX 2.3 document (JSON)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from skerry.build.attest.packages import Package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ID = re.compile(r"[^A-Za-z0-9.\-]+")
_LICENSE = re.compile(r"^[A-Za-z0-9.+\-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+\-]+)*$")


def document(name: str, packages: Sequence[Package], release: dict[str, str], created: str) -> dict[str, Any]:
    """The document; the same for the same packages, name and time (RFC 3339, whole seconds)."""
    root = {
        "name": name, "SPDXID": "SPDXRef-DocumentRoot-Image", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }  # fmt: skip
    entries = [_entry(package) for package in packages]
    digest = hashlib.sha256("\n".join([name, created, *(package.purl for package in packages)]).encode()).hexdigest()
    found: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/skerry-{digest}",
        "creationInfo": {"creators": ["Organization: Skerry", "Tool: skerry"], "created": created},
        "packages": [root, *_system(release), *entries],
    }  # fmt: skip
    found["relationships"] = [
        _relation("SPDXRef-DOCUMENT", "DESCRIBES", root["SPDXID"]),
        *(_relation(root["SPDXID"], "CONTAINS", entry["SPDXID"]) for entry in found["packages"][1:]),
    ]
    return found


def _relation(element: Any, kind: str, related: Any) -> dict[str, Any]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


def _system(release: dict[str, str]) -> list[dict[str, Any]]:
    if not release.get("ID"):
        return []
    return [{
        "name": release["ID"], "SPDXID": "SPDXRef-OperatingSystem", "versionInfo": release.get("VERSION_ID", ""),
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "description": release.get("PRETTY_NAME", ""), "primaryPackagePurpose": "OPERATING-SYSTEM",
    }]  # fmt: skip


def _entry(package: Package) -> dict[str, Any]:
    digest = hashlib.sha256(f"{package.purl} {package.place}".encode()).hexdigest()[:16]
    name = f"{package.namespace}/{package.name}" if package.kind == "npm" and package.namespace else package.name
    entry: dict[str, Any] = {
        "name": name,
        "SPDXID": f"SPDXRef-Package-{package.kind}-{_ID.sub('-', package.name)}-{digest}",
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": package.license if _LICENSE.match(package.license) else "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"acquired package info from /{package.place}",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.purl}
        ],
    }
    if package.supplier:
        entry["supplier"] = f"Person: {package.supplier}"
    return entry
