"""Imports between rooms only point down; rooms of one tier don't know each other; above the engine nothing reaches
below it but to errors, fastjson and config."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "skerry"
TIERS = [
    "errors", "fastjson records", "linux", "config", "store", "image network runtime", "engine", "build scan", "compose kube", "lint",
    "cli api",
]  # fmt: skip
RANK = {room: rank for rank, tier in enumerate(TIERS) for room in tier.split()}
OPEN_TO_ALL = {"errors", "fastjson", "records", "config"}
# The package itself: `import skerry` and `skerry.connect()`.
PACKAGE = ""


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def imported_modules(tree: ast.AST) -> set[str]:
    """Every skerry module that a file names in an import, inside functions and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "skerry")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "skerry":
            if node.module == "skerry":
                found.update(f"skerry.{alias.name}" for alias in node.names)
            else:
                found.add(node.module)
    return found


def arrows() -> list[tuple[str, str, str]]:
    """(importing room, imported room, file) of every import between rooms."""
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        importer = relative.parts[0].removesuffix(".py")
        if importer == "__init__":
            continue
        for module in imported_modules(ast.parse(path.read_bytes())):
            imported = room_of(module)
            if imported != importer and imported in RANK:
                found.add((importer, imported, str(relative)))
    return sorted(found)


ARROWS = arrows()


@pytest.mark.parametrize(("importer", "imported"), sorted({(a, b) for a, b, _ in ARROWS}))
def test_imports_point_down(importer: str, imported: str) -> None:
    files = [file for a, b, file in ARROWS if (a, b) == (importer, imported)]
    assert RANK[imported] < RANK[importer], files


@pytest.mark.parametrize(("importer", "imported"), sorted({(a, b) for a, b, _ in ARROWS if RANK[a] > RANK["engine"]}))
def test_what_stands_above_the_engine_reaches_nothing_below_it(importer: str, imported: str) -> None:
    files = [file for a, b, file in ARROWS if (a, b) == (importer, imported)]
    assert RANK[imported] >= RANK["engine"] or imported in OPEN_TO_ALL, files


def test_every_room_has_its_place() -> None:
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.is_dir() or path.suffix == ".py"}
    rooms -= {"__init__", "__main__", "__pycache__"}
    assert rooms <= set(RANK), rooms - set(RANK)


def test_only_linux_uses_ctypes() -> None:
    users = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            if {"ctypes", "_ctypes"} & set(names):
                users.add(path.relative_to(SOURCE).parts[0])
    assert users <= {"linux"}


def test_no_module_grows_beyond_reading() -> None:
    long = {str(p.relative_to(SOURCE)): n for p in SOURCE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 800}
    assert not long


def test_no_folder_of_tests_is_passed_over(request: pytest.FixtureRequest) -> None:
    """pytest's own list of folders that it does not look into has "build" in it."""
    passed_over = request.config.getini("norecursedirs")
    folders = {part for path in Path(__file__).parent.rglob("test_*.py") for part in path.parent.parts[-2:]}
    assert "build" in folders
    assert not {folder for folder in folders for pattern in passed_over if fnmatch(folder, pattern)}
