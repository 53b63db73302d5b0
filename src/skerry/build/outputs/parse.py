"""``--output`` and ``--attest`` as values."""

from __future__ import annotations

from skerry.build.options import Output
from skerry.build.outputs.annotations import is_attribute
from skerry.errors import Invalid

_ATTRIBUTES = {
    "local": {"dest", "platform-split"},
    "tar": {"dest"},
    "oci": {"dest", "name", "tar", "compression", "compression-level", "force-compression", "oci-mediatypes"},
    "docker": {"dest", "name", "compression"},
    "image": {"name", "push", "compression", "compression-level", "force-compression", "oci-mediatypes", "store",
              "unpack", "rewrite-timestamp", "name-canonical"},
    "registry": {"name", "compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp",
                 "push", "name-canonical"},
    "cacheonly": set(),
}  # fmt: skip
_COMPRESSIONS = ("gzip", "zstd", "uncompressed")


def parse_output(text: str, fields: list[str]) -> Output:
    """``FOLDER``, ``-``, or ``type=…,dest=…,…`` (``fields`` split at commas). `Invalid`."""
    if len(fields) == 1 and "=" not in fields[0]:
        return Output("tar", "-") if text == "-" else Output("local", text)
    values: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise Invalid(f'invalid --output "{text}": {field!r} is not KEY=VALUE')
        values[key.strip().lower()] = value
    kind = values.pop("type", "")
    if not kind:
        raise Invalid(f'invalid --output "{text}": missing required key "type"')
    if kind not in _ATTRIBUTES:
        raise Invalid(f'invalid --output "{text}": type must be one of {", ".join(_ATTRIBUTES)}')
    annotations = {key: values.pop(key) for key in list(values) if is_attribute(key)}
    unknown = set(values) - _ATTRIBUTES[kind]
    if unknown:
        raise Invalid(f'invalid --output "{text}": {min(unknown)} is not an attribute of type={kind}')
    if values.get("compression", "gzip") not in _COMPRESSIONS:
        raise Invalid(f'invalid --output "{text}": compression must be one of {", ".join(_COMPRESSIONS)}')
    dest = values.pop("dest", "")
    if (kind == "local" and not dest) or (kind == "local" and dest == "-"):
        raise Invalid(f'invalid --output "{text}": type=local needs a folder, dest=…')
    if kind in ("tar", "oci") and not dest:
        dest = "-"
    return Output(kind, dest, {**values, **annotations})


def parse_attestation(fields: list[str], known: dict[str, dict[str, str]]) -> None:
    """``type=sbom|provenance[,disabled=true][,…]`` into ``known``. `Invalid`."""
    values: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        values[key.strip()] = value if equals else "true"
    kind = values.pop("type", "")
    if kind not in ("sbom", "provenance"):
        raise Invalid(f'invalid attestation type "{kind}": sbom and provenance are possible')
    if values.pop("disabled", "false") in ("1", "true"):
        known.pop(kind, None)
        return
    if kind == "sbom" and values:
        raise Invalid(f"attestation sbom: {min(values)} is not supported, the scanner is built in")
    if set(values) - {"mode", "version", "inline-only", "reproducible", "builder-id", "filename"}:
        raise Invalid(f"attestation provenance: {min(values)} is not supported")
    if values.get("mode", "min") not in ("min", "max"):
        raise Invalid(f'attestation provenance: mode must be min or max, not "{values["mode"]}"')
    if values.get("version", "v1") not in ("v0.2", "v1"):
        raise Invalid(f'attestation provenance: version must be v0.2 or v1, not "{values["version"]}"')
    known[kind] = values
