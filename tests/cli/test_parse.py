"""Flags are parsed as pflag parses them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.cli.flags import Args, HelpRequested, UsageError, flag
from skerry.cli.parse import parse, parse_int, quote, split_csv

FLAGS = (
    flag("-a", "--all"),
    flag("-d", "--detach"),
    flag("-e", "--env", kind="list"),
    flag("-i", "--interactive"),
    flag("-n", "--number", kind="int", default=-1),
    flag("-t", "--tty"),
    flag("-v", "--verbose", kind="count"),
    flag("--cap", kind="slice"),
    flag("--cpus", kind="float"),
    flag("--name", kind="str"),
    flag("--network", "--net", kind="str"),
    flag("--proxy", default=True),
    flag("--pull", kind="optstr", without_value="always", default="missing"),
    flag("--seconds", kind="uint"),
    flag("--sort", kind="str", choices=("id", "name")),
    flag("--words", kind="slice", default=("x", "y")),
    flag("--old", deprecated="use --new", hidden=True),
)


def parsed(*argv: str, interspersed: bool = True) -> Args:
    return parse(FLAGS, argv, interspersed=interspersed)


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["-a"], "all", True),
        (["--all"], "all", True),
        (["--all=false"], "all", False),
        (["-a=false"], "all", False),
        (["--all=T"], "all", True),
        (["--all=0"], "all", False),
        (["--proxy=false"], "proxy", False),
        (["-itd"], "tty", True),
        (["-eA=b"], "env", ["A=b"]),
        (["-e", "A=b"], "env", ["A=b"]),
        (["-e=A=b"], "env", ["A=b"]),
        (["--env=A=b", "--env", "C=d,e"], "env", ["A=b", "C=d,e"]),
        (["-ite", "A"], "env", ["A"]),
        (["-iteA"], "env", ["A"]),
        (["-e", "-a"], "env", ["-a"]),
        (["-e", "--"], "env", ["--"]),
        (["-e="], "env", ["="]),
        (["--cap", "a,b", "--cap=c"], "cap", ["a", "b", "c"]),
        (["--cap", '"a,b",c'], "cap", ["a,b", "c"]),
        (["--cap="], "cap", []),
        (["--words", "z"], "words", ["z"]),
        ([], "words", ["x", "y"]),
        (["--net", "host"], "network", "host"),
        (["--name="], "name", ""),
        (["--name", ""], "name", ""),
        (["--pull"], "pull", "always"),
        (["--pull=never"], "pull", "never"),
        ([], "pull", "missing"),
        (["-vvv"], "verbose", 3),
        (["-v", "--verbose=7", "-v"], "verbose", 8),
        (["--number=0x1f"], "number", 31),
        (["-n-5"], "number", -5),
        (["-n", "010"], "number", 8),
        (["--number=1_000"], "number", 1000),
        (["--cpus=.5"], "cpus", 0.5),
        (["--cpus", "1e2"], "cpus", 100.0),
        (["--sort", "id"], "sort", "id"),
        (["--name=a", "--name=b"], "name", "b"),
    ],
)
def test_a_flag_gets_its_value(argv: list[str], name: str, value: object) -> None:
    args = parsed(*argv)
    assert args[name] == value
    assert args.given(name) == bool(argv)
    assert args.positional == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["--foo=bar"], "unknown flag: --foo"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["-az"], "unknown shorthand flag: 'z' in -z"),
        (["-zab"], "unknown shorthand flag: 'z' in -zab"),
        (["-="], "unknown shorthand flag: '=' in -="),
        (["--name"], "flag needs an argument: --name"),
        (["-e"], "flag needs an argument: 'e' in -e"),
        (["-ie"], "flag needs an argument: 'e' in -e"),
        (["--=x"], "bad flag syntax: --=x"),
        (["---x"], "bad flag syntax: ---x"),
        (["--all=x"], 'invalid argument "x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax'),
        (["--number=x"], 'invalid argument "x" for "-n, --number" flag: strconv.ParseInt: parsing "x": invalid syntax'),
        (
            ["--seconds=-1"],
            'invalid argument "-1" for "--seconds" flag: strconv.ParseUint: parsing "-1": invalid syntax',
        ),
        (["--cpus", "x"], 'invalid argument "x" for "--cpus" flag: strconv.ParseFloat: parsing "x": invalid syntax'),
        (
            ["--number=99999999999999999999"],
            'invalid argument "99999999999999999999" for "-n, --number" flag: '
            'strconv.ParseInt: parsing "99999999999999999999": value out of range',
        ),
        (["--sort=x"], 'invalid argument "x" for "--sort" flag: "x" is not a valid value.  Choose from: "id, name"'),
        (
            ["--cap", 'a"b'],
            'invalid argument "a\\"b" for "--cap" flag: parse error on line 1, column 2: bare " in non-quoted-field',
        ),
    ],
)
def test_mistakes_are_worded_as_pflag_words_them(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*argv)
    assert caught.value.message == message


def test_flags_and_arguments_mix() -> None:
    args = parsed("one", "-a", "two", "--", "-d", "three")
    assert args["all"]
    assert not args["detach"]
    assert args.positional == ["one", "two", "-d", "three"]
    assert args.dash == 2


def test_flags_end_at_the_first_argument_of_run() -> None:
    args = parsed("-a", "image", "-d", "--name", interspersed=False)
    assert args["all"]
    assert not args["detach"]
    assert args.positional == ["image", "-d", "--name"]
    assert args.dash == -1


def test_a_lone_dash_is_an_argument() -> None:
    assert parsed("-", "").positional == ["-", ""]


@pytest.mark.parametrize("word", ["--help", "-h", "-ah"])
def test_help_is_a_flag_of_every_command(word: str) -> None:
    with pytest.raises(HelpRequested):
        parsed(word)


def test_a_command_may_use_h_for_something_else() -> None:
    assert parse((flag("-h", "--hostname", kind="str"),), ["-h", "box"])["hostname"] == "box"


def test_global_flags_count_after_the_command_too() -> None:
    outer = (flag("--root", kind="str"), flag("-a", "--another"))
    top = Args(outer)
    args = parse(FLAGS, ["--root", "/x", "-a"], inherited=outer, inherited_args=top)
    assert top["root"] == "/x"
    assert args["all"]
    assert not top.given("another")


def test_deprecated_flags_work_and_say_so() -> None:
    said: list[str] = []
    assert parse(FLAGS, ["--old"], deprecated=said.append)["old"]
    assert said == ["Flag --old has been deprecated, use --new"]


def test_lists_are_not_shared_between_parses() -> None:
    parsed("--env", "a")["env"].append("b")
    assert parsed()["env"] == []


# Properties

WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@given(st.lists(WORDS))
def test_everything_after_two_dashes_is_an_argument(words: list[str]) -> None:
    assert parsed("--", *words).positional == words


@given(st.lists(WORDS))
def test_list_values_come_back_whole_in_every_spelling(values: list[str]) -> None:
    assert parsed(*[f"--env={v}" for v in values])["env"] == values
    assert parsed(*[part for v in values for part in ("--env", v)])["env"] == values
    assert parsed(*[part for v in values for part in ("-e", v)])["env"] == values


@given(st.lists(st.sampled_from("adit"), min_size=1, unique=True))
def test_a_cluster_is_its_letters(letters: list[str]) -> None:
    together, apart = parsed("-" + "".join(letters)), parsed(*[f"-{letter}" for letter in letters])
    assert together.all_given() == apart.all_given()


@given(st.lists(WORDS, max_size=6))
def test_any_words_end_in_a_result_or_a_usage_error(words: list[str]) -> None:
    try:
        args = parsed(*words)
    except (UsageError, HelpRequested):
        return
    assert all(isinstance(word, str) for word in args.positional)


@given(st.lists(WORDS, min_size=1))
def test_csv_reads_back_what_csv_writes(fields: list[str]) -> None:
    fields = [f.replace("\r", "") for f in fields]
    text = ",".join('"' + f.replace('"', '""') + '"' for f in fields)
    assert split_csv(text) == fields


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_in_every_base(number: int) -> None:
    assert (
        parse_int(str(number)) == parse_int(hex(number)) == parse_int(oct(number)) == parse_int(bin(number)) == number
    )


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a", '"a"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("\n\x1b", '"\\n\\x1b"'),
        ("é", '"é"'),
        ("\u202e", '"\\u202e"'),
    ],
)
def test_quoting_is_gos(text: str, quoted: str) -> None:
    assert quote(text) == quoted
