"""Archives for tests, made by hand so that they can be wrong."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar_of(members: dict[str, bytes | str]) -> bytes:
    """A tar; a str is a symbolic link's target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def config_of(*layers: bytes, **extra: Any) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["/bin/sh"], "Labels": {"tier": "web"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer) for layer in layers]},
        "history": [{"created_by": f"layer {n}"} for n, _layer in enumerate(layers)],
    }
    return json.dumps({**document, **extra}).encode()


def docker_members(*layers: bytes, tags: list[str], **extra: Any) -> dict[str, bytes | str]:
    """docker-archive: layers first, as Podman and Docker write it."""
    config = config_of(*layers, **extra)
    files: dict[str, bytes | str] = {f"{sha256(layer)}.tar": layer for layer in layers}
    files[f"{sha256(config)}.json"] = config
    entry = {
        "Config": f"{sha256(config)}.json",
        "RepoTags": tags,
        "Layers": [f"{sha256(layer)}.tar" for layer in layers],
    }
    files["manifest.json"] = json.dumps([entry]).encode()
    return files


def oci_members(layer: bytes, stored: bytes, media_type: str, name: str, **extra: Any) -> dict[str, bytes | str]:
    """OCI layout of one image whose layer is kept as ``stored``."""
    config = config_of(layer, **extra)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(stored, media_type)],
        }
    ).encode()
    entry = _descriptor(manifest, "application/vnd.oci.image.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    blobs: dict[str, bytes | str] = {f"blobs/sha256/{sha256(data)}": data for data in (stored, config, manifest)}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', **blobs, "index.json": index}


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": "sha256:" + sha256(data), "size": len(data)}


def write(path: Path, members: dict[str, bytes | str]) -> str:
    path.write_bytes(tar_of(members))
    return str(path)
