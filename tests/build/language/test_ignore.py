"""Ignore patterns, against the cases of moby's matcher and against a naive one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.build.language.ignore import Patterns, read_ignore_file
from skerry.errors import Invalid

YES = [
    ("**", "file"), ("**", "file/"), ("**/", "file"), ("**", "/"), ("**", "dir/file"), ("**/**", "dir/file/"),
    ("dir/**", "dir/file"), ("dir/**", "dir/dir2/file/"), ("**/dir", "dir"), ("**/dir", "dir/file"),
    ("**/dir2/*", "dir/dir2/file"), ("**/dir2/*", "dir/dir2/file/"), ("**/dir2/**", "dir/dir2/dir3/file"),
    ("**file", "file"), ("**file", "dir/file"), ("**file", "dir/dir/file"), ("**file", "myfile"),
    ("**/file*", "dir/dir/file.txt"), ("**/file*txt", "dir/dir/file.txt"), ("**/file*.txt*", "dir/dir/file.txt"),
    ("**/**/*.txt", "dir/dir/file.txt"), ("**/*.txt", "file.txt"), ("**/**/*.txt", "file.txt"),
    ("a**/*.txt", "a/file.txt"), ("a**/*.txt", "a/dir/dir/file.txt"), ("a/*.txt", "a/file.txt"),
    ("a/*.txt**", "a/file.txt"), ("a[b-d]e", "ace"), ("a[^b-d]e", "aze"), (".*", ".foo"), ("abc.def", "abc.def"),
    ("abc?def", "abcZdef"), ("**/foo/bar", "dir/dir2/foo/bar"), ("abc/**", "abc/def/ghi"), ("**/.foo", ".foo"),
    ("a(b)c/def", "a(b)c/def"), ("a.|)$(}+{bc", "a.|)$(}+{bc"), ("dist/*.whl", "dist/p.py-2.4.0+g08-py3.whl"),
    ("a\\\\", "a\\"), ("a\\*b", "a*b"), ("*", "abc"), ("*c", "abc"), ("a*", "ab/c"), ("a*b*c*d*e*/f", "axbxcxdxexxx/f"),
    ("a*b?c*x", "abxbbxdbxebxczzx"), ("a?b", "a☺b"), ("[a-ζ]*", "α"), ("[\\]a]", "]"), ("[\\-x]", "-"), ("*x", "xxx"),
    ("/docs", "/docs"), ("docs/", "docs/x"), ("./docs/../a", "a"),
]  # fmt: skip
NO = [
    ("**/**/*.txt2", "dir/dir/file.txt"), ("a/*.txt", "a/dir/file.txt"), ("a[b-d]e", "ae"), ("a[b-d]e", "aae"),
    (".*", "foo"), ("abc.def", "abcZdef"), ("abc?def", "abcdef"), ("abc/**", "abc"), ("**/.foo", "bar.foo"),
    ("a(b)c/def", "a(b)c/xyz"), ("a*/b", "a/c/b"), ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f"), ("ab[^c]", "abc"),
    ("a\\*b", "ab"), ("a???b", "a☺b"), ("*[a-ζ]", "A"), ("a?b", "a/b"), ("[x\\-]", "z"), ("*.go", "."),
]  # fmt: skip
BAD = ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "!", "!["]


@pytest.mark.parametrize(("pattern", "path"), YES)
def test_a_pattern_matches(pattern: str, path: str) -> None:
    assert Patterns([pattern]).matches(path)


@pytest.mark.parametrize(("pattern", "path"), NO)
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not Patterns([pattern]).matches(path)


@pytest.mark.parametrize("pattern", BAD)
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        Patterns([pattern])


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        (["!fileutils.go", "*.go"], "fileutils.go", True),
        (["*.go", "!fileutils.go"], "fileutils.go", False),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs/*", "!docs/README.md"], "docs/other", True),
        (["**", "!util/docker/web"], "util/docker/web/foo", False),
        (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
        ([], "any", False),
    ],
)
def test_the_last_pattern_that_matches_decides(patterns: list[str], path: str, ignored: bool) -> None:
    assert Patterns(patterns).matches(path) is ignored


def test_an_ignore_file_is_cleaned() -> None:
    text = b"\xef\xbb\xbftest1\n/test2\n/a/file/here\n\nlastfile\n# c\n! /inverted/abs/path\n!\n! \n  #not a comment\n"
    assert read_ignore_file(text) == [
        "test1", "test2", "a/file/here", "lastfile", "!inverted/abs/path", "!", "!", "#not a comment",
    ]  # fmt: skip


def naive(pattern: str, path: str) -> bool:
    """Matching by trying every way, for patterns of letters, ``*``, ``?``, ``/`` and ``**`` between slashes."""
    if not pattern:
        return not path
    if pattern == "**":
        return True
    if pattern.startswith("**/"):
        rests = [path, *(path[n + 1 :] for n, character in enumerate(path) if character == "/")]
        return any(naive(pattern[3:], rest) for rest in rests)
    if pattern[0] == "*":
        return naive(pattern[1:], path) or bool(path and path[0] != "/" and naive(pattern, path[1:]))
    if pattern[0] == "?":
        return bool(path and path[0] != "/" and naive(pattern[1:], path[1:]))
    return bool(path and path[0] == pattern[0] and naive(pattern[1:], path[1:]))


PART = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "?", "**", "?b*"])
PATTERN = st.tuples(st.booleans(), st.lists(PART, min_size=1, max_size=4).map("/".join))
PATH = st.lists(st.sampled_from(["a", "b", "ab", "aab", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(PATTERN, max_size=4), PATH)
@settings(max_examples=400, deadline=None)
def test_patterns_agree_with_a_naive_matcher(patterns: list[tuple[bool, str]], path: str) -> None:
    parts = path.split("/")
    prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    expected = False
    for negated, pattern in patterns:
        if any(naive(pattern, prefix) for prefix in prefixes):
            expected = not negated
    assert Patterns([("!" if negated else "") + pattern for negated, pattern in patterns]).matches(path) is expected


@given(st.lists(PATTERN, min_size=1, max_size=4), PATH)
def test_what_comes_back_below_a_folder_is_looked_for(patterns: list[tuple[bool, str]], path: str) -> None:
    matcher = Patterns([("!" if negated else "") + pattern for negated, pattern in patterns])
    parts = path.split("/")
    for n in range(1, len(parts)):
        folder = "/".join(parts[:n])
        if matcher.matches(folder) and not matcher.matches(path):
            assert matcher.may_match_below(folder)


@given(st.lists(st.text("ab*?[]!^-\\/. \n", max_size=12), max_size=4), PATH)
def test_garbage_is_a_pattern_or_invalid(patterns: list[str], path: str) -> None:
    try:
        matcher = Patterns(patterns)
    except Invalid:
        return
    matcher.matches(path)
    matcher.may_match_below(path)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not Patterns(["*a" * 40 + "b"]).matches("a" * 2000)
    assert not Patterns(["**/a/" * 20 + "b"]).matches("a/" * 200 + "c")
