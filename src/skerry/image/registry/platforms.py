"""Which of an index's images is for a platform (OCI image-index, Go's GOOS, GOARCH and variants)."""

from __future__ import annotations

import os

from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.image.registry.documents import Descriptor

_DOCKERS = "application/vnd.docker.distribution.manifest.list.v2+json"
_MACHINES = {
    "x86_64": ("amd64", ""), "aarch64": ("arm64", ""), "armv7l": ("arm", "v7"), "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"), "i686": ("386", ""), "i386": ("386", ""), "ppc64le": ("ppc64le", ""),
    "loongarch64": ("loong64", ""),
}  # fmt: skip
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm", "i386": "386"}


class Platform:
    """Operating system, architecture, variant (or ""), as an index names them."""

    __slots__ = ("architecture", "os", "variant")

    def __init__(self, os: str, architecture: str, variant: str = "") -> None:
        self.os = os
        self.architecture = architecture
        self.variant = variant

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def host() -> Platform:
    """This machine."""
    machine = os.uname().machine
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def wanted(platform: str = "", *, os: str = "", arch: str = "", variant: str = "") -> Platform:
    """What --platform, or --os, --arch and --variant, ask for; this machine's for what they do not say."""
    if platform and (os or arch):
        raise Invalid("--platform option can not be specified with --arch or --os")
    mine = host()
    if platform:
        parts = platform.split("/")
        if len(parts) > 3 or not all(parts):
            raise Invalid(f'invalid platform syntax for "{platform}" (use OS[/ARCH[/VARIANT]])')
        os, arch, *rest = [*parts, ""] if len(parts) == 1 else parts
        variant = rest[0] if rest and rest[0] else variant
    arch = _ALIASES.get(arch, arch)
    if not arch or arch == mine.architecture:
        variant = variant or mine.variant
    return Platform(os or mine.os, arch or mine.architecture, variant)


def choose(manifests: list[Descriptor], platform: Platform, media_type: str = "") -> Descriptor:
    """The best image for ``platform``: the same variant, else the newest that it can run, else that without one (as
    Podman: amd64/v2 runs what is for amd64). `NotFound`."""
    variants = _variants(platform)
    best: tuple[int, Descriptor] | None = None
    for descriptor in manifests:
        found: Any = descriptor.platform or {}
        if (found.get("os"), found.get("architecture")) != (platform.os, platform.architecture):
            continue
        variant = found.get("variant") or ""
        if variant not in variants:
            continue
        rank = variants.index(variant)
        if best is None or rank < best[0]:
            best = (rank, descriptor)
    if best is None:
        kind = "manifest list" if media_type == _DOCKERS else "image index"
        raise NotFound(
            f'no image found in {kind} for architecture "{platform.architecture}", variant "{platform.variant}", '
            f'OS "{platform.os}"'
        )
    return best[1]


def _variants(platform: Platform) -> list[str]:
    if platform.architecture == "arm":
        newest = platform.variant or "v7"
        older = ["v8", "v7", "v6", "v5"]
        return [*older[older.index(newest) :], ""] if newest in older else [newest, ""]
    if platform.architecture == "arm64" and platform.variant in ("", "v8"):
        return ["v8", ""] if platform.variant else ["", "v8"]
    return [platform.variant, ""] if platform.variant else [""]
