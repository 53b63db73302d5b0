"""Build arguments: what ARG declares, what the caller gives, what every build has."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from skerry.build.options import BuildOptions

# Known without ARG, and never in the history or the key (Dockerfile reference, "Predefined ARGs").
PROXIES = frozenset(
    name
    for word in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (word, word.lower())
)
# For the builder, not for the Containerfile (BuildKit's build-time variables).
BUILDER = frozenset({
    "SOURCE_DATE_EPOCH", "BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_CONTEXT_KEEP_GIT_DIR", "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_SYNTAX",
})  # fmt: skip
# Given by the platform of the build; in a stage only after ARG names them.
_PLATFORM = ("OS", "ARCH", "VARIANT")


def given(options: BuildOptions) -> dict[str, str]:
    """The caller's arguments; one without a value has that of the environment, if there is any."""
    found: dict[str, str] = {}
    for name, value in options.build_args.items():
        if value is not None:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    if options.source_date_epoch is not None:
        found.setdefault("SOURCE_DATE_EPOCH", str(options.source_date_epoch))
    return found


def platform_arguments(build: str, target: str, *, stage: str = "") -> dict[str, str]:
    """BUILDPLATFORM, TARGETPLATFORM and their parts, TARGETSTAGE."""
    found = {"TARGETSTAGE": stage or "default"}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        found[prefix + "PLATFORM"] = platform
        parts = [*platform.split("/"), "", ""][:3]
        for name, part in zip(_PLATFORM, parts, strict=True):
            found[prefix + name] = part
    return found


def proxies(options: BuildOptions, args: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables that RUN sees: the caller's arguments, else (``--http-proxy``) those of the environment."""
    found = {name: os.environ[name] for name in sorted(PROXIES) if name in os.environ} if options.http_proxy else {}
    found.update((name, value) for name, value in args.items() if name in PROXIES)
    # As BuildKit: programs look for the one spelling or for the other.
    for name in [*found]:
        found.setdefault(name.upper() if name.islower() else name.lower(), found[name])
    return found
