"""Running a parsed template over a value."""

from __future__ import annotations

from skerry.cli.template.errors import TemplateError, ValueProblem, WrongType
from skerry.cli.template.functions import FUNCTIONS, NAMES
from skerry.cli.template.lookup import field
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
from skerry.cli.template.parser import parse_template
from skerry.cli.template.values import NO_VALUE, force, go_string, is_method, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MAX_DEPTH = 100  # of templates that include one another
_NOTHING = object()  # no value comes down the pipe


def compile_template(name: str, text: str, *, clean: Callable[[str], str] | None = None) -> Callable[[Any], str]:
    """A function from a value to text. ``clean`` is applied to what fields print (see cli/listing.py).

    Raises `TemplateError`, now for a template that cannot be parsed, later for one that its value does not fit.
    """
    bodies = parse_template(name, text, NAMES)

    def execute(value: Any) -> str:
        run = _Run(name, text, bodies, clean)
        try:
            run.walk_all(bodies[name], value, [("$", value)], 0)
        except RecursionError:
            raise TemplateError(f"template: {name}: exceeded maximum template depth") from None
        return "".join(run.out)

    return execute


class _Leave(Exception):
    """{{break}} and {{continue}}."""

    def __init__(self, word: str) -> None:
        self.word = word


class _Run:
    def __init__(self, name: str, text: str, bodies: dict[str, list[Node]], clean: Callable[[str], str] | None) -> None:
        self.name = name
        self.text = text
        self.bodies = bodies
        self.clean = clean
        self.out: list[str] = []
        self.current = name

    def fail(self, node: Node, problem: str) -> TemplateError:
        before = self.text[: node.position]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1)
        return TemplateError(
            f'template: {self.name}:{line}:{column}: executing "{self.current}" at <{node}>: {problem}'
        )

    # Statements

    def walk_all(self, body: list[Node], dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        for node in body:
            if isinstance(node, Text):
                self.out.append(node.text)
            elif isinstance(node, Action):
                value = self.pipe(node.pipe, dot, variables)
                if not node.pipe.declared:
                    self.out.append(self.printed(node.pipe, value))
            elif isinstance(node, Branch):
                self.branch(node, dot, variables, depth)
            elif isinstance(node, Include):
                self.include(node, dot, variables, depth)
            elif isinstance(node, Jump):
                raise _Leave(node.word)

    def printed(self, pipe: Pipe, value: Any) -> str:
        text = go_string(value)
        if self.clean is None or text.isprintable():
            return text
        # What a function made may hold the tabs that its author wants; what is just data may not.
        made = len(pipe.calls) > 1 or isinstance(pipe.calls[0].words[0], (Name, Pipe, Constant))
        if made:
            return "\n".join(["\t".join([self.clean(c) for c in line.split("\t")]) for line in text.split("\n")])
        return self.clean(text)

    def branch(self, node: Branch, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        mark = len(variables)
        if node.word == "range":
            self.loop(node, dot, variables, depth)
        else:
            value = self.pipe(node.pipe, dot, variables)
            if truth(value):
                self.walk_all(node.body, value if node.word == "with" else dot, variables, depth)
            else:
                self.walk_all(node.otherwise, dot, variables, depth)
        del variables[mark:]

    def loop(self, node: Branch, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        pipe = node.pipe
        value = self.pipe(pipe, dot, variables, declare=False)
        mark = len(variables)
        empty = True
        for key, item in self.items(node, value):
            empty = False
            names = pipe.declared
            values = (key, item) if len(names) == 2 else (item,)
            for name, bound in zip(names, values, strict=False):
                if pipe.assigns:
                    self.assign(name, bound, variables)
                else:
                    variables.append((name, bound))
            try:
                self.walk_all(node.body, item, variables, depth)
            except _Leave as leave:
                if leave.word == "break":
                    break
            finally:
                del variables[mark:]
        if empty:
            self.walk_all(node.otherwise, dot, variables, depth)

    def items(self, node: Branch, value: Any) -> list[tuple[Any, Any]]:
        if value is None or value is NO_VALUE:
            return []
        if isinstance(value, dict):
            return [(key, force(value[key])) for key in sorted(value)]
        if isinstance(value, (list, tuple)):
            return [(key, force(item)) for key, item in enumerate(value)]
        if isinstance(value, int) and not isinstance(value, bool) and value <= 1_000_000:
            return [(key, key) for key in range(value)]
        raise self.fail(node.pipe, f"range can't iterate over {go_string(value)}")

    def include(self, node: Include, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        body = self.bodies.get(node.name)
        if body is None:
            raise self.fail(node, f'template "{node.name}" not defined')
        if depth >= _MAX_DEPTH:
            raise self.fail(node, f"exceeded maximum template depth ({_MAX_DEPTH})")
        value = self.pipe(node.pipe, dot, variables) if node.pipe else NO_VALUE
        outer, self.current = self.current, node.name
        self.walk_all(body, value, [("$", value)], depth + 1)
        self.current = outer

    # Values

    def pipe(self, pipe: Pipe, dot: Any, variables: list[tuple[str, Any]], *, declare: bool = True) -> Any:
        value: Any = _NOTHING
        for call in pipe.calls:
            value = self.call(call, dot, variables, value)
        if declare:
            for name in pipe.declared:
                if pipe.assigns:
                    self.assign(name, value, variables)
                else:
                    variables.append((name, value))
        return value

    def assign(self, name: str, value: Any, variables: list[tuple[str, Any]]) -> None:
        for position in range(len(variables) - 1, -1, -1):
            if variables[position][0] == name:
                variables[position] = (name, value)
                return

    def call(self, call: Call, dot: Any, variables: list[tuple[str, Any]], piped: Any) -> Any:
        head = call.words[0]
        if isinstance(head, Name):
            return self.function(head, call, dot, variables, piped)
        value = self.operand(head, dot, variables)
        if is_method(value):
            arguments = [self.operand(word, dot, variables) for word in call.words[1:]]
            arguments += [piped] if piped is not _NOTHING else []
            wanted = value.__code__.co_argcount
            if len(arguments) != wanted:
                raise self.fail(head, f"wrong number of args for {head}: want {wanted} got {len(arguments)}")
            return value(*arguments)
        if len(call.words) > 1 or piped is not _NOTHING:
            if isinstance(head, (Constant, Dot, Pipe)):
                raise self.fail(head, f"can't give argument to non-function {head}")
            last = head.names[-1] if isinstance(head, (Field, Variable, Chain)) and head.names else str(head)
            raise self.fail(head, f"{last} has arguments but cannot be invoked as function")
        if value is None and isinstance(head, Constant):
            raise self.fail(head, "nil is not a command")
        return value

    def operand(self, node: Node, dot: Any, variables: list[tuple[str, Any]]) -> Any:
        if isinstance(node, Field):
            # In {{with .Labels}} dot is a map, where a missing key is no mistake; the data itself never is.
            return self.fields(node, dot, node.names, None if dot is variables[0][1] else "")
        if isinstance(node, Dot):
            return force(dot)
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Variable):
            for name, value in reversed(variables):
                if name == node.name:
                    return self.fields(node, force(value), node.names, None if name == "$" else "")
        if isinstance(node, Pipe):
            return self.pipe(node, dot, variables)
        if isinstance(node, Chain):
            return self.fields(node, self.operand(node.node, dot, variables), node.names, "")
        if isinstance(node, Name):
            return self.function(node, Call(node.position, [node]), dot, variables, _NOTHING)
        raise self.fail(node, "can't evaluate")

    def fields(self, node: Node, value: Any, names: list[str], parent: str | None) -> Any:
        for name in names:
            try:
                value = field(value, name, parent)
            except ValueProblem as problem:
                raise self.fail(node, str(problem)) from None
            parent = name
        return value

    def function(self, head: Name, call: Call, dot: Any, variables: list[tuple[str, Any]], piped: Any) -> Any:
        if head.name in ("and", "or"):
            return self.logic(head, call, dot, variables, piped)
        function, least, most = FUNCTIONS[head.name]
        values = [self.operand(word, dot, variables) for word in call.words[1:]]
        if piped is not _NOTHING:
            values.append(piped)
        if not least <= len(values) <= most:
            wanted = f"at least {least}" if most > least else str(least)
            raise self.fail(head, f"wrong number of args for {head.name}: want {wanted} got {len(values)}")
        try:
            return function(*values)
        except WrongType as problem:
            # Go names the argument; with several of them only it knows which.
            culprit = call.words[1] if len(call.words) == 2 else head
            found = f"expected {problem.expected}; found {culprit}" if isinstance(culprit, Constant) else str(problem)
            raise self.fail(culprit, found) from None
        except ValueProblem as problem:
            raise self.fail(call, str(problem)) from None
        except RecursionError:
            raise
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise self.fail(call, f"error calling {head.name}: {error}") from None

    def logic(self, head: Name, call: Call, dot: Any, variables: list[tuple[str, Any]], piped: Any) -> Any:
        """``and``, ``or``: the first value that decides, the last otherwise; what comes after is not evaluated."""
        value: Any = _NOTHING
        for word in call.words[1:]:
            value = self.operand(word, dot, variables)
            if truth(value) == (head.name == "or"):
                return value
        if piped is not _NOTHING:
            return piped
        if value is _NOTHING:
            raise self.fail(head, f"wrong number of args for {head.name}: want at least 1 got 0")
        return value
