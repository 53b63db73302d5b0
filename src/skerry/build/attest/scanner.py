"""Lists of packages by a scanner of the user's: its image's program is run and what it writes is merged."""

from __future__ import annotations

import json
import os
import shlex
import stat
from contextlib import ExitStack

from skerry.build.base_image import find_image
from skerry.build.contexts import Context
from skerry.build.platforms import host
from skerry.build.stage_state import DEFAULT_PATH
from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.builds.types import RunRequest, StepMount
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.build.contexts import Contexts
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import Solved
    from skerry.build.scan_options import Scan
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

_ROOTFS, _CONTEXT, _OUTPUT = "/.scan/rootfs", "/.scan/context", "/.scan/output"
_MOST = 256 << 20  # bytes of one list


def run_scanner(
    engine: Engine, options: BuildOptions, contexts: Contexts, solved: Solved, scan: Scan,
    output: Callable[[int, bytes], None],
) -> bytes:  # fmt: skip
    """The merged list. ``output`` is given what the scanner says. `Invalid` when it fails or writes nothing."""
    image = find_image(engine, scan.image, host(), options)
    with ExitStack() as stack:
        rootfs = stack.enter_context(engine.builds.open_root(solved.layers, writable=False)).path
        staging = stack.enter_context(engine.builds.staging()).path
        os.chmod(staging, 0o711)
        folders = {_ROOTFS: rootfs}
        for number, context in enumerate(_folders(contexts, options)):
            folders[f"{_CONTEXT}{number}"] = context.folder
        texts: list[bytes] = []
        for command in scan.commands:
            places = [place for place in folders if place != _ROOTFS] if "{CONTEXT}" in command else [_ROOTFS]
            for place in places:
                folder = f"{staging}/{len(texts)}"
                os.mkdir(folder, 0o777)
                os.chmod(folder, 0o777)  # the scanner may be anybody; above it is a folder of ours
                text = command.replace("{CONTEXT}", place).replace("{ROOTFS}", _ROOTFS)
                request = _request(options, image, folders, folder, output)
                with engine.builds.open_root(image["layers"]) as root:
                    request.argv = _argv(root.path, text.replace("{OUTPUT}", f"{_OUTPUT}/list"))
                    code = root.run(request)
                if code:
                    raise Invalid(f"the scanner {scan.image} ended with exit code {code}: {text}")
                texts.append(_read(folder, scan.image))
    return merge(texts, scan.strategy)


def _folders(contexts: Contexts, options: BuildOptions) -> list[Context]:
    named = [contexts.named(name) for name in options.build_contexts]
    return [contexts.main, *(context for context in named if isinstance(context, Context))]


def _request(
    options: BuildOptions, image: ImageRecord, folders: dict[str, str], folder: str,
    output: Callable[[int, bytes], None],
) -> RunRequest:  # fmt: skip
    config, run = image["config"], options.run
    env = {"PATH": DEFAULT_PATH, **dict(item.partition("=")[::2] for item in config.get("Env") or ())}
    mounts = [StepMount("bind", target, source=source, readonly=True) for target, source in folders.items()]
    return RunRequest(
        argv=[], env=[f"{name}={value}" for name, value in env.items()], user=config.get("User") or "",
        network=run.network, hosts=run.hosts, dns=run.dns, dns_search=run.dns_search, dns_options=run.dns_options,
        mounts=[*mounts, StepMount("bind", _OUTPUT, source=folder)], output=output, cancelled=options.cancelled,
    )  # fmt: skip


def _argv(root: str, command: str) -> list[str]:
    """By its shell, if it has one: a scanner's image may be nothing but a program."""
    with Placer(root, new_folders=Metadata(0o755, 0, 0, 0)) as placer:
        shell = placer.kind("/bin/sh") == "file"
    return ["/bin/sh", "-c", command] if shell else shlex.split(command)


def _read(folder: str, image: str) -> bytes:
    """What was written. The scanner could put anything there: a link is not followed."""
    try:
        fd = os.open(f"{folder}/list", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"the scanner {image} wrote no list: {os.strerror(error.errno or 0)}") from None
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Invalid(f"the scanner {image} wrote no list: that is no file")
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise Invalid(f"the list of the scanner {image} is larger than {_MOST >> 20} MiB")
    return data


def merge(texts: Sequence[bytes], strategy: str) -> bytes:
    """One list of several; of packages that several have, the first one's."""
    if len(texts) == 1:
        return texts[0]
    if strategy == "cat":
        return b"".join(texts)
    documents = [_document(text) for text in texts]
    if "cyclonedx" in strategy:
        _gather(documents, "components", ("name", "version"))
    else:
        _gather(documents, "packages", ("name", "versionInfo"))
        _gather(documents, "hasExtractedLicensingInfos", ("licenseId",))
    return json.dumps(documents[0], ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _gather(documents: Sequence[dict[str, Any]], key: str, identity: tuple[str, ...]) -> None:
    found: dict[tuple[str, ...], Any] = {}
    for document in documents:
        for item in document.get(key) or ():
            if isinstance(item, dict):
                found.setdefault(tuple(str(item.get(word, "")) for word in identity), item)
    if found:
        documents[0][key] = list(found.values())


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            f"a scanner's list is no JSON: {error}", hint="--sbom-merge-strategy=cat takes any text"
        ) from None
    if not isinstance(document, dict):
        raise Invalid("a scanner's list is no JSON object")
    return document


def purls(text: bytes) -> list[str]:
    """The package URLs that a list names (CycloneDX or SPDX as JSON), each once; of another text none."""
    try:
        document = _document(text)
    except SkerryError:
        return []
    found: dict[str, None] = {}
    for component in document.get("components") or ():
        if isinstance(component, dict) and isinstance(component.get("purl"), str):
            found[component["purl"]] = None
    for package in document.get("packages") or ():
        for reference in (package.get("externalRefs") or ()) if isinstance(package, dict) else ():
            if isinstance(reference, dict) and reference.get("referenceType") == "purl":
                found[str(reference.get("referenceLocator", ""))] = None
    return list(found)
