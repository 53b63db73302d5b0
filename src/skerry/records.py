"""Data classes without the cost of importing ``dataclasses`` (5 ms, mostly ``inspect``) and of compiling each class's
methods (.4 ms a class): a build has sixty.

To a type checker they are the standard library's; at run time `dataclass`, `field` and `replace` do what builds need of
those: initialiser, equality, hash, representation. ``frozen`` and ``slots`` are held by the type checker alone.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

    def fields(record: object) -> tuple[str, ...]: ...

else:

    class _Default:
        """What `field` says: a value, or how to make one."""

        def __init__(self, default=None, default_factory=None):
            self.default, self.factory = default, default_factory

    field = _Default

    def dataclass(cls=None, *, frozen=False, slots=False):  # noqa: ARG001 - see the module
        """The decorator. ``__match_args__`` names the fields in their order."""
        if cls is None:
            return lambda given: dataclass(given, frozen=frozen)
        names = tuple(cls.__annotations__)  # its own: none of these classes inherits
        values, factories = {}, {}
        for name in names:
            default = cls.__dict__.get(name, values)
            if isinstance(default, _Default):
                (factories if default.factory else values)[name] = default.factory or default.default
                delattr(cls, name)
            elif default is not values:
                values[name] = default
        cls.__match_args__ = names
        cls.__init__ = _initialiser(names, values, factories)
        cls.__eq__, cls.__hash__ = _equal, (_hash if frozen else None)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _represent
        return cls

    def _initialiser(names, values, factories):
        def __init__(self, *args, **kwargs):
            attributes = self.__dict__
            attributes.update(values)
            attributes.update(zip(names, args, strict=False))
            attributes.update(kwargs)
            for name, factory in factories.items():
                if name not in attributes:
                    attributes[name] = factory()
            if len(attributes) != len(names) or len(args) > len(names):
                wrong = sorted({*names} ^ {*attributes}) or args[len(names) :]
                raise TypeError(f"{type(self).__name__}: missing or unknown: {wrong}")

        return __init__

    def _equal(self, other):
        return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(tuple([self.__dict__[name] for name in self.__match_args__]))

    def _represent(self):
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({shown})"

    def fields(record):
        """The names of a record's fields; none of what is no record."""
        return getattr(type(record), "__match_args__", ())

    def replace(record, /, **changes):
        """A copy with other values in some fields."""
        return type(record)(**{**record.__dict__, **changes})


__all__ = ["dataclass", "field", "fields", "replace"]
