"""What is written down about a result: --iidfile, --metadata-file (with BuildKit's keys)."""

from __future__ import annotations

import os

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.outputs.work import Work


def write_notes(work: Work) -> None:
    """The files that were asked for."""
    options, result = work.options, work.result
    if not (options.iid_file or options.iid_file_raw or options.metadata_file):
        return
    from skerry.build.outputs.files import write_text

    if options.iid_file and result.image_id:
        write_text(options.iid_file, f"sha256:{result.image_id}")
    if options.iid_file_raw and result.image_id:
        write_text(options.iid_file_raw, result.image_id)
    if options.metadata_file:
        write_text(options.metadata_file, fastjson.dumps(metadata(work), indent=2) + "\n")


def metadata(work: Work) -> dict[str, Any]:
    """As ``docker buildx build --metadata-file`` has it; buildx's variables can leave some of it out."""
    from skerry.build.attest.provenance import provenance

    result, several = work.result, len(work.result.solved) > 1
    found: dict[str, Any] = {}
    for solved in result.solved if _wanted("BUILDX_METADATA_PROVENANCE") else ():
        _type, body = provenance(
            work.options, solved, work.context, started=work.started, finished=work.finished, sources=work.sources
        )
        found["buildx.build.provenance" + (f"/{solved.platform}" if several else "")] = body
    found["buildx.build.ref"] = f"default/default/{os.urandom(12).hex()}"
    if result.warnings and _wanted("BUILDX_METADATA_WARNINGS"):
        found["buildx.build.warnings"] = [
            {"short": warning.message, "rule": warning.rule, "line": warning.position.line if warning.position else 0}
            for warning in result.warnings
        ]
    if result.image_id:
        digest = next(iter(work.pushed.values()), result.digest)
        found["containerimage.config.digest"] = f"sha256:{result.image_id}"
        if digest == result.digest:
            found["containerimage.descriptor"] = work.engine.builds.descriptor(result.image_id)
        found["containerimage.digest"] = digest
    names = result.names or work.options.tags
    if names:
        found["image.name"] = ",".join(names)
    return found


def _wanted(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("disabled", "false", "0", "f")
