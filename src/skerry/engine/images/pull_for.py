"""The image of a new container that is not here, or that may be newer elsewhere. Off the everyday path."""

from __future__ import annotations

from skerry.engine.images.pull import Pull, pull
from skerry.engine.images.transfer import Transfer, limits, platform_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord


def image_for(engine: Engine, options: ContainerRequest) -> ImageRecord:
    """The image that ``options`` ask for, pulled if their policy says so."""
    platform = {
        "platform": options.get("platform", ""),
        "os": options.get("os", ""),
        "arch": options.get("arch", ""),
        "variant": options.get("variant", ""),
    }
    transfer = Transfer(
        authfile=options.get("authfile", ""),
        cert_dir=options.get("cert_dir", ""),
        signature_policy=options.get("signature_policy", ""),
        creds=options.get("creds", ""),
        tls_verify=options.get("tls_verify"),
        limits=limits(options.get("retry", 3), options.get("retry_delay", "")),
    )
    policy = options.get("pull", "missing")
    wanted = Pull(
        platform=platform_of(**platform) if any(platform.values()) else None,
        policy="missing" if policy == "ifnotpresent" else policy,
        transfer=transfer,
        report=options["report"]() if "report" in options else None,
        choose=options["choose"]() if "choose" in options else None,
    )
    return pull(engine, options["image"], wanted)
