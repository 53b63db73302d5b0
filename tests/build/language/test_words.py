"""Expansion of words: BuildKit's cases, and a real shell where it means the same."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.build.language.words import ExpansionError, expand, process_words

ENV = {"FOO": "xxyy", "X": "x", "EMPTY": "", "GLOB": "a***yy*", "PATHS": "/tmp/tmp/bar.txt", "KOREAN": "한국어"}

CASES = [
    ("hello", "hello"), ("he'll'o", "hello"), ("he'llo", None), ("he\\'llo", "he'llo"), ("abc\\tdef", "abctdef"),
    ("'abc\\tdef'", "abc\\tdef"), ('"abc\\tdef"', "abc\\tdef"), ('"abc\\\\tdef"', "abc\\tdef"), ("\\\\tdef", "\\tdef"),
    ('he\\""', None), ('"hello\\"', None), ("'hello\\there'", "hello\\there"), ('"\'"', "'"), ("$", "$"), ("$1", ""),
    ("he$1x", "hex"), ("he$.x", "he$.x"), ("he$FOO.", "hexxyy."), ("he\\$FOO", "he$FOO"), ("'he$FOO'", "he$FOO"),
    ('"he$FOO"', "hexxyy"), ("${FOO}a", "xxyya"), ("${NONE}a", "a"), ("${NONE:-w}", "w"), ("${EMPTY:-w}", "w"),
    ("${EMPTY-w}", ""), ("${FOO:+w}", "w"), ("${EMPTY:+w}", ""), ("${EMPTY+w}", "w"), ("${NONE:-$X}", "x"),
    ("${NONE:-${NONE2:-a b}}", "a b"), ("${NONE:?}", None), ("${NONE?no}", None), ("${EMPTY?no}", ""),
    ("${EMPTY:?no}", None), ("${}", None), ("${", None), ("${FOO", None), ("${FOO:", None), ("${:x}", None),
    ("${FOO=a}", None), ("${FOO:=a}", None), ("${{FOO}", None), ("$KOREAN", "한국어"), ("안녕${KOREAN}", "안녕한국어"),
    ("${FOO#$X}", "xyy"), ("${FOO##*x}", "yy"), ("${FOO#*x*y}", "y"), ("${FOO#}", "xxyy"), ("${FOO%y}", "xxy"),
    ("${FOO%%y*}", "xx"), ("${GLOB%%\\**\\*}", "a"), ("${GLOB%\\*}", "a***yy"), ("${FOO#\\x}", None),
    ("${PATHS/\\/tmp/}", "/tmp/bar.txt"), ("${PATHS//\\/tmp/}", "/bar.txt"), ("${PATHS//\\//_}", "_tmp_tmp_bar.txt"),
    ("${FOO//ww}", None), ("${FOO//}", None), ("${FOO///}", "xxyy"), ("${FOO/$EMPTY/ww}", "wwxxyy"),
    ("${FOO//x*/z}", "z"), ("${FOO//?/z}", "zzzz"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_word_is_expanded(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ExpansionError):
            expand(text, ENV)
    else:
        assert expand(text, ENV).text == expected


def test_the_escape_character_may_be_a_backquote() -> None:
    assert expand("a`$FOO c:\\dir", ENV, escape="`").text == "a$FOO c:\\dir"


def test_what_was_used_and_what_is_missing_is_known() -> None:
    found = expand("${FOO-aaa} ${EMPTY:-b} ${BAZ-ccc}", ENV)
    assert found.matched == {"FOO", "EMPTY"}
    assert found.unmatched == {"BAZ"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello there", ["hello", "there"]), ("'a b' c", ["a b", "c"]), ("a\\ b", ["a b"]), ("$SPACED", ["a", "b"]),
        ('"$SPACED"', ["a b"]), ('x"$SPACED"y z', ["xa by", "z"]), ("  ", []), ("''", []), ("80 $PORT", ["80", "81/tcp"]),
    ],
)  # fmt: skip
def test_words_are_split_after_expansion(text: str, words: list[str]) -> None:
    assert process_words(text, {"SPACED": "a b", "PORT": "81/tcp"}) == words


def test_a_heredoc_keeps_its_quotes() -> None:
    assert expand("say '$FOO' \"$X\" \\$X", ENV, skip_quotes=True).text == "say 'xxyy' \"x\" $X"


def test_nesting_is_bounded() -> None:
    with pytest.raises(ExpansionError):
        expand("${a:-" * 5000 + "x" + "}" * 5000, {})


VALUE = st.text("abx*", max_size=6)
PIECE = st.one_of(
    st.sampled_from(["a", "b ", "$V", "${V}", "$E", "$U", "'q $V'", '"q $V"', "\\$", "\\'", "'\"'", "${U:-d}", "${E:-d}"]),
    st.sampled_from(["${E-d}", "${V:+d}", "${E:+d}", "${E+d}", "${U+d}", "${U-$V}", "${V:-'x'}"]),
    st.builds(lambda op, p: f"${{V{op}{p}}}", st.sampled_from(["#", "##", "%", "%%"]), st.text("abx*?", min_size=1, max_size=4)),
)  # fmt: skip


@given(st.lists(PIECE, max_size=5).map("".join), VALUE)
@settings(max_examples=120, deadline=None)
def test_a_shell_says_the_same(text: str, value: str) -> None:
    shell = subprocess.run(
        ["sh", "-c", f'x={quoted(text)}; printf %s "$x"'],
        env={"V": value, "E": "", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if shell.returncode == 0:
        assert expand(text, {"V": value, "E": ""}).text == shell.stdout


def quoted(text: str) -> str:
    """The text with its blanks outside of quotes escaped, so that an assignment takes it whole."""
    out, quote, index = [], "", 0
    while index < len(text):
        character = text[index]
        if character == "\\" and quote != "'":
            out.append(text[index : index + 2])
            index += 2
            continue
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        out.append("\\ " if character == " " and not quote else character)
        index += 1
    return "".join(out)


@given(st.text("ab$ {}:-+?#%/'\"\\`*=", max_size=30), st.booleans(), st.booleans(), st.booleans())
def test_garbage_is_expanded_or_an_error(text: str, raw_quotes: bool, skip_quotes: bool, skip_unset: bool) -> None:
    try:
        expand(text, {"a": "ab"}, raw_quotes=raw_quotes, skip_quotes=skip_quotes, skip_unset=skip_unset)
    except ExpansionError:
        pass


def test_a_hostile_pattern_takes_no_time() -> None:
    for modifier in ("#", "##", "%", "%%", "/"):
        word = "${a" + modifier + "*a" * 40 + "b" + ("/" if modifier == "/" else "") + "}"
        assert expand(word, {"a": "a" * 500}).text == "a" * 500
