"""Results as files: a folder, a tar, an archive of the image."""

from __future__ import annotations

import os
import shutil
import sys

from skerry.build.events import Note
from skerry.build.outputs.images import make_list, needs_list, push_options
from skerry.build.outputs.names import names_of
from skerry.build.outputs.statements import predicates_of
from skerry.errors import Invalid, SkerryError, Unavailable
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.events import Event
    from skerry.build.options import Output
    from skerry.build.outcome import Solved
    from skerry.build.outputs.work import Work


def check_files(outputs: list[Output]) -> None:
    """`Invalid` before anything is built."""
    for output in outputs:
        if output.dest == "-" and output.type in ("tar", "oci", "docker") and sys.stdout.isatty():
            raise Invalid("refusing to write a tar to a terminal", hint="-o FILE, or redirect the output")
        folder = os.path.dirname(os.path.abspath(output.dest)) if output.dest not in ("", "-") else "/"
        if output.type != "local" and not os.path.isdir(folder):
            raise Invalid(f"--output dest={output.dest}: {folder} is no folder")


def write_files(work: Work, output: Output, report: Callable[[Event], None]) -> None:
    """One output that is files."""
    if output.type in ("oci", "docker"):
        if output.dest:
            _archive(work, output)
    elif output.type == "local":
        _folder(work, output)
    elif output.type == "tar":
        _tar(work, output)
    if output.dest not in ("", "-"):
        report(Note(f"Wrote {output.dest}"))


def _clamp(work: Work) -> int | None:
    epoch = work.options.source_date_epoch
    return None if epoch is None else epoch * 10**9


def _folder(work: Work, output: Output) -> None:
    several = len(work.result.solved) > 1
    split = output.attributes.get("platform-split", "true" if several else "false") not in ("false", "0")
    if several and not split:
        raise Invalid("--output platform-split=false is for one platform only")
    for solved in work.result.solved:
        folder = f"{output.dest}/{solved.platform.replace('/', '_')}" if split else output.dest
        work.engine.builds.export_tree(solved.layers, folder, clamp_ns=_clamp(work))
        for name, data in _beside(work, solved):
            write_data(f"{folder}/{name}", data)


def _beside(work: Work, solved: Solved) -> list[tuple[str, bytes]]:
    """Attestations in an exported folder, as BuildKit puts them there."""
    return [(predicate.file, predicate.statement([])) for predicate in predicates_of(work, solved)]


def _tar(work: Work, output: Output) -> None:
    builds = work.engine.builds
    with builds.staging() as staging:
        folder = ""
        if len(work.result.solved) > 1:
            folder = f"{staging.path}/tree"
            _folder(work, replace(output, dest=folder))

        def write(fd: int) -> None:
            if folder:
                builds.tar_folder(folder, fd, clamp_ns=_clamp(work))
            else:
                builds.export_tar(work.result.solved[0].layers, fd, clamp_ns=_clamp(work))

        if output.dest == "-":
            sys.stdout.flush()
            write(1)
            return
        path = f"{staging.path}/tar"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write(fd)
        finally:
            os.close(fd)
        _deliver(path, output.dest)


def _archive(work: Work, output: Output) -> None:
    """The image as an OCI or docker archive (``tar=false``: an OCI layout)."""
    engine = work.engine
    as_folder = output.attributes.get("tar") in ("false", "0")
    names = names_of(work.engine, work.options)
    if output.type == "docker":
        if needs_list(work):
            raise Invalid(
                "--output type=docker is for one platform, and without attestations", hint="type=oci holds them"
            )
        _docker(work, output, names)
        return
    if as_folder and (output.dest == "-" or ":" in output.dest):
        raise Invalid("--output type=oci,tar=false needs dest=FOLDER, without a colon in it")
    with engine.builds.staging() as staging:
        place = output.dest if as_folder else f"{staging.path}/archive"
        several = len(names) > 1 and not as_folder  # an archive is written at once; a layout takes one after the other
        layout = f"{staging.path}/layout" if several else place
        transport = "oci" if as_folder or several else "oci-archive"
        places = [f"{transport}:{layout}:{name}" for name in names] or [f"{transport}:{layout}"]
        try:
            options = push_options(work, output)
            if needs_list(work):
                temporary = make_list(work, names[0] if names else "image", _digests_in(work, output, staging.path))
                try:
                    for where in places:
                        engine.manifests.push(temporary, where, options)
                finally:
                    engine.manifests.rm([temporary])
            else:
                for where in places:
                    engine.images.push(work.result.image_id, where, options)
        except SkerryError as error:
            error.message = f"--output type=oci: {error.message}"
            raise
        if several:
            with open(place, "wb") as file:
                engine.builds.tar_folder(layout, file.fileno(), clamp_ns=0)
        if not as_folder:
            _deliver(place, output.dest)


def _digests_in(work: Work, output: Output, folder: str) -> dict[str, str]:
    """The digests that the images' manifests have in an archive, where their layers are compressed."""
    if not work.options.attestations:
        return {}
    place = f"oci:{folder}/trial"
    return {
        platform: work.engine.images.push(image_id, place, push_options(work, output))
        for platform, image_id in work.result.images.items()
    }


def _docker(work: Work, output: Output, names: list[str]) -> None:
    with work.engine.builds.staging() as staging:
        path = f"{staging.path}/archive"
        where = f"docker-archive:{path}" + (f":{names[0]}" if names else "")
        work.engine.images.push(work.result.image_id, where)
        _deliver(path, output.dest)


def _deliver(path: str, dest: str) -> None:
    """A finished file to where it is wanted, where it appears when it is whole; "-" is standard output."""
    try:
        with open(path, "rb") as source:
            if dest == "-":
                sys.stdout.flush()
                with open(os.dup(1), "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                return
            if os.path.exists(dest) and not os.path.isfile(dest):  # /dev/null, a fifo
                with open(dest, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                return
            beside = f"{dest}.{os.getpid()}"
            with open(beside, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            os.rename(beside, dest)
    except OSError as error:
        raise Unavailable(f"cannot write {dest}: {os.strerror(error.errno or 0)}") from None


def write_data(path: str, data: bytes) -> None:
    """A file of ours, whole or not at all. `Unavailable`."""
    try:
        beside = f"{path}.{os.getpid()}"
        with open(beside, "wb") as file:
            file.write(data)
        os.rename(beside, path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None


def write_text(path: str, text: str) -> None:
    """The same of a text."""
    write_data(path, text.encode("utf-8", "surrogateescape"))
