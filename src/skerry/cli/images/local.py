"""Commands whose arguments are images of this store."""

from __future__ import annotations

from skerry.cli.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.output import Output


def refuse_transport(name: str) -> None:
    """`UsageError` for what says where an image came from: such a name is no image that is here."""
    if name.startswith("docker://"):
        raise UsageError(f'image "{name}" is not in local storage; remove the docker:// prefix')


def tell(out: Output, errors: list[str]) -> None:
    """What went wrong with each of several images, when all have had their turn; as Podman."""
    if len(errors) == 1:
        out.error(errors[0])
    elif errors:
        out.error(f"{len(errors)} errors occurred:", trailer="\n".join(f"\t* {error}" for error in errors))
