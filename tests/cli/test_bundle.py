"""The installed command's one file of modules says what the sources say."""

from __future__ import annotations

import compileall
import marshal
import py_compile
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import TOP

from skerry.cli.bundle import CODE, INDEX, write

LAUNCHER = """
import marshal, sys
site = sys.argv.pop(1)
sys.path.append(site)
with open(site + "/skerry.index", "rb") as file:
    code, index = marshal.loads(file.read())
names = {"__name__": "bundle"}
exec(code, names)
names["use"](site, index)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("site")
    shutil.copytree(TOP / "src/skerry", top / "skerry", ignore=shutil.ignore_patterns("__pycache__"))
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    assert compileall.compile_dir(top / "skerry", quiet=1, invalidation_mode=mode)
    write(str(top))
    return top


def launched(site: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["/usr/bin/python3", "-IS", "-c", LAUNCHER + code, str(site), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_every_module_is_in_it_as_compiled(site: Path) -> None:
    _, index = marshal.loads((site / INDEX).read_bytes())
    code = (site / CODE).read_bytes()
    assert {entry[1] for entry in index.values()} == {str(p.relative_to(site)) for p in site.glob("skerry/**/*.py")}
    for _, path, offset, length in index.values():
        source = site / path
        fresh = compile(source.read_bytes(), str(source), "exec", dont_inherit=True)
        assert marshal.loads(code[offset : offset + length]) == fresh, path


def test_commands_run_from_it_and_look_for_no_file_of_the_package(site: Path, tmp_path: Path) -> None:
    trace = "import os; leave = os._exit\ndef tell(code): print(*looked, flush=True); leave(code)\nos._exit = tell\nlooked = []\n"
    hook = "sys.addaudithook(lambda e, a: e == 'open' and looked.append(a[0]))\n"
    start = "sys.argv[0] = 'skerry'\nfrom skerry.cli.main import main\nmain()"
    done = launched(site, trace + hook + start, "--root", f"{tmp_path}/r", "--runroot", f"{tmp_path}/n", "ps")
    assert done.returncode == 0, done.stderr
    assert "CONTAINER ID" in done.stdout
    assert str(site / CODE) in done.stdout
    assert f"{site}/skerry/" not in done.stdout, "read a module on its own"


def test_modules_know_where_they_are(site: Path) -> None:
    code = (
        "import skerry.cli.main as m, skerry.cli as c; print(m.__file__, m.__package__, m.__spec__.origin, *c.__path__)"
    )
    cli = site / "skerry/cli"
    assert launched(site, code).stdout.split() == [f"{cli}/main.py", "skerry.cli", f"{cli}/main.py", str(cli)]


def test_a_traceback_shows_the_source(site: Path) -> None:
    done = launched(site, "import skerry.errors\nfrom skerry.image.reference import parse\nparse(None)")
    assert f'File "{site}/skerry/image/reference.py", line ' in done.stderr


def test_what_is_not_in_it_is_imported_as_usual(site: Path) -> None:
    (site / "skerry/late.py").write_text("here = 1\n")
    assert launched(site, "import skerry.late, json; print(skerry.late.here)").stdout == "1\n"


def test_no_descriptor_stays_open(site: Path) -> None:
    assert launched(site, "import os, skerry.cli.main; print(os.listdir('/proc/self/fd'))").stdout.count(",") == 3
