"""Configuration files: readable, well-formed."""

from __future__ import annotations

from skerry.config.toml import read
from skerry.engine.doctor.report import FAIL, OK, WARN, Finding
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "configuration"


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area. A broken containers.conf has stopped the command before it came here."""
    yield Finding(AREA, "containers.conf", OK, "readable")
    yield _registries(host, settings)
    yield _seccomp_profile(settings)


def _registries(host: Host, settings: Settings) -> Finding:
    own = f"{settings.home}/.config/containers/registries.conf"
    path = own if settings.rootless and host.exists(own) else "/etc/containers/registries.conf"
    if not host.exists(path):
        return Finding(AREA, "registries.conf", OK, "none: names without a registry mean docker.io")
    try:
        read(host.top + path)
    except SkerryError as error:
        return Finding(AREA, "registries.conf", WARN, str(error), "images cannot be pulled", f"mend {path}")
    return Finding(AREA, "registries.conf", OK, path)


def _seccomp_profile(settings: Settings) -> Finding:
    from skerry.runtime.seccomp import default_path, read_profile

    path = default_path(settings.seccomp_profile)
    if path == "unconfined":
        return Finding(AREA, "seccomp profile", OK, "unconfined, as configured")
    try:
        if not path:
            raise FileNotFoundError
        read_profile(path)
    except FileNotFoundError:
        return Finding(
            AREA, "seccomp profile", WARN, "none is installed", "containers may make every system call",
            "apt-get install golang-github-containers-common",
        )  # fmt: skip
    except SkerryError as error:
        return Finding(AREA, "seccomp profile", FAIL, str(error), "no container runs", f"mend {path}")
    return Finding(AREA, "seccomp profile", OK, path)
