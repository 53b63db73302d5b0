"""Commands whose arguments are images of this store."""

from __future__ import annotations

from skerry.cli.flags import UsageError


def refuse_transport(name: str) -> None:
    """`UsageError` for what says where an image came from: such a name is no image that is here."""
    if name.startswith("docker://"):
        raise UsageError(f'image "{name}" is not in local storage; remove the docker:// prefix')
