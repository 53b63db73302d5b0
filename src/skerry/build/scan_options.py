"""``--sbom``, ``--sbom-scanner-…`` and ``--sbom-…output``: how the result's packages are listed, and where the list goes."""

from __future__ import annotations

from skerry.errors import Invalid
from skerry.records import dataclass

_SYFT, _TRIVY = "ghcr.io/anchore/syft", "ghcr.io/aquasecurity/trivy"
_CYCLONEDX = "merge-cyclonedx-by-component-name-and-version"
_SPDX = "merge-spdx-by-package-name-and-versioninfo"
STRATEGIES = ("cat", _CYCLONEDX, _SPDX)


@dataclass(frozen=True, slots=True)
class Scan:
    """No ``commands``: the scanner is the built-in one. Files are out here, ``image_…`` are paths in the image."""

    image: str = ""
    commands: tuple[str, ...] = ()
    strategy: str = ""
    file: str = ""
    purl_file: str = ""
    image_file: str = ""
    image_purl_file: str = ""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.file or self.purl_file or self.image_file or self.image_purl_file)


def _syft(form: str) -> tuple[str, ...]:
    return tuple(f"/syft scan -q dir:{{{what}}} --output {form}={{OUTPUT}}" for what in ("ROOTFS", "CONTEXT"))


def _trivy(form: str) -> tuple[str, ...]:
    return tuple(
        f"trivy filesystem -q {{{what}}} --format {form} --output {{OUTPUT}}" for what in ("ROOTFS", "CONTEXT")
    )


# Podman's names (buildah-build(1)).
PRESETS = {
    "syft": (_SYFT, _syft("cyclonedx-json"), _CYCLONEDX),
    "syft-cyclonedx": (_SYFT, _syft("cyclonedx-json"), _CYCLONEDX),
    "syft-spdx": (_SYFT, _syft("spdx-json"), _SPDX),
    "trivy": (_TRIVY, _trivy("cyclonedx"), _CYCLONEDX),
    "trivy-cyclonedx": (_TRIVY, _trivy("cyclonedx"), _CYCLONEDX),
    "trivy-spdx": (_TRIVY, _trivy("spdx-json"), _SPDX),
}


def make_scan(
    preset: str, image: str, commands: list[str], strategy: str, *, file: str, purl_file: str, image_file: str,
    image_purl_file: str,
) -> Scan:  # fmt: skip
    """`Invalid` for what does not go together."""
    chosen = PRESETS.get(preset, ("", (), ""))
    found = Scan(
        image or chosen[0], tuple(commands) or chosen[1], strategy or chosen[2], file, purl_file, image_file,
        image_purl_file,
    )  # fmt: skip
    if found.strategy and found.strategy not in STRATEGIES:
        raise Invalid(f'unknown --sbom-merge-strategy "{found.strategy}": {", ".join(STRATEGIES)} are known')
    if bool(found.image) != bool(found.commands):
        raise Invalid("--sbom-scanner-image and --sbom-scanner-command need each other")
    if len(found.commands) > 1 and not found.strategy:
        raise Invalid("several --sbom-scanner-command need a --sbom-merge-strategy")
    if (found.image or preset) and not found.wanted:
        raise Invalid(
            "a scan for packages needs somewhere to write to: --sbom-output, --sbom-purl-output, --sbom-image-output "
            "or --sbom-image-purl-output"
        )
    return found
