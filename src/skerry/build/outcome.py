"""What a build gives back."""

from __future__ import annotations

from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.events import Warned
    from skerry.build.shared_cache import StageCache


@dataclass(frozen=True, slots=True)
class Solved:
    """One platform's result before it is an image: layers (chain ids), the image's config document."""

    platform: str
    layers: tuple[str, ...]
    document: dict[str, Any]
    base_name: str = ""
    base_digest: str = ""
    base_layers: int = 0
    same_as: str = ""  # the id of the image that it is already: FROM alone
    place: str = ""  # of its stage among all, as a step has it


@dataclass(slots=True)
class BuildResult:
    """``image_id`` and ``digest`` of the (first platform's) image; "" when the output was no image."""

    image_id: str = ""
    digest: str = ""
    names: list[str] = field(default_factory=list)
    solved: list[Solved] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)  # platform → id
    stages: list[StageCache] = field(default_factory=list)
    cache_mounts: set[str] = field(default_factory=set)
    steps: int = 0
    cached: int = 0
