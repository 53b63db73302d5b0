"""``skerry top`` where the processes are a sandbox's own (gVisor): what its runtime lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.errors import Unsupported
from skerry.runtime import oci

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.runtime.oci import Runtime

# Descriptor → the column of `runsc ps`.
_COLUMNS = {
    "user": 0, "uid": 0, "ruser": 0, "pid": 1, "hpid": 1, "ppid": 2, "pcpu": 3, "tty": 4, "stime": 5, "time": 6, "comm": 7,
    "args": 7,
}  # fmt: skip


def rows(runtime: Runtime, container_id: str, wanted: Sequence[str]) -> list[list[str]]:
    """A row of the ``wanted`` descriptors for each process; ``?`` for what the sandbox does not tell."""
    if runtime.quirks.shim:
        raise Unsupported(f"the processes of a container of {runtime.name} cannot be seen from here")
    lines = oci.processes(runtime, container_id).splitlines()[1:]
    found = [line.split(None, 7) for line in lines if line.strip()]
    return [[words[_COLUMNS[word]] if word in _COLUMNS else "?" for word in wanted] for words in found]
