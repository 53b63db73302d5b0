"""All compiled modules in one file, for the installed command: a start does not look for a hundred files.

``install.sh`` calls `write` after compiling. The launcher executes this module's own code from the index, before
anything of the package is loaded, and puts a `Finder` first in line. What is not in the index is imported as usual.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Index = dict[str, tuple[bool, str, int, int]]  # name → is it a package, its path in site, offset, length

CODE, INDEX = "skerry.code", "skerry.index"
_PYC_HEADER = 16  # PEP 552: magic number, flags, two words of hash or time


class Finder:
    """A meta path finder and loader over the index. No descriptor stays open: others count what they inherit."""

    def __init__(self, site: str, index: "Index") -> None:
        self.site, self.index, self.spec_type = site, index, type(sys.__spec__)

    def find_spec(self, name: str, *_: object) -> "ModuleSpec | None":
        entry = self.index.get(name)
        if entry is None:
            return None
        origin = f"{self.site}/{entry[1]}"
        spec = self.spec_type(name, self, origin=origin, is_package=entry[0])  # type: ignore[arg-type]
        if entry[0]:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """None: the ordinary kind of module."""

    def exec_module(self, module: "ModuleType") -> None:
        _, path, offset, length = self.index[module.__name__]
        fd = posix.open(f"{self.site}/{CODE}", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            code = posix.pread(fd, length, offset)
        finally:
            posix.close(fd)
        module.__file__ = f"{self.site}/{path}"
        exec(marshal.loads(code), module.__dict__)


def use(site: str, index: "Index") -> None:
    """From now on, import from the bundle."""
    sys.meta_path.insert(0, Finder(site, index))  # type: ignore[arg-type]


def write(site: str) -> None:
    """Gather the compiled modules below ``site``/skerry into two files in ``site``; each must be compiled."""
    from importlib.util import cache_from_source
    from pathlib import Path

    top, index, offset = Path(site), {}, 0
    with open(top / CODE, "wb") as file:
        for source in sorted(top.glob("skerry/**/*.py")):
            code = Path(cache_from_source(str(source))).read_bytes()[_PYC_HEADER:]
            inside = source.relative_to(top)
            package = inside.name == "__init__.py"
            name = ".".join((inside.parent if package else inside.with_suffix("")).parts)
            index[name] = (package, str(inside), offset, len(code))
            offset += file.write(code)
    _, _, own, length = index["skerry.cli.bundle"]
    finder = (top / CODE).read_bytes()[own : own + length]
    (top / INDEX).write_bytes(marshal.dumps((marshal.loads(finder), index)))
