"""Templates do what Go's text/template does. The expected texts were compared with Podman's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.cli.template.engine import compile_template
from skerry.cli.template.errors import TemplateError

DATA = {
    "ID": "abc",
    "Names": ["a", "b"],
    "Labels": {"x": "1", "y-z": "2"},
    "Pid": 12,
    "State": {"Status": "running", "Running": True, "Health": None},
    "Cpu": 1.5,
    "Nothing": None,
    "Lazy": lambda: "made",
    "host": {"os": "linux", "dns_enabled": True},
    "Mounts": [{"Type": "bind", "Source": "/a"}, {"Type": "volume", "Source": "/b"}],
}


def filled(template: str, data: object = DATA) -> str:
    return compile_template("t", template)(data)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        # Values
        ("{{.ID}} {{.Pid}} {{.Cpu}} {{.Nothing}} {{.State.Running}}", "abc 12 1.5 <nil> true"),
        ("{{.Names}} {{.Labels}} {{.State}}", "[a b] map[x:1 y-z:2] {running true <nil>}"),
        ("{{.Lazy}} {{len .Lazy}}", "made 4"),
        ("{{ .ID }}|{{- .ID -}} | {{- 1}}", "abc|abc|1"),
        ("{{.Host.OS}} {{.Host.Os}} {{.Host.DNSEnabled}}", "linux linux true"),
        ("{{.Labels.x}} {{.Labels.nope}} {{.Labels.X}}", "1 <no value> <no value>"),
        ('{{index .Labels "y-z"}}|{{index .Labels "nope"}}|{{index .Names 1}}', "2||b"),
        ("{{(index .Mounts 0).Source}}", "/a"),
        ("{{with index .Mounts 1}}{{.Src}}{{end}}", "/b"),
        ("{{with .Labels}}{{.x}}{{.nope}}{{end}}", "1<no value>"),
        ("{{json .Labels}} {{.Names | json}} {{json .Nothing}}", '{"x":"1","y-z":"2"} ["a","b"] null'),
        ('{{json "<a>&"}}', '"<a>&"'),
        ("{{1.0}} {{1e3}} {{0x10}} {{'a'}} {{true}} {{017}} {{-5}} {{.5}}", "1 1000 16 97 true 15 -5 0.5"),
        ('{{`raw "x"`}} {{"q\\"\\t\\x41\\u00e9\\101"}}', 'raw "x" q"\tAéA'),
        # Control
        ("{{range .Names}}<{{.}}>{{end}}", "<a><b>"),
        ("{{range $i, $v := .Names}}{{if $i}}, {{end}}{{$i}}={{$v}}{{end}}", "0=a, 1=b"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "x=1;y-z=2;"),
        ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
        ("{{range $i := .Names}}{{$i}}{{end}}", "ab"),
        ('{{range .Names}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', "b"),
        ('{{range .Names}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{with .State}}{{.Status}} {{$.ID}}{{end}}{{with .Nothing}}x{{else}}none{{end}}", "running abcnone"),
        ("{{if eq .Pid 1}}one{{else if eq .Pid 12}}twelve{{else}}other{{end}}", "twelve"),
        ('{{if and .State.Running (eq .ID "abc")}}yes{{else}}no{{end}}', "yes"),
        ('{{if or (eq .ID "x") (not .State.Running)}}yes{{else}}no{{end}}', "no"),
        ("{{$x := 1}}{{range .Names}}{{$x = .}}{{end}}{{$x}}", "b"),
        ('{{define "T"}}[{{.}}]{{end}}{{template "T" .ID}}{{block "B" .Pid}}<{{.}}>{{end}}', "[abc]<12>"),
        ("a{{/* gone */}}b{{- /* with space */ -}}  c", "abc"),
        # Functions
        ('{{join .Names ", "}} {{upper .ID}} {{.ID | upper | lower | title}}', "a, b ABC Abc"),
        ('{{split "a:b" ":"}} {{pad .ID 1 2}}| {{truncate .ID 2}}', "[a b]  abc  | ab"),
        ("{{len .Names}} {{len .Labels}} {{slice .ID 1 2}} {{slice .Names 1}}", "2 2 b [b]"),
        ('{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge "b" "a"}} {{ne 1 2}} {{eq 1 2 1}}', "true true false true true true"),
        ('{{and 1 0}} {{or "" "x"}} {{not 0}}', "0 x true"),
        ('{{print 1 2 "a" 3}}|{{println "x" 1}}', "1 2a3|x 1\n"),
        ('{{html "<a>"}} {{js "a\'b"}} {{urlquery "a b&c"}}', "&lt;a&gt; a\\'b a+b%26c"),
        ('{{"a" | printf "%s-%s" "b"}}', "b-a"),
        ('{{title "hello wORLD-foo o\'neil"}}', "Hello WORLD-Foo O'Neil"),
    ],
)
def test_a_template_gives(template: str, text: str) -> None:
    assert filled(template) == text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            '"%-10s|%5d|%q|%v|%t|%.2f|%T|%%|%x" "abc" 12 "abc" 1.5 true 1.5 "x" "abc"',
            'abc       |   12|"abc"|1.5|true|1.50|string|%|616263',
        ),
        ('"%d" "abc"', "%!d(string=abc)"),
        ('"%s"', "%!s(MISSING)"),
        ('"x" 1', "x%!(EXTRA int=1)"),
        ('"%!" ', "%!!(MISSING)"),
        ('"%-"', "%!(NOVERB)"),
        ('"%z" 1', "%!z(int=1)"),
        ('"%5.1f|%-8v|%+d|%08d" 3.14159 "a" 5 -42', "  3.1|a       |+5|-0000042"),
        ('"%x|%X|%o|%b|%c|%U" 255 255 8 5 65 65', "ff|FF|10|101|A|U+0041"),
        ('"%e %g %G" 123456.789 123456789.0 1e-7', "1.234568e+05 1.23456789e+08 1E-07"),
        ('"%v %v %v %v" 123456.0 1234567.0 0.0001 0.00001', "123456 1.234567e+06 0.0001 1e-05"),
        ('"%*d|%-5d|%t" 5 42 42 "x"', "   42|42   |%!t(string=x)"),
        ('"%.2s|%5.2s|%05s|%.3v" "hello" "hello" "ab" "hello"', "he|   he|000ab|hel"),
        ('"%[2]d %[1]d" 1 2', "2 1"),
        ('"%q %v" .Names .Names', '["a" "b"] [a b]'),
        ('"%T %T %T" .Names .Labels .Nothing', "[]string map[string]string <nil>"),
        ('"%s|%10s|%-10s|" "日本" "日本" "日本"', "日本|        日本|日本        |"),
        ('"%.f|%.0f" 2.5 3.5', "2|4"),
        ('"%#v %#v" "a" 1', '"a" 1'),
    ],
)
def test_printf_is_gos(call: str, text: str) -> None:
    assert filled("{{printf " + call + "}}") == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{", "template: t:1: unclosed action"),
        ("\n{{.ID", "template: t:2: unclosed action"),
        ("{{foo}}", 'template: t:1: function "foo" not defined'),
        ("{{if}}x{{end}}", "template: t:1: missing value for if"),
        ("{{end}}", "template: t:1: unexpected {{end}}"),
        ("{{range .Names}}", "template: t:1: unexpected EOF"),
        ("{{$x}}", 'template: t:1: undefined variable "$x"'),
        ("{{range $i := .Names}}{{end}}{{$i}}", 'template: t:1: undefined variable "$i"'),
        ("{{break}}", "template: t:1: {{break}} outside {{range}}"),
        ('{{"open}}', "template: t:1: unterminated quoted string"),
        ("{{/* x}}", "template: t:1: unclosed comment"),
        ("{{nil}}", 'template: t:1:2: executing "t" at <nil>: nil is not a command'),
        ("{{.ID.Foo}}", 'template: t:1:5: executing "t" at <.ID.Foo>: can\'t evaluate field Foo in type string'),
        ("{{.Nothing.X}}", 'template: t:1:10: executing "t" at <.Nothing.X>: nil pointer evaluating interface {}.X'),
        (
            "{{index .Names 5}}",
            'template: t:1:2: executing "t" at <index .Names 5>: error calling index: index out of range: 5',
        ),
        (
            '{{eq 1 "a"}}',
            'template: t:1:2: executing "t" at <eq 1 "a">: error calling eq: incompatible types for comparison',
        ),
        ("{{upper 1}}", 'template: t:1:8: executing "t" at <1>: expected string; found 1'),
        ("{{upper .Pid}}", 'template: t:1:8: executing "t" at <.Pid>: wrong type for value; expected string; got int'),
        ("{{upper}}", 'template: t:1:2: executing "t" at <upper>: wrong number of args for upper: want 1 got 0'),
        ("{{len 3}}", 'template: t:1:2: executing "t" at <len 3>: error calling len: len of type int'),
        ('{{template "no"}}', 'template: t:1:11: executing "t" at <{{template "no"}}>: template "no" not defined'),
        ("{{range .ID}}{{end}}", 'template: t:1:8: executing "t" at <.ID>: range can\'t iterate over abc'),
    ],
)
def test_mistakes_are_worded_as_go_words_them(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        filled(template)
    assert caught.value.message == message


def test_an_unknown_field_suggests_a_near_one() -> None:
    with pytest.raises(TemplateError, match=r"can't evaluate field Helth in type struct \(did you mean .Health\?\)"):
        filled("{{.State.Helth}}")


@pytest.mark.parametrize(
    "template",
    [
        '{{define "A"}}{{template "A"}}{{end}}{{template "A"}}',
        "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
        "{{if 1}}" * 3000,
    ],
)
def test_endless_nesting_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError):
        filled(template)


@given(st.text("{}()|.$\"'`:=, -/*abciefrndgoluptxh0129\\\n", max_size=40))
def test_no_text_breaks_the_engine(text: str) -> None:
    for template in (text, "{{" + text + "}}"):
        try:
            assert isinstance(filled(template), str)
        except TemplateError as error:
            assert error.message.startswith("template: t:")  # noqa: PT017


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_every_value_has_a_text_and_json(value: object) -> None:
    assert isinstance(filled('{{.V}}{{json .V}}{{printf "%v %s %d %q %x %T" .V .V .V .V .V .V}}', {"V": value}), str)
