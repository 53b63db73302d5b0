"""What is wrong with a template, or with what it asks of its data."""

from __future__ import annotations

from skerry.errors import Invalid


class TemplateError(Invalid):
    """A template that cannot be parsed or executed; the message is Go's."""


class ValueProblem(Exception):
    """Raised by functions: the reason alone; the engine adds where it happened."""


class WrongType(ValueProblem):
    """An argument of another type than the function wants."""

    def __init__(self, expected: str, value: object) -> None:
        from skerry.cli.template.values import type_name

        super().__init__(f"wrong type for value; expected {expected}; got {type_name(value)}")
        self.expected = expected
