"""Base images without a registry: busybox from its static program, Debian and Ubuntu from their signed archives.

The same packages give the same digests: nothing of the time or the machine is in the image.
"""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import OCI_CONFIG, OCI_MANIFEST, add_image, digest_of, drop_layers
from skerry.errors import Invalid, OutOfSpace, Unavailable
from skerry.image.reference import normalise
from skerry.store.layers import add_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.types import LayerRecord

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_DEBIAN_MACHINES = {"armhf": ("arm", "v7"), "armel": ("arm", "v5"), "i386": ("386", ""), "ppc64el": ("ppc64le", "")}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CREATED = "2025-01-01T00:00:00Z"
EPOCH = 1735689600  # the same in seconds


class Base:
    """What the image shall be: ``config`` has the image config's keys (Cmd, Env, …)."""

    __slots__ = ("architecture", "config", "include", "names", "variant")

    def __init__(
        self,
        *,
        names: tuple[str, ...] = (),
        include: tuple[str, ...] = (),
        variant: str = "minbase",
        architecture: str = "",
        config: dict[str, Any] | None = None,
    ) -> None:
        self.names = names
        self.include = include
        self.variant = variant
        self.architecture = architecture
        self.config = config or {}


def bootstrap(
    engine: Engine, distribution: str, base: Base | None, *, report: Callable[[str], None] | None = None
) -> ImageRecord:
    """See `Images.bootstrap`. ``report`` is told in words how far it is."""
    base = base or Base()
    report = report or (lambda _text: None)
    names = [normalise(name) for name in base.names]
    engine.store.db  # noqa: B018 - the root's folders exist
    if distribution.partition(":")[0] == "busybox":
        if base.include:
            raise Invalid("busybox has no packages: --include is for Debian and Ubuntu")
        return _busybox(engine, base, names or ["localhost/busybox:latest"], report)
    from skerry.engine.images.debian import debian_layer, release

    suite, default_names = release(distribution)
    layer, architecture = debian_layer(engine, suite, base, report)
    machine, variant = _DEBIAN_MACHINES.get(architecture, (architecture, ""))
    return _record(engine, base, layer, names or default_names, "bash", f"mmdebstrap {suite}", machine, variant)


def _busybox(engine: Engine, base: Base, names: list[str], report: Callable[[str], None]) -> ImageRecord:
    import errno
    import os

    from skerry.engine.images.busybox import applets, foreign_applets, foreign_program, program, write_tar

    native = MACHINES.get(os.uname().machine, os.uname().machine)
    machine, variant = _DEBIAN_MACHINES.get(base.architecture, (base.architecture or native, ""))
    with engine.store.staging() as staging:
        try:
            if machine != native:
                report(f"Fetching busybox for {base.architecture}")
                binary = foreign_program(base.architecture, staging.path)
                found = foreign_applets(binary)
            else:
                binary, path = program(), staging.path + "/busybox"
                with open(path, "wb", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, 0o700)) as file:
                    file.write(binary)
                found = applets(path)
            with open(staging.path + "/tar", "w+b") as tar:
                write_tar(tar, binary, found)
                tar.seek(0)
                layer = add_layer(engine.store, None, tar)
        except OSError as error:
            kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
            raise kind(f"cannot make the image: {error.strerror}") from error
    return _record(engine, base, layer, names, "sh", "busybox", machine, variant)


def _record(
    engine: Engine,
    base: Base,
    layer: LayerRecord,
    names: list[str],
    shell: str,
    made_by: str,
    machine: str,
    variant: str,
) -> ImageRecord:
    config = {"Env": [_PATH], "Cmd": [shell], **base.config}
    if "Entrypoint" in base.config and "Cmd" not in base.config:
        del config["Cmd"]
    if not any(item.startswith("PATH=") for item in config["Env"]):
        config["Env"] = [_PATH, *config["Env"]]
    document = {
        "created": CREATED,
        "architecture": machine,
        **({"variant": variant} if variant else {}),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["diff_id"]]},
        "history": [{"created": CREATED, "created_by": f"skerry image bootstrap: {made_by}"}],
    }
    data = fastjson.dumps(document).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(data), "size": len(data)},
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer["diff_id"], "size": layer["size"]}
        ],
    }
    try:
        record = add_image(engine, data, fastjson.dumps(manifest).encode(), OCI_MANIFEST, [layer["chain_id"]], names)
    except BaseException:
        drop_layers(engine, [layer["chain_id"]])
        raise
    engine.events.emit(type="image", status="import", id=record["id"], name=names[0])
    return record
