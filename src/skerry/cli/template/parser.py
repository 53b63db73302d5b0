"""Tokens into nodes, with Go's rules and Go's complaints."""

from __future__ import annotations

from skerry.cli.parse import quote
from skerry.cli.template.errors import TemplateError
from skerry.cli.template.lexer import parse_number, tokens
from skerry.cli.template.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Constant,
    Dot,
    Field,
    Include,
    Jump,
    Name,
    Node,
    Pipe,
    Text,
    Variable,
)
from skerry.cli.template.strings import unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from skerry.cli.template.lexer import Token

_OPERANDS = ("name", "field", "dot", "variable", "nil", "bool", "number", "char", "string", "(")


def parse_template(name: str, text: str, functions: Container[str]) -> dict[str, list[Node]]:
    """The bodies by name: ``name`` itself, and what ``define`` and ``block`` add."""
    parser = _Parser(name, text, functions)
    try:
        parser.bodies[name] = parser.top()
    except RecursionError:
        raise TemplateError(f"template: {name}:1: nested too deeply") from None
    return parser.bodies


class _Parser:
    def __init__(self, name: str, text: str, functions: Container[str]) -> None:
        self.name = name
        self.text = text
        self.functions = functions
        self.tokens = tokens(name, text)
        self.index = 0
        self.bodies: dict[str, list[Node]] = {}
        self.variables = ["$"]
        self.loops = 0

    # Tokens

    def peek(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        if token[0] != "end":
            self.index += 1
        return token

    def skip_space(self) -> Token:
        while self.tokens[self.index][0] == "space":
            self.index += 1
        return self.tokens[self.index]

    def next_word(self) -> Token:
        self.skip_space()
        return self.next()

    def fail(self, message: str, position: int | None = None) -> TemplateError:
        if position is None:
            position = self.tokens[self.index][2]
        line = self.text.count("\n", 0, position) + 1
        return TemplateError(f"template: {self.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        kind, text, position = token
        if kind == "end":
            return self.fail("unexpected EOF", position)
        shown = f"<{text}>" if kind in ("keyword", "dot") else quote(text)
        return self.fail(f"unexpected {shown} in {context}", position)

    # Bodies

    def top(self) -> list[Node]:
        body: list[Node] = []
        while True:
            kind, text, position = self.next()
            if kind == "end":
                return body
            if kind == "text":
                body.append(Text(position, text))
                continue
            if self.skip_space()[:2] == ("keyword", "define"):
                self.next()
                self.define()
                continue
            node = self.action(position)
            if isinstance(node, str):
                raise self.fail(f"unexpected {{{{{node}}}}}", position)
            body.append(node)

    def define(self) -> None:
        name = self.literal_name("define clause")
        self.expect_close("define clause")
        variables, self.variables = self.variables, ["$"]
        body, ending = self.body()
        self.variables = variables
        if ending != "end":
            raise self.fail(f"unexpected {{{{{ending}}}}} in define clause")
        self.bodies[name] = body

    def body(self) -> tuple[list[Node], str]:
        """Nodes up to the action that ends them, which is "end" or "else"."""
        nodes: list[Node] = []
        while True:
            kind, text, position = self.next()
            if kind == "end":
                raise self.fail("unexpected EOF", position)
            if kind == "text":
                nodes.append(Text(position, text))
                continue
            node = self.action(position)
            if isinstance(node, str):
                return nodes, node
            nodes.append(node)

    def action(self, position: int) -> Node | str:
        """What stands between ``{{`` and ``}}``, with its body; "end" or "else" for these two."""
        token = self.skip_space()
        if token[0] != "keyword":
            pipe = self.pipeline("command", "close")
            return Action(pipe.position, pipe)
        self.next()
        word = token[1]
        if word in ("if", "with", "range"):
            return self.branch(word, token[2])
        if word == "end":
            self.expect_close("end")
            return "end"
        if word == "else":
            following = self.skip_space()
            if following[:2] not in (("keyword", "if"), ("keyword", "with")):
                self.expect_close("else")
            return "else"
        if word in ("break", "continue"):
            if not self.loops:
                raise self.fail(f"{{{{{word}}}}} outside {{{{range}}}}", position)
            self.expect_close(word)
            return Jump(position, word)
        if word == "template":
            return self.include()
        if word == "block":
            return self.block(token[2])
        raise self.unexpected(token, "command")

    def branch(self, word: str, position: int) -> Node:
        depth = len(self.variables)
        pipe = self.pipeline(word, "close")
        self.loops += word == "range"
        body, ending = self.body()
        self.loops -= word == "range"
        otherwise: list[Node] = []
        if ending == "else":
            kind, text, place = self.peek()
            if kind == "keyword" and text in ("if", "with"):
                # {{else if x}} is {{else}}{{if x}} with one {{end}} for both.
                if word == "range" or text != word:
                    raise self.unexpected(self.peek(), "else")
                self.next()
                otherwise = [self.branch(text, place)]
            else:
                otherwise, ending = self.body()
                if ending != "end":
                    raise self.fail("expected end; found {{else}}")
        del self.variables[depth:]
        return Branch(position, word, pipe, body, otherwise)

    def include(self) -> Node:
        name = self.literal_name("template clause")
        pipe = None
        position = self.tokens[self.index - 1][2]  # the name: that is where Go says an error is
        if self.skip_space()[0] == "close":
            self.next()
        else:
            pipe = self.pipeline("template clause", "close")
        return Include(position, name, pipe)

    def block(self, position: int) -> Node:
        name = self.literal_name("block clause")
        pipe = self.pipeline("block clause", "close")
        variables, self.variables = self.variables, ["$"]
        body, ending = self.body()
        self.variables = variables
        if ending != "end":
            raise self.fail(f"unexpected {{{{{ending}}}}} in block clause")
        self.bodies[name] = body
        return Include(position, name, pipe)

    def literal_name(self, context: str) -> str:
        token = self.next_word()
        if token[0] != "string":
            raise self.unexpected(token, context)
        return self.string(token)

    def expect_close(self, context: str) -> None:
        token = self.next_word()
        if token[0] != "close":
            raise self.unexpected(token, context)

    # Pipelines

    def pipeline(self, context: str, until: str) -> Pipe:
        position = self.skip_space()[2]
        declared, assigns = self.declaration(context)
        calls: list[Call] = []
        while True:
            kind, _, place = token = self.skip_space()
            if kind == until:
                self.next()
                break
            if kind not in _OPERANDS:
                raise self.unexpected(token, context)
            call = self.command()
            if calls and not isinstance(call.words[0], (Name, Field, Variable, Chain)):
                raise self.fail(f"non executable command in pipeline stage {len(calls) + 1}", place)
            calls.append(call)
        if not calls:
            raise self.fail(f"missing value for {context}")
        # In `range $v := …` the variables hold the elements; they exist from here on.
        self.variables += [] if assigns else declared
        return Pipe(position, declared, assigns, calls)

    def declaration(self, context: str) -> tuple[list[str], bool]:
        """``$x :=``, ``$x =`` or (range only) ``$i, $v :=`` at the start of a pipeline."""
        start = self.index
        declared: list[str] = []
        while self.skip_space()[0] == "variable":
            declared.append(self.next()[1])
            kind, _, position = self.skip_space()
            if kind in (":=", "="):
                self.next()
                if kind == "=":
                    for name in declared:
                        self.known(name, position)
                return declared, kind == "="
            if kind != "," or context != "range" or len(declared) == 2:
                if kind == "," and context == "range":
                    raise self.fail("too many declarations in range")
                break
            self.next()
        self.index = start
        return [], False

    def command(self) -> Call:
        words: list[Node] = []
        position = self.skip_space()[2]
        while True:
            self.skip_space()
            words.append(self.operand())
            kind, _, _ = token = self.peek()
            if kind == "space":
                kind = self.skip_space()[0]
                if kind in _OPERANDS:
                    continue
            if kind == "|":
                self.next()
                break
            if kind in ("close", ")"):
                break
            raise self.unexpected(token if token[0] != "space" else self.peek(), "operand")
        return Call(position, words)

    def operand(self) -> Node:
        node = self.term()
        kind, _, position = self.peek()
        if kind != "field":
            return node
        names: list[str] = []
        while self.peek()[0] == "field":
            names.append(self.next()[1][1:])
        if isinstance(node, Field):
            return Field(position, node.names + names)
        if isinstance(node, Variable):
            return Variable(position, node.name, node.names + names)
        if isinstance(node, (Constant, Dot)):
            raise self.fail(f"unexpected . after term {quote(str(node))}", position)
        return Chain(position, node, names)

    def term(self) -> Node:
        kind, text, position = token = self.next_word()
        if kind == "name":
            if text not in self.functions:
                raise self.fail(f"function {quote(text)} not defined", position)
            return Name(position, text)
        if kind == "dot":
            return Dot(position)
        if kind == "field":
            return Field(position, [text[1:]])
        if kind == "variable":
            self.known(text, position)
            return Variable(position, text, [])
        if kind == "nil":
            return Constant(position, None, text)
        if kind == "bool":
            return Constant(position, text == "true", text)
        if kind == "number":
            return Constant(position, parse_number(text), text)
        if kind == "string":
            return Constant(position, self.string(token), text)
        if kind == "char":
            value = self.string(("char", '"' + text[1:-1].replace('"', '\\"').replace("\\'", "'") + '"', position))
            if len(value) != 1:
                raise self.fail(f"malformed character constant: {text}", position)
            return Constant(position, ord(value), text)
        if kind == "(":
            return self.pipeline("parenthesized pipeline", ")")
        raise self.unexpected(token, "operand")

    def known(self, name: str, position: int) -> None:
        if name not in self.variables:
            raise self.fail(f"undefined variable {quote(name)}", position)

    def string(self, token: Token) -> str:
        value = unquote(token[1])
        if value is None:
            raise self.fail("invalid syntax", token[2])
        return value
