"""What ends a build that nobody made a mistake in."""

from __future__ import annotations

from skerry.errors import SkerryError, Unavailable


class Interrupted(SkerryError):
    """The build was cancelled (Ctrl-C, or another step failed). Nothing of it is left."""

    exit_code = 130
    http_status = 499


class Changed(Unavailable):
    """What is copied was written to while it was copied, so that it is not what its key says."""
