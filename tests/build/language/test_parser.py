"""Containerfiles become instructions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.build.errors import BuildSyntaxError
from skerry.build.language import instructions as typed
from skerry.build.language.commands import command
from skerry.build.language.parser import join, parse, parse_line
from skerry.build.language.stages import parse_stage_list
from skerry.errors import SkerryError


def one(text: str) -> typed.From | typed.Command:
    """The only instruction of a text."""
    return command(parse(text).instructions[0])


def test_directives_come_first_and_once() -> None:
    found = parse("# syntax = docker/dockerfile:1\n#ESCAPE=`\n# check=skip=all\n\n# syntax=x\nFROM a\n")
    assert {name: each.value for name, each in found.directives.items()} == {
        "syntax": "docker/dockerfile:1", "escape": "`", "check": "skip=all",
    }  # fmt: skip
    assert found.escape == "`"
    assert parse("# a comment\n# escape=`\nFROM a").escape == "\\"
    assert parse("#!/usr/bin/env build\n# syntax=x\nFROM a").directives["syntax"].line == 2
    for text in ("# escape=\\\n# escape=`\nFROM a", "# escape=x\nFROM a"):
        with pytest.raises(BuildSyntaxError) as caught:
            parse(text, "F")
        assert caught.value.file == "F"


def test_lines_are_continued_over_comments_and_blank_lines() -> None:
    found = parse("FROM a\n  RUN one \\\n# comment\n\n   two \\ \n\tthree\nCMD x")
    run = found.instructions[1]
    assert run.text == "one    two \tthree"
    assert (run.position.line, run.position.end_line) == (2, 6)
    assert run.empty_continuation
    assert run.source[0] == "  RUN one \\"
    assert found.instructions[2].position.line == 7


def test_an_escaped_escape_continues_nothing() -> None:
    assert len(parse("RUN a\\\\\nRUN b").instructions) == 2


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    found = parse(b"\xef\xbb\xbfFROM a\r\nRUN b \\\r\n  c\r\n")
    assert [each.keyword for each in found.instructions] == ["FROM", "RUN"]
    assert found.instructions[1].text == "b   c"


def test_heredocs() -> None:
    found = parse("COPY <<EOF <<-'X' /d/\nhello $x\nEOF\n\ttab\n\tX\nRUN 3<<\"A\" cat <<B\n1\nA\n2\nB\n")
    copy, run = found.instructions
    assert [(h.name, h.content, h.expand) for h in copy.heredocs] == [
        ("EOF", "hello $x\n", True),
        ("X", "\ttab\n", False),
    ]
    assert copy.heredocs[1].text == "tab\n"
    assert [(h.name, h.descriptor, h.expand) for h in run.heredocs] == [("A", 3, False), ("B", 0, True)]
    typed_run = command(run)
    assert isinstance(typed_run, typed.Run)
    assert typed_run.script == '3<<"A" cat <<B\n1\nA\n2\nB'
    only = one("RUN <<EOF\necho 1\nEOF")
    assert isinstance(only, typed.Run)
    assert only.script == "echo 1\n"
    program = one("RUN <<-EOF\n\t#!/bin/x\nEOF")
    assert isinstance(program, typed.Run)
    assert program.script_file is not None  # the tab goes first
    program = one("RUN <<EOF\n#!/bin/x\nEOF")
    assert isinstance(program, typed.Run)
    assert program.script_file is not None
    for no_heredoc in (
        "RUN echo $((1<<2))\nRUN b",
        'RUN ["a", "<<EOF"]\nRUN b',
        "RUN cat <<<EOF\nRUN b",
        "ENV a=<<EOF\nRUN b",
    ):
        assert len(parse(no_heredoc).instructions) == 2
    with pytest.raises(BuildSyntaxError, match="unterminated heredoc"):
        parse("RUN <<EOF\nx")


def test_onbuild_carries_heredocs() -> None:
    found = one("ONBUILD COPY <<EOF /x\na\nEOF")
    assert isinstance(found, typed.OnBuild)
    assert found.text == "COPY <<EOF /x\na\nEOF"
    again = parse_line(found.text, found.instruction.position, "\\")
    assert again.heredocs[0].content == "a\n"


def test_several_files_are_one() -> None:
    found = join([parse("FROM a\nRUN b", "one"), parse("RUN c", "two")])
    assert [each.position.file for each in found.instructions] == ["one", "one", "two"]
    assert found.excerpt(found.instructions[2].position) == ("RUN c",)


def test_typed_forms() -> None:
    assert one('RUN ["a", "b"]').command == ("a", "b")  # type: ignore[union-attr]
    assert one("RUN [ -f x ] && y").command == "[ -f x ] && y"  # type: ignore[union-attr]
    mount = one("RUN --mount=type=cache,target=/c,uid=5,mode=0700,sharing=locked --network=none x").mounts[0]  # type: ignore[union-attr]
    assert (mount.type, mount.target, mount.uid, mount.mode, mount.sharing, mount.readonly) == (
        "cache", "/c", 5, 0o700, "locked", False,
    )  # fmt: skip
    assert one("RUN --mount=target=$X,from=base x").mounts[0].from_ == "base"  # type: ignore[union-attr]
    secret = one("RUN --mount=type=secret,id=t,env=T,required x").mounts[0]  # type: ignore[union-attr]
    assert (secret.id, secret.env, secret.required) == ("t", "T", True)
    assert one("ENV a b c").pairs == (("a", "b c"),)  # type: ignore[union-attr]
    assert one("ENV a=b 'c d'=\"e f\"").pairs == (("a", "b"), ("'c d'", '"e f"'))  # type: ignore[union-attr]
    assert one("ARG a b= c='x y'").pairs == (("a", None), ("b", ""), ("c", "'x y'"))  # type: ignore[union-attr]
    assert one("EXPOSE 90/udp 80").ports == ("80", "90/udp")  # type: ignore[union-attr]
    assert one('VOLUME ["/a b", "/c"]').paths == ("/a b", "/c")  # type: ignore[union-attr]
    check = one("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD a b")
    assert isinstance(check, typed.Healthcheck)
    assert (check.test, check.interval_ns, check.timeout_ns, check.retries) == (
        ("CMD-SHELL", "a b"), 90 * 10**9, 5 * 10**8, 3,
    )  # fmt: skip
    copy = one("COPY --from=Base --link --parents --exclude=*.o --exclude=x --chmod=u+x a b /c/")
    assert isinstance(copy, typed.Copy)
    assert (copy.from_, copy.link, copy.parents, copy.exclude, copy.sources, copy.dest) == (
        "Base", True, True, ("*.o", "x"), ("a", "b"), "/c/",
    )  # fmt: skip
    assert one("ADD --unpack=false a /").unpack is False  # type: ignore[union-attr]


ERRORS = [
    ("FORM a", "unknown instruction: FORM", "did you mean FROM?"), ("copi a b", "unknown instruction: copi", "did you mean copy?"),
    ("FROM a b", "FROM requires either one or three arguments", ""), ("FROM a AS 1x", 'invalid name for build stage: "1x"', ""),
    ("FROM --platfrom=x a", "unknown flag: --platfrom", "did you mean --platform?"), ("COPY --link=maybe a b", "expecting boolean", ""),
    ("COPY --chown a b", "missing a value on flag", ""), ("COPY --chown=1 --chown=2 a b", "duplicate flag specified", ""),
    ("COPY a", "COPY requires at least two arguments", ""), ("COPY <<A <<B\nA\nB", "cannot accept a heredoc", ""),
    ("ENV a", "ENV must have two arguments", ""), ("ENV a=b c", "can't find = in \"c\"", ""), ("ENV =b", "ENV names can not be blank", ""),
    ("ENV", "ENV requires at least one argument", ""), ("LABEL", "LABEL requires at least one argument", ""),
    ("ARG =x", "ARG names can not be blank", ""), ("SHELL bash", "SHELL requires the arguments to be in JSON form", ""),
    ('RUN ["a", 1]', "arrays must be comprised of strings only", ""), ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD", ""),
    ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger", ""), ("ONBUILD FOO a", "unknown instruction: FOO", ""),
    ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD", ""), ("HEALTHCHECK FOO x", 'Unknown type "FOO"', ""),
    ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments", ""), ("HEALTHCHECK --interval=1us CMD a", "cannot be less than 1ms", ""),
    ("HEALTHCHECK --interval=x CMD a", "invalid duration", ""), ("HEALTHCHECK --retries=-1 CMD a", "cannot be negative", ""),
    ("RUN --network=foo a", "invalid network mode", ""), ("RUN --security=foo a", 'security "foo" is not valid', ""),
    ("RUN --mount=type=bnd,target=/x a", "unsupported mount type", "did you mean bind?"),
    ("RUN --mount=type=cache,tarket=/x a", "unexpected key 'tarket'", "did you mean target?"),
    ("RUN --mount=type=cache,target a", "must be a key=value pair", ""), ("RUN --mount=from=$X,target=/x a", "doesn't support variable", ""),
    ("RUN --mount=type=bind,target=/x,mode=700 a", "mode not allowed", ""), ("RUN --mount=type=bind,required,target=/ a", "unexpected key", ""),
    ("RUN --mount=type=secret a", "invalid secret mount", ""), ("RUN --mount=type=cache,target=/x,sharing=all a", "unsupported sharing", ""),
    ("RUN --mount=type=tmpfs,target=/x,size=a a", "invalid value for size", ""), ("RUN --mount=type=cache,target=/x,uid=-1 a", "invalid value -1", ""),
    ("RUN --mount=type=tmpfs,target=/ a", 'invalid mount target "/"', ""),
    ("VOLUME []", "VOLUME requires at least one argument", ""), ('VOLUME [""]', "can not be an empty string", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "hint"), ERRORS)
def test_what_is_wrong_is_said_with_its_place(text: str, what: str, hint: str) -> None:
    with pytest.raises(BuildSyntaxError) as caught:
        one("\n" + text)
    assert what in caught.value.message
    assert caught.value.hint == hint or not hint
    assert caught.value.line == 2
    assert caught.value.source[0] == text.split("\n")[0]


def test_stages() -> None:
    meta, stages = parse_stage_list(parse("ARG v=1\nFROM a AS One\nRUN x\nFROM --platform=$P one\nCMD y"))
    assert [arg.pairs for arg in meta] == [(("v", "1"),)]
    assert [(stage.name, stage.index, stage.from_.image) for stage in stages] == [("one", 0, "a"), (None, 1, "one")]
    with pytest.raises(BuildSyntaxError, match="no build stage in current context"):
        parse_stage_list(parse("RUN x\nFROM a"))
    with pytest.raises(BuildSyntaxError, match="no instructions"):
        parse("# nothing\n\n")


WORDS = [
    "FROM",
    "RUN",
    "COPY",
    "ENV",
    "ARG",
    "HEALTHCHECK",
    "ONBUILD",
    "SHELL",
    "EXPOSE",
    "VOLUME",
    "LABEL",
    "CMD",
    "ADD",
]
GARBAGE = st.lists(
    st.one_of(
        st.sampled_from([*WORDS, " ", "\n", "\\\n", "<<EOF", "<<-'X'", "EOF", "--mount=", "--from=a", '["a"]', "[", "#", "=", '"', "`\n"]),
        st.text(max_size=6),
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(GARBAGE)
def test_garbage_is_a_containerfile_or_an_error(text: str) -> None:
    try:
        parse_stage_list(parse(text))
    except SkerryError:
        pass


@given(st.binary(max_size=60))
def test_bytes_are_a_containerfile_or_an_error(data: bytes) -> None:
    try:
        parse_stage_list(parse(data))
    except SkerryError:
        pass


PLAIN = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8).filter(
    lambda text: "<<" not in text and not text.endswith("\\") and not text.startswith(("--", "#"))
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["RUN", "run", "CMD", "ENV", "Label"]), st.lists(PLAIN, min_size=1, max_size=4)),
        min_size=1,
    )
)
def test_what_was_parsed_is_what_was_written(lines: list[tuple[str, list[str]]]) -> None:
    text = "\n".join(f"{keyword} {' '.join(words)}" for keyword, words in lines)
    try:
        found = parse("FROM scratch\n" + text)
    except BuildSyntaxError:
        return
    assert [(each.raw_keyword, each.text) for each in found.instructions[1:]] == [(k, " ".join(w)) for k, w in lines]
    again = parse("\n".join(each.original for each in found.instructions))
    assert [each.text for each in again.instructions] == [each.text for each in found.instructions]
