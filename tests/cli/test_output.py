"""What is printed, and what is kept from a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import child

from skerry.cli.listing import align, expand_escapes, heading, render, render_each, simple_pieces, width_of
from skerry.cli.logline import logline
from skerry.cli.output import Output
from skerry.cli.progress import Progress
from skerry.cli.suggest import distance, nearest
from skerry.errors import Invalid

ROWS = [
    {"ID": "abc", "Names": "web", "CreatedAt": 5, "Up": True, "Labels": {"a": "b"}},
    {"ID": "a-rather-long-id", "Names": "db", "CreatedAt": 17, "Up": False, "Labels": {}},
]
TABLE = "table {{.ID}}\t{{.Names}}\t{{.CreatedAt}}"


def listed(format: str = "", rows: list[dict[str, Any]] | None = None, **options: Any) -> str:
    wanted: dict[str, Any] = {"default": TABLE, "headers": {"ID": "CONTAINER ID"}, "json_rows": None}
    wanted |= {"noheading": False, "quiet_field": None} | options
    return render("ps", ROWS if rows is None else rows, format=format, **wanted)


def test_the_default_table() -> None:
    assert listed() == (
        "CONTAINER ID      NAMES       CREATED AT\n"
        "abc               web         5\n"
        "a-rather-long-id  db          17\n"
    )  # fmt: skip


def test_a_table_of_nothing_is_its_headings() -> None:
    assert listed(rows=[]) == "CONTAINER ID  NAMES       CREATED AT\n"
    assert listed(rows=[], noheading=True) == ""


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("{{.ID}}", "abc\na-rather-long-id\n"),
        ("{{.ID}} {{.Up}}", "abc true\na-rather-long-id false\n"),
        (r"{{.ID}}\t{{.Names}}", "abc\tweb\na-rather-long-id\tdb\n"),
        (r"{{.Names}}\n", "web\ndb\n"),
        ("{{.Labels}}", "map[a:b]\nmap[]\n"),
        ("{{.Labels.a}}", "b\n<no value>\n"),
        ("{{upper .Names}}", "WEB\nDB\n"),
        ("table {{.Names}}\t{{.Up}}", "NAMES       UP\nweb         true\ndb          false\n"),
        (r"table {{.Names}}\t{{.Up}}", "NAMES       UP\nweb         true\ndb          false\n"),
        ("table {{.Names}} {{.Up}}", "NAMES       UP\nweb         true\ndb          false\n"),
        ("table {{.Names | upper}}\t{{.Up}}", "NAMES       UP\nWEB         true\nDB          false\n"),
        ("table", listed()),
        ("", listed()),
        ("literal", "literal\nliteral\n"),
    ],
)
def test_formats(format: str, text: str) -> None:
    assert listed(format) == text


@pytest.mark.parametrize("format", ["json", "{{json}}"])
def test_json_is_one_array(format: str) -> None:
    assert listed(format, rows=[{"ID": "a", "Lazy": lambda: 1}]) == '[\n  {\n    "ID": "a",\n    "Lazy": 1\n  }\n]\n'
    assert listed(format, json_rows=[]) == "[]\n"


@pytest.mark.parametrize("format", ["{{json .}}", "{{ json . }}"])
def test_a_template_of_json_is_one_object_a_line(format: str) -> None:
    rows = [{"ID": "a", "Lazy": lambda: 1}, {"ID": "b", "Lazy": lambda: 2}]
    assert listed(format, rows=rows) == '{"ID":"a","Lazy":1}\n{"ID":"b","Lazy":2}\n'
    assert listed(format, rows=[]) == ""


def test_quiet_prints_one_field() -> None:
    assert listed(quiet_field="ID") == "abc\na-rather-long-id\n"


def test_an_unknown_field_is_an_error() -> None:
    for format in ("{{.Foo}}", "table {{.Foo}}", "{{.Foo}} {{upper .ID}}"):
        with pytest.raises(Invalid, match="can't evaluate field Foo"):
            listed(format)


def test_a_bad_template_is_an_error_even_without_rows() -> None:
    with pytest.raises(Invalid, match="unexpected EOF"):
        listed("{{if .ID}}", rows=[])


def test_headings_of_what_has_none() -> None:
    assert listed("table {{range $k, $v := .Labels}}{{$k}}={{$v}}{{end}}\t{{.ID}}") == (
        "a=b         abc\n            a-rather-long-id\n"
    )
    assert listed("table {{json .ID}}").startswith('"CONTAINER ID"\n"abc"\n')


def test_lazy_values_are_only_made_when_shown() -> None:
    def never() -> str:
        raise AssertionError

    assert listed("{{.ID}}", rows=[{"ID": "a", "Size": never}]) == "a\n"
    assert listed("{{.Size}}", rows=[{"ID": "a", "Size": lambda: "1kB"}]) == "1kB\n"


def test_cells_stay_cells() -> None:
    rows = [{"ID": "a\tb\n\x1b[31m", "Names": "x", "CreatedAt": 1}]
    assert listed(rows=rows, noheading=True) == "a\\tb\\n\\x1b[31m  x           1\n"
    assert listed('table {{.ID | printf "%s"}}\t{{.Names}}', rows=rows, noheading=True).count("\x1b") == 0


def test_inspect_prints_an_array_or_the_template_of_each() -> None:
    assert render_each("inspect", [{"Id": "a"}], "") == '[\n     {\n          "Id": "a"\n     }\n]\n'
    assert render_each("inspect", [{"Id": "a"}, {"Id": "b"}], "{{.ID}}") == "a\nb\n"
    assert render_each("inspect", [{"S": {"T": 1}}], "{{.S.T}}-{{json .S}}") == '1-{"T":1}\n'


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("ID", "ID"),
        ("CreatedAt", "CREATED AT"),
        ("PodID", "POD ID"),
        ("CIDFile", "CID FILE"),
        ("Names", "NAMES"),
        ("IsInfra", "IS INFRA"),
    ],
)
def test_headings(field: str, text: str) -> None:
    assert heading(field) == text


def test_only_plain_fields_are_simple() -> None:
    assert simple_pieces("a {{.B}} {{ .C.D }}") == ["a ", ("B",), " ", ("C", "D")]
    for text in ("{{.A | upper}}", "{{json .}}", "{{.}}", "{{.A", "a}}", "{{- .A}}", "{{.A b}}"):
        assert simple_pieces(text) is None


def test_escapes_are_expanded_outside_of_actions_only() -> None:
    assert expand_escapes(r'a\t{{printf "\t"}}\n') == 'a\t{{printf "\\t"}}\n'


def test_columns_end_where_lines_have_none() -> None:
    # The second line has one cell: it parts the first column into two blocks, as in Go's tabwriter.
    assert align([["a", "b"], ["long single line"], ["a-cell-of-fifteen", "b"]]) == (
        "a           b\nlong single line\na-cell-of-fifteen  b\n"
    )


def test_wide_characters_take_two_columns() -> None:
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert align([["日本", "x"], ["ab", "x"]]) == "日本        x\nab          x\n"


def test_a_terminal_never_gets_a_control_character(pty_run: Callable[..., str]) -> None:
    code = "from skerry.cli.output import Output; o = Output(); o.line('a\\x1b[2Jb\\tc\\u202e'); o.write('x\\ny')"
    assert pty_run(["/usr/bin/python3", "-c", code], env={"PYTHONPATH": "src"}) == "a\\x1b[2Jb\tc\\u202e\r\nx\r\ny"


def test_a_file_gets_every_byte(capfd: pytest.CaptureFixture[str]) -> None:
    Output().line("a\x1b[2J")
    assert capfd.readouterr().out == "a\x1b[2J\n"


def test_levels(capfd: pytest.CaptureFixture[str]) -> None:
    out = Output()
    out.warn("seen")
    out.info("unseen")
    out.set_level("error")
    out.warn("unseen")
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith('time="')
    assert lines[0].endswith('" level=warning msg=seen')


def test_log_lines_are_logrus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.cli.logline._timestamp", lambda: "2026-01-02T03:04:05Z")
    assert logline("warning", 'a "b"') == 'time="2026-01-02T03:04:05Z" level=warning msg="a \\"b\\""'
    assert logline("info", "x", terminal=True) == "INFO[0000] x"


def test_output_survives_a_slow_pipe() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def print_much() -> None:
        os.close(reader)
        os.dup2(writer, 1)
        Output().raw(b"x" * 300_000)

    pid = child.fork(print_much)
    os.close(writer)
    got = 0
    while data := os.read(reader, 65536):
        got += len(data)
    assert child.wait(pid) == 0
    os.close(reader)
    assert got == 300_000


def test_progress_text() -> None:
    bar = Progress("Loading", 2048, unit="B", active=False, width=80)
    bar.add(1024)
    assert bar.text(0.1) == "Loading [==========>         ]  50% 1.0KiB / 2.0KiB"
    assert bar.text(1.0).endswith(" 1.0KiB/s")
    bar.update(5000)
    assert "100%" in bar.text(0.1)
    assert Progress("Files", None, unit="files", active=False, width=80).text(0.1) == "Files: 0 files"


def test_progress_is_drawn_on_a_terminal_and_wiped(pty_run: Callable[..., str]) -> None:
    code = (
        "import time; from skerry.cli.output import Output\n"
        "with Output().progress('Loading\\x1b[2J', 100, unit='layers') as bar:\n"
        "    for _ in range(3): bar.add(20); time.sleep(0.12)\n"
    )
    text = pty_run(["/usr/bin/python3", "-c", code], env={"PYTHONPATH": "src"})
    assert "\rLoading\\x1b[2J [====>" in text
    assert text.endswith("\r\x1b[K")


def test_progress_is_silent_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    with Output().progress("Loading", 10) as bar:
        bar.update(10)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [("", "", 0), ("a", "", 1), ("run", "rnu", 1), ("image", "images", 1), ("kitten", "sitting", 3)],
)
def test_distance(one: str, other: str, steps: int) -> None:
    assert distance(one, other) == distance(other, one) == steps


def test_nearest() -> None:
    assert nearest("imgaes", ["image", "images", "run"]) == ["images", "image"]
    assert nearest("contai", ["container", "create"]) == ["container"]
    assert nearest("xyz", ["run", "ps", "rm"]) == []
