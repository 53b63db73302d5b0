"""The programs that Skerry starts, with their versions."""

from __future__ import annotations

from skerry.engine.doctor.report import FAIL, OK, WARN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "programs"
# program, Debian package, what stops working, whether the main job needs it
HELPERS = (
    ("aardvark-dns", "aardvark-dns", "containers do not find each other by name", False),
    ("catatonit", "catatonit", "--init does not work", False),
    ("mmdebstrap", "mmdebstrap", "'image bootstrap debian' does not work", False),
)


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area."""
    yield _runtime(host, settings)
    yield _one(host, settings, "conmon", "conmon", "no container runs", needed=True, version=True)
    for name, package, lost, needed in HELPERS:
        yield _one(host, settings, name, package, lost, needed=needed)
    if settings.rootless:
        yield _one(host, settings, "pasta", "passt", "containers have no network and no ports", needed=True)
        for name in ("newuidmap", "newgidmap"):
            yield _one(host, settings, name, "uidmap", "containers have one user only", needed=False)
    else:
        lost = "networks and published ports do not work"
        yield _one(host, settings, "nft", "nftables", lost, needed=True)
        yield _one(host, settings, "pasta", "passt", "unprivileged users' containers have no network", needed=False)


def _runtime(host: Host, settings: Settings) -> Finding:
    name = settings.runtime
    for candidate in settings.runtimes.get(name, [name]):
        if path := host.find(candidate, settings):
            return Finding(AREA, "runtime", OK, f"{_version(host, path) or name} ({path})")
    return Finding(
        AREA,
        "runtime",
        FAIL,
        f"{name} is not installed",
        "no container runs",
        f"apt-get install {name.rpartition('/')[2]}",
    )


def _one(
    host: Host, settings: Settings, name: str, package: str, lost: str, *, needed: bool, version: bool = False
) -> Finding:
    path = host.find(name, settings)
    if not path:
        return Finding(AREA, name, FAIL if needed else WARN, "not installed", lost, f"apt-get install {package}")
    return Finding(AREA, name, OK, f"{_version(host, path)} ({path})" if version else path)


def _version(host: Host, path: str) -> str:
    code, said = host.output([path, "--version"])
    return said.splitlines()[0] if code == 0 and said else ""
