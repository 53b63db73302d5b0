"""Lists of the result's packages: ``--sbom-output`` and its kin, in files out here and in the image itself."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.build.keys import digest, step_key
from skerry.build.outputs.files import write_data
from skerry.engine.builds.copying import CopyRequest, Inline, carry_out, gather
from skerry.errors import Invalid
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.contexts import Contexts
    from skerry.build.events import Event
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import BuildResult, Solved
    from skerry.engine.engine import Engine


class PackageLists:
    """Made before the images are; `write` puts them into files when all else is done."""

    def __init__(self, engine: Engine, options: BuildOptions, report: Callable[[Event], None]) -> None:
        self._engine, self._options, self._report = engine, options, report
        self._lists: tuple[bytes, bytes] = b"", b""

    def make(self, contexts: Contexts, result: BuildResult) -> None:
        """Files get the first platform's; every platform's image its own."""
        scan = self._options.scan
        for number, solved in enumerate(result.solved):
            if number and not (scan.image_file or scan.image_purl_file):
                break
            lists = self._of(contexts, solved)
            if not number:
                self._lists = lists
            inside = {scan.image_file: lists[0], scan.image_purl_file: lists[1]}
            files = {path: data for path, data in inside.items() if path}
            if files:
                result.solved[number] = self._with_files(solved, files)

    def write(self) -> None:
        """`Unavailable`."""
        scan = self._options.scan
        for path, data in ((scan.file, self._lists[0]), (scan.purl_file, self._lists[1])):
            if path:
                write_data(path, data)

    def _of(self, contexts: Contexts, solved: Solved) -> tuple[bytes, bytes]:
        """The list, and the package URLs in it as Podman writes them."""
        from skerry.build.attest.scanner import purls, run_scanner

        scan, name = self._options.scan, self._options.tags[0] if self._options.tags else "image"
        if scan.commands:
            text = run_scanner(self._engine, self._options, contexts, solved, scan, self._said)
        else:
            from skerry.build.attest.statements import spdx_of

            text = fastjson.dumps(spdx_of(self._engine, solved, name), indent=2).encode() + b"\n"
        dependencies = [{"purl": purl} for purl in purls(text)]
        contents = {"image_contents": {"dependencies": dependencies} if dependencies else {}}
        return text, fastjson.dumps(contents).encode() + b"\n"

    def _said(self, _fd: int, data: bytes) -> None:
        from skerry.build.events import Note

        for line in data.decode("utf-8", "replace").splitlines():
            self._report(Note(line))

    def _with_files(self, solved: Solved, files: dict[str, bytes]) -> Solved:
        """With one more layer (none, where all are to be one); the same one when the same lists are there again."""
        builds, options = self._engine.builds, self._options
        layers = list(solved.layers)
        parent = layers[-1] if layers else ""
        content = [[path, digest([data.hex()])] for path, data in files.items()]
        key = step_key("packages", parent, content=content, times=options.timestamp)
        record = builds.lookup(key)
        if record is None:
            with builds.open_root(layers) as root:
                for path, data in files.items():
                    request = CopyRequest(dest=_inside(path), inline=[Inline(os.path.basename(path), data)])
                    carry_out(root.path, gather(self._engine, None, request), now_ns=0)
                layer = root.commit(mtime_ns=None if options.timestamp is None else options.timestamp * 10**9)
            record = builds.record(key, layer["chain_id"] if layer else None)
        if record["layer"] is None:
            return solved
        layers.append(record["layer"])
        document = dict(solved.document)
        keep = 0 if options.squash_all else solved.base_layers
        if (options.squash or options.squash_all) and len(layers) > keep + 1:
            layers = [*layers[:keep], builds.squash(layers, keep=keep)["chain_id"]]
        elif document.get("history"):
            entry = {"created": document["created"], "created_by": f"/bin/sh -c #(nop) ADD {' '.join(files)} "}
            document["history"] = [*document["history"], entry]
        return replace(solved, layers=tuple(layers), document=document, same_as="")


def _inside(path: str) -> str:
    if not path.startswith("/") or path.endswith("/"):
        raise Invalid(f'"{path}" is no path of a file in the image: /FOLDER/NAME is wanted')
    return path
