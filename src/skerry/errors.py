"""The one tree of errors that every room raises and only the faces (cli, api) show.

SkerryError
├── NotFound            a container, image, file, … that was named does not exist
├── Conflict            the name is taken, or the state forbids it
│   └── InUse           something else needs it
├── Invalid             what the caller gave is wrong
│   └── Unsupported     understood, but this host, kernel or runtime cannot do it
├── Denied              permissions or policy
├── Unavailable         a program, device or service that is needed is missing or silent
├── OutOfSpace          the disk, a quota or an address pool is full
├── Corrupt             stored or received bytes are not what their digest says
├── CommandNotFound     the container's program does not exist (exit code 127)
└── CommandNotRunnable  the container's program cannot be executed (exit code 126)
"""

from __future__ import annotations


class SkerryError(Exception):
    """Base of all errors that a user sees.

    ``message`` is one line: what is wrong, and where. ``hint`` is what to do about it, or empty.
    """

    exit_code = 125
    http_status = 500

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class NotFound(SkerryError):
    """What was named does not exist."""

    http_status = 404


class Conflict(SkerryError):
    """The name is taken, or the object's state forbids the operation."""

    http_status = 409


class InUse(Conflict):
    """Something else needs it. The hint names what to remove first."""

    exit_code = 2


class Invalid(SkerryError):
    """What the caller gave is wrong: a flag, a name, a reference, a file's content."""

    http_status = 400


class Unsupported(Invalid):
    """Understood, but this host, kernel or runtime cannot do it."""


class Denied(SkerryError):
    """Permissions, or a policy, forbid it."""

    http_status = 403


class Unavailable(SkerryError):
    """A program, device or service that is needed is missing or does not answer."""

    http_status = 503


class OutOfSpace(SkerryError):
    """The disk, a quota or an address pool is full."""

    http_status = 507


class Corrupt(SkerryError):
    """Stored or received bytes are not what their digest or format says."""


class CommandNotFound(SkerryError):
    """The program to run in the container does not exist there."""

    exit_code = 127
    http_status = 400


class CommandNotRunnable(SkerryError):
    """The program to run in the container exists but cannot be executed."""

    exit_code = 126
    http_status = 400
