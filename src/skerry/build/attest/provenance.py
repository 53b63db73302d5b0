"""How an image was built, as SLSA provenance: version 1, or 0.2 for those that still read that."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.contexts import Context
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import Solved

_BUILD_TYPE = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
_BUILD_TYPE_02 = "https://mobyproject.org/buildkit@v1"
V1, V02 = "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"


def provenance(
    options: BuildOptions, solved: Solved, context: Context, *, started: str, finished: str, sources: dict[str, str]
) -> tuple[str, dict[str, Any]]:
    """(predicate type, predicate). Arguments and Containerfiles only with mode=max, as they may tell what is nobody's
    business; secrets never. ``sources``: the Containerfiles' texts by name."""
    wanted = options.attestations.get("provenance", {})
    whole = wanted.get("mode", "min") == "max"
    materials = _materials(solved, context)
    request = _request(options, whole=whole)
    builder = wanted.get("builder-id", "")
    source = {"infos": [{"filename": name, "data": _base64(text)} for name, text in sources.items()]} if whole else {}
    if wanted.get("version", "v1") == "v0.2":
        return V02, {
            "builder": {"id": builder},
            "buildType": _BUILD_TYPE_02,
            "materials": materials,
            "invocation": {
                "configSource": _config_source(sources, context),
                "parameters": request,
                "environment": {"platform": solved.platform},
            },
            "metadata": {
                "buildStartedOn": started, "buildFinishedOn": finished,
                "completeness": {"parameters": whole, "environment": True, "materials": False},
                "reproducible": wanted.get("reproducible") in ("1", "true"),
                "https://mobyproject.org/buildkit@v1#metadata": {"source": source} if source else {},
            },
        }  # fmt: skip
    return V1, {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {"configSource": _config_source(sources, context), "request": request},
            "internalParameters": {"builderPlatform": solved.platform},
            "resolvedDependencies": materials,
        },
        "runDetails": {
            "builder": {"id": builder},
            "metadata": {
                "startedOn": started, "finishedOn": finished, "buildkit_metadata": {"source": source} if source else {},
                "buildkit_completeness": {"request": whole, "resolvedDependencies": False},
            },
        },
    }  # fmt: skip


def _base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _materials(solved: Solved, context: Context) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if solved.base_name and solved.base_digest:
        name, _at, _digest = solved.base_name.partition("@")
        found.append({
            "uri": f"pkg:docker/{name.replace(':', '@')}?platform={solved.platform.replace('/', '%2F')}",
            "digest": {"sha256": solved.base_digest.removeprefix("sha256:")},
        })  # fmt: skip
    if context.commit:
        found.append({"uri": context.origin, "digest": {"sha1": context.commit}})
    return found


def _config_source(sources: dict[str, str], context: Context) -> dict[str, Any]:
    entry = next(iter(sources), "Containerfile")
    if context.commit:
        return {"uri": context.origin, "digest": {"sha1": context.commit}, "path": entry}
    return {"path": entry}


def _request(options: BuildOptions, *, whole: bool) -> dict[str, Any]:
    request: dict[str, Any] = {"frontend": "dockerfile.v0"}
    if not whole:
        return request
    args = {f"build-arg:{name}": value for name, value in options.build_args.items() if value is not None}
    args |= {f"label:{name}": value for name, value in options.labels.items()}
    if options.target:
        args["target"] = options.target
    request["args"] = args
    request["locals"] = [{"name": "context"}, {"name": "dockerfile"}]
    if options.secrets:
        request["secrets"] = [{"id": name, "optional": True} for name in sorted(options.secrets)]
    if options.ssh or options.ssh_keys:
        request["ssh"] = [{"id": name, "optional": True} for name in sorted({*options.ssh, *options.ssh_keys})]
    return request
