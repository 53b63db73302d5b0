"""What is wrong with a template, or with what it asks of its data."""

from __future__ import annotations

from skerry.errors import Invalid


class TemplateError(Invalid):
    """A template that cannot be parsed or executed; the message is Go's."""


class ValueProblem(Exception):
    """Raised by functions: the reason alone; the engine adds where it happened."""
