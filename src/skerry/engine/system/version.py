"""What ``version`` and ``info`` say of this copy of Skerry."""

from __future__ import annotations

import os
import sys
import time

import skerry
from skerry.config.launcher import spoken_version
from skerry.engine.system.host import architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def version() -> dict[str, Any]:
    """Podman's fields (GoVersion is empty: there is none), Skerry's own version and the interpreter's. Called as ``podman``
    Version is Podman's."""
    built, spoken = _built(skerry.__file__), spoken_version()[1]
    return {
        "APIVersion": spoken,
        "Version": spoken,
        "SkerryVersion": skerry.__version__,
        "GoVersion": "",
        "PythonVersion": sys.version.partition(" ")[0],
        "GitCommit": "",
        "BuiltTime": time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(built)),
        "Built": built,
        "BuildOrigin": "",
        "OsArch": "linux/" + architecture(os.uname().machine),
        "Os": "linux",
    }


def _built(path: str) -> int:
    """When this copy was installed; 0 where it is in no file of its own."""
    try:
        return int(os.stat(path).st_mtime)
    except OSError:
        return 0
