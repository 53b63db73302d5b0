"""The parts of a parsed template. ``str(node)`` is the node as Go writes it in errors."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Node:
    """Anything with a place in the text."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position


class Text(Node):
    """Literal text."""

    __slots__ = ("text",)

    def __init__(self, position: int, text: str) -> None:
        self.position = position
        self.text = text


class Constant(Node):
    """A number, string, character, bool or nil; ``source`` as written."""

    __slots__ = ("source", "value")

    def __init__(self, position: int, value: Any, source: str) -> None:
        self.position = position
        self.value = value
        self.source = source

    def __str__(self) -> str:
        return self.source


class Dot(Node):
    """``.``"""

    __slots__ = ()

    def __str__(self) -> str:
        return "."


class Field(Node):
    """``.A.B``"""

    __slots__ = ("names",)

    def __init__(self, position: int, names: list[str]) -> None:
        self.position = position
        self.names = names

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


class Variable(Node):
    """``$x.A.B``"""

    __slots__ = ("name", "names")

    def __init__(self, position: int, name: str, names: list[str]) -> None:
        self.position = position
        self.name = name
        self.names = names

    def __str__(self) -> str:
        return self.name + "".join("." + name for name in self.names)


class Chain(Node):
    """``(pipeline).A.B``"""

    __slots__ = ("names", "node")

    def __init__(self, position: int, node: Node, names: list[str]) -> None:
        self.position = position
        self.node = node
        self.names = names

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join("." + name for name in self.names)


class Name(Node):
    """A function's name."""

    __slots__ = ("name",)

    def __init__(self, position: int, name: str) -> None:
        self.position = position
        self.name = name

    def __str__(self) -> str:
        return self.name


class Call(Node):
    """One command of a pipeline: an operand, or a function with arguments."""

    __slots__ = ("words",)

    def __init__(self, position: int, words: list[Node]) -> None:
        self.position = position
        self.words = words

    def __str__(self) -> str:
        return " ".join(f"({word})" if isinstance(word, Pipe) else str(word) for word in self.words)


class Pipe(Node):
    """``$i, $v := a | b``: ``declared`` names, ``assigns`` for ``=``."""

    __slots__ = ("assigns", "calls", "declared")

    def __init__(self, position: int, declared: list[str], assigns: bool, calls: list[Call]) -> None:
        self.position = position
        self.declared = declared
        self.assigns = assigns
        self.calls = calls

    def __str__(self) -> str:
        head = f"{', '.join(self.declared)} {'=' if self.assigns else ':='} " if self.declared else ""
        return head + " | ".join(str(call) for call in self.calls)


class Action(Node):
    """``{{pipeline}}``"""

    __slots__ = ("pipe",)

    def __init__(self, position: int, pipe: Pipe) -> None:
        self.position = position
        self.pipe = pipe


class Branch(Node):
    """``{{if}}``, ``{{with}}`` or ``{{range}}`` (``word``), with its two bodies."""

    __slots__ = ("body", "otherwise", "pipe", "word")

    def __init__(self, position: int, word: str, pipe: Pipe, body: list[Node], otherwise: list[Node]) -> None:
        self.position = position
        self.word = word
        self.pipe = pipe
        self.body = body
        self.otherwise = otherwise


class Jump(Node):
    """``{{break}}`` or ``{{continue}}``."""

    __slots__ = ("word",)

    def __init__(self, position: int, word: str) -> None:
        self.position = position
        self.word = word


class Include(Node):
    """``{{template "name" pipeline}}``"""

    __slots__ = ("name", "pipe")

    def __init__(self, position: int, name: str, pipe: Pipe | None) -> None:
        self.position = position
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        return f'{{{{template "{self.name}"{f" {self.pipe}" if self.pipe else ""}}}}}'
