"""Which names a source's pattern means: Go's filepath.Match; and what --chmod makes of a mode."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.engine.builds.modes import Mode
from skerry.engine.builds.select import Tree, compile_name
from skerry.errors import Invalid, NotFound


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        # From the tests of Go's path/filepath.
        ("abc", "abc", True), ("*", "abc", True), ("*c", "abc", True), ("a*", "a", True), ("a*", "abc", True),
        ("a*b*c*d*e*", "axbxcxdxe", True), ("a*b*c*d*e*", "axbxcxdxexxx", True), ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False), ("ab[c]", "abc", True), ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False), ("ab[^c]", "abc", False), ("ab[^b-d]", "abc", False), ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True), ("a\\*b", "ab", False), ("a?b", "a☺b", True), ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False), ("[a-ζ]*", "α", True), ("*[a-ζ]", "A", False), ("[\\]a]", "]", True),
        ("[\\-]", "-", True), ("[x\\-]", "x", True), ("[x\\-]", "-", True), ("[x\\-]", "z", False),
        ("[\\-x]", "x", True), ("[\\-x]", "a", False), ("*x", "xxx", True), ("[!a]", "!", True), ("[&&~~||]", "|", True),
        ("[z-a]", "b", False), ("[^z-a]", "b", True), ("[[]", "[", True),
    ],
)  # fmt: skip
def test_patterns_are_gos(pattern: str, name: str, matches: bool) -> None:
    assert bool(compile_name(pattern).match(name)) is matches


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[a\\"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match="syntax error in pattern"):
        compile_name(pattern)


def reference(pattern: str, name: str) -> bool:
    """The obvious recursive matcher, for patterns of letters, * and ?."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return reference(pattern[1:], name) or (bool(name) and reference(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and reference(pattern[1:], name[1:])


@given(st.text("ab.*?", max_size=8), st.text("ab.", max_size=8))
def test_stars_and_question_marks(pattern: str, name: str) -> None:
    assert bool(compile_name(pattern).match(name)) is reference(pattern, name)


@given(st.text(min_size=1, max_size=6).filter(lambda text: "/" not in text))
def test_an_escaped_name_matches_itself(name: str) -> None:
    assert compile_name("".join("\\" + character for character in name)).match(name)


CLAUSES = st.from_regex(r"\A[ugoa]{0,2}[-+=](?:[rwxXst]{0,4}|[ugo])\Z", fullmatch=True)


@given(st.lists(CLAUSES, min_size=1, max_size=3), st.integers(0, 0o777), st.booleans())
def test_symbolic_modes_are_those_of_chmod(
    tmp_path_factory: pytest.TempPathFactory, clauses: list[str], mode: int, folder: bool
) -> None:
    # A clause without a "who" is for all here, but follows the umask with chmod(1).
    text = ",".join(clause if clause[0] in "ugoa" else "a" + clause for clause in clauses)
    path = tmp_path_factory.getbasetemp() / f"mode-{folder}"
    if not path.exists():
        path.mkdir() if folder else path.touch()
    path.chmod(mode)
    if folder and ("s" in text or "u=" in text):
        return  # GNU keeps a folder's set-ID bits where POSIX lets it
    subprocess.run(["chmod", "--", text, path], check=True)
    assert Mode(text).apply(mode, folder=folder) == stat.S_IMODE(path.lstat().st_mode), text


@pytest.mark.parametrize(("text", "mode"), [("644", 0o644), ("0755", 0o755), ("4755", 0o4755), ("u=rwX,go=rX", 0o644)])
def test_modes_of_a_plain_file(text: str, mode: int) -> None:
    assert Mode(text).apply(0o640, folder=False) == mode


@pytest.mark.parametrize("text", ["", "8", "99999", "u", "rwx", "u=rq", "u+x,"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid chmod parameter"):
        Mode(text)


def test_a_tree_is_gone_through_in_order_and_links_stay_inside(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d" / "sub").mkdir(parents=True)
    (tree / "d" / "b").touch()
    (tree / "d" / "a").touch()
    (tree / "out").symlink_to("/etc/passwd")
    (tree / "in").symlink_to("/d")
    with Tree(str(tree)) as opened:
        (chosen,) = opened.choose("d")
        assert [item.name for item in opened.items(chosen)] == ["", "a", "b", "sub"]
        (through,) = opened.choose("in")
        assert (through.real, through.is_folder) == ("d", True)
        assert [each.path for each in opened.choose("d/[ab]")] == ["d/a", "d/b"]
        assert opened.choose("zz*") == []
        for name in ("out", "nope", "d/a/x", "../tree/nope"):
            with pytest.raises(NotFound):
                opened.choose(name)
