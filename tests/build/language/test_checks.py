"""BuildKit's checks, by their names and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.build.checks.check import check, fail_if_wanted
from skerry.build.checks.rules import RULES
from skerry.build.checks.settings import parse_settings
from skerry.build.language.ignore import Patterns
from skerry.build.language.parser import parse
from skerry.build.language.stages import parse_stage_list
from skerry.errors import Invalid, SkerryError

BUILTIN = {"TARGETPLATFORM": "linux/amd64", "BUILDPLATFORM": "linux/amd64", "TARGETOS": "linux"}


def found(
    text: str, *, ignored: list[str] | None = None, base: Mapping[str, Any] | None = None, arguments: Any = None
) -> list[tuple[str, int, str]]:
    """(rule, line, message) of each warning."""
    dockerfile = parse(text)
    meta_args, stages = parse_stage_list(dockerfile)
    meta = {name: default or "" for arg in meta_args for name, default in arg.pairs if default is not None}
    warnings = check(
        dockerfile, meta_args, stages, arguments=arguments or {}, meta=meta, builtin=BUILTIN,
        base_config=lambda _name: base, ignored=Patterns(ignored) if ignored is not None else None,
    )  # fmt: skip
    return [(each.rule, each.position.line if each.position else 0, each.message) for each in warnings]


CASES = [
    ("FROM scratch AS Bad", ("StageNameCasing", 1, "Stage name 'Bad' should be lowercase")),
    ("FROM scratch as b", ("FromAsCasing", 1, "'as' and 'FROM' keywords' casing do not match")),
    ("from scratch AS b", ("FromAsCasing", 1, "'AS' and 'from' keywords' casing do not match")),
    ("FROM scratch\nCOPY a \\\n\nb", ("NoEmptyContinuation", 4, "Empty continuation line")),
    ("FROM scratch\ncopy a /\nCOPY b /", ("ConsistentInstructionCasing", 2, "Command 'copy' should match the case of the command majority (uppercase)")),
    ("from scratch\nCOPY a /\ncopy b /", ("ConsistentInstructionCasing", 2, "Command 'COPY' should match the case of the command majority (lowercase)")),
    ("FROM scratch AS b\nFROM scratch AS b", ("DuplicateStageName", 2, 'Duplicate stage name "b", stage names should be unique')),
    ("FROM scratch AS scratch", ("ReservedStageName", 1, 'Stage name should not use the same name as reserved stage "scratch"')),
    ("FROM scratch\nCMD a b", ("JSONArgsRecommended", 2, "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals")),
    ("FROM scratch\nMAINTAINER me", ("MaintainerDeprecated", 2, "Maintainer instruction is deprecated in favor of using label")),
    ("FROM a$BAR", ("UndefinedArgInFrom", 1, "FROM argument 'BAR' is not declared")),
    ("ARG base=a\nFROM $bse", ("UndefinedArgInFrom", 2, "FROM argument 'bse' is not declared (did you mean base?)")),
    ("FROM scratch\nWORKDIR app", ("WorkdirRelativePath", 2, 'Relative workdir "app" can have unexpected results if the base image changes')),
    ("FROM scratch\nARG foo\nCOPY a${fo} /", ("UndefinedVar", 3, "Usage of undefined variable '$fo' (did you mean $foo?)")),
    ("FROM scratch\nENV a=1\nCOPY $xxxxxxx /", ("UndefinedVar", 3, "Usage of undefined variable '$xxxxxxx'")),
    ('FROM scratch\nCMD ["a"]\nCMD ["b"]', ("MultipleInstructionsDisallowed", 2, "Multiple CMD instructions should not be used in the same stage because only the last one will be used")),
    ("FROM scratch\nENV a b", ("LegacyKeyValueFormat", 2, '"ENV key=value" should be used instead of legacy "ENV key value" format')),
    ("FROM --platform=$TARGETPLATFORM scratch", ("RedundantTargetPlatform", 1, "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior")),
    ("FROM --platform=${TARGETPLATFORM} scratch", ("RedundantTargetPlatform", 1, "Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior")),
    ("FROM --platform=linux/arm64 scratch", ("FromPlatformFlagConstDisallowed", 1, 'FROM --platform flag should not use constant value "linux/arm64"')),
    ("FROM scratch\nARG API_KEY", ("SecretsUsedInArgOrEnv", 2, 'Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY")')),
    ("FROM scratch\nENV password=x", ("SecretsUsedInArgOrEnv", 2, 'Do not use ARG or ENV instructions for sensitive data (ENV "password")')),
    ("ARG TAG\nFROM busybox:${TAG}", ("InvalidDefaultArgInFrom", 2, "Default value for ARG busybox:${TAG} results in empty or invalid base image name")),
    ("FROM scratch\nEXPOSE 80/TCP", ("ExposeProtoCasing", 2, "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase")),
    ("FROM scratch\nEXPOSE 127.0.0.1:80:80", ("ExposeInvalidFormat", 2, "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'")),
    ("# check=experimental=all\n# bar this\nFROM scratch AS foo", ("InvalidDefinitionDescription", 3, "Comment for FROM should follow the format: `# foo <description>`")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "warning"), CASES)
def test_a_check_finds_it(text: str, warning: tuple[str, int, str]) -> None:
    assert warning in found(text)
    without = found(text, arguments={"BUILDKIT_DOCKERFILE_CHECK": f"skip={warning[0]}"})
    assert not [each for each in without if each[0] == warning[0]]


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch AS good\nFROM good\nCOPY a \\\n# comment\nb /\n",
        "from scratch as b\ncopy a /", 'FROM scratch\nCMD ["a"]', 'FROM scratch\nSHELL ["/bin/sh", "-c"]\nCMD a',
        "FROM scratch\nWORKDIR /x\nWORKDIR y", "FROM scratch AS a\nWORKDIR /x\nFROM a\nWORKDIR y",
        "FROM scratch\nENV foo=1\nCOPY $foo $PATH/", "FROM scratch\nARG foo\nCOPY $foo /",
        "FROM scratch\nARG foo\nRUN echo $undefined", "FROM --platform=$BUILDPLATFORM scratch",
        "FROM --platform=linux/amd64 scratch AS linux_x", "FROM scratch\nENV PUBLIC_KEY=x\nARG keyboard PASSWORD_FILE KEY_VERSION",
        "FROM scratch AS a\nARG foo\nFROM a\nCOPY $foo /",
        "ARG TAG=latest\nFROM busybox:${TAG}", "ARG TAG\nFROM busybox:${TAG:-x}", "# bar this\nFROM scratch AS foo",
        "FROM scratch\nEXPOSE 80/tcp 90-91/udp",
    ],
)  # fmt: skip
def test_what_is_right_is_not_warned_of(text: str) -> None:
    assert found(text, base={}) == []


def test_variables_of_the_base_image_are_known() -> None:
    text = "FROM base\nCOPY $GOPATH /"
    assert found(text, base={"Env": ["GOPATH=/go"]}) == []
    assert found(text, base=None) == []  # not at hand: who knows
    assert found(text, base={})[0][0] == "UndefinedVar"


def test_files_that_the_ignore_file_leaves_out() -> None:
    text = "FROM scratch\nCOPY secret.txt ./a /\nADD https://x/secret.txt /\nCOPY --from=x secret.txt /"
    message = 'Attempting to Copy file "secret.txt" that is excluded by .dockerignore'
    assert found(text, ignored=["*.txt"]) == [("CopyIgnoredFile", 2, message)]
    assert found(text, ignored=["*.txt", "!b.txt"]) == [("CopyIgnoredFile", 2, message)]
    assert found(text, ignored=["*.txt", "!*cret.txt"]) == []


@pytest.mark.parametrize(
    ("patterns", "source", "warned"),
    [
        ("sub", "sub/a", True), ("sub !sub/b", "sub/a", True), ("!sub/b sub", "sub", True), ("sub !nope/*", "sub/a", True),
        ("sub", "sub/*.txt", True), ("*", ".", True), ("sub", "other", False), ("sub !sub/b", "sub", False),
        ("sub !*/keep", "sub", False), ("sub !sub/keep", "sub/*.txt", False), ("sub !sub/keep", "*/keep", False),
        ("!sub/k sub !sub/k", "sub", False), ("** !sub", "sub/a", False), ("** !Dockerfile", ".", False), (".*", ".", False),
    ],
)  # fmt: skip
def test_what_comes_back_is_not_warned_of(patterns: str, source: str, warned: bool) -> None:
    assert bool(found(f"FROM scratch\nCOPY {source} /", ignored=patterns.split())) == warned


def test_the_directive() -> None:
    assert parse_settings("skip=A, B;error=true").skip == {"A", "B"}
    assert parse_settings(" error=TRUE ").error
    for text in ("skip", "foo=bar", "error=maybe"):
        with pytest.raises(Invalid):
            parse_settings(text)
    with pytest.raises(Invalid, match="Containerfile:1:9: invalid check option"):
        found("# check=foo=bar\nFROM scratch")
    assert found("# check=skip=all\nFROM scratch AS Bad\nMAINTAINER x") == []
    assert found("FROM scratch AS Bad", arguments={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"}) == []


def test_findings_may_be_an_error() -> None:
    dockerfile = parse("# check=error=true\nFROM scratch AS Bad")
    from skerry.build.events import Warned

    with pytest.raises(Invalid, match="lint violation found for rules: StageNameCasing"):
        fail_if_wanted(dockerfile, {}, [Warned("StageNameCasing", "x")])
    fail_if_wanted(dockerfile, {}, [Warned("", "x")])


def test_every_rule_has_a_test() -> None:
    tested = {warning[0] for _, warning in CASES} | {"CopyIgnoredFile"}
    assert set(RULES) - tested == {"InvalidBaseImagePlatform"}  # the builder's, who sees the image


PIECE = st.sampled_from(
    ["FROM a", " AS b", "\n", "ARG x", "=$", "${", "}", "$x", "ENV a ", "b=c", "COPY $q <<E /\nE", "EXPOSE ", "1:2/TCP", "WORKDIR ",
     "RUN --mount=target=$y x", "CMD a", "FROM --platform=$x b", "# check=skip=all\n", ":", "HEALTHCHECK NONE", "onbuild RUN x", "# x"]
)  # fmt: skip


@settings(deadline=None)  # times are the machine's, not the code's
@given(st.lists(PIECE, max_size=20).map("".join))
def test_garbage_is_checked_or_an_error(text: str) -> None:
    try:
        found("FROM a\n" + text, ignored=["q*"], base={"Env": ["a=b", "odd"]})
    except SkerryError:
        pass
