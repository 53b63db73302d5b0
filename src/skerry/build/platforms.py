"""Platforms of builds: this machine's, and whether it can run another's programs."""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.options import BuildOptions

_MACHINES = {
    "x86_64": "linux/amd64", "aarch64": "linux/arm64", "armv7l": "linux/arm/v7", "armv6l": "linux/arm/v6",
    "i686": "linux/386", "ppc64le": "linux/ppc64le", "s390x": "linux/s390x", "riscv64": "linux/riscv64",
    "loongarch64": "linux/loong64",
}  # fmt: skip
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm/v5", "i386": "386"}
_QEMU = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "loong64": "loongarch64"}
# What a processor runs besides its own.
_ALSO = {"linux/amd64": ("linux/386",), "linux/arm64": ("linux/arm/v8",)}


def host() -> str:
    """This machine's platform."""
    machine = os.uname().machine
    return _MACHINES.get(machine, f"linux/{machine}")


def target_of(options: BuildOptions) -> str:
    """The first platform that is asked for, or this machine's."""
    return normalise(options.platforms[0]) if options.platforms else host()


def normalise(text: str) -> str:
    """``OS/ARCH[/VARIANT]``, an architecture alone, or "local"; "/" is this machine's too. `Invalid`."""
    if text in ("", "local"):
        return host()
    parts = text.lower().split("/")
    if len(parts) == 1 and parts[0] != "linux":
        parts = ["linux", *parts]
    if len(parts) == 1 or not any(parts):
        return host()
    if len(parts) == 2:  # as Podman: what is left out is this machine's
        parts = [given or mine for given, mine in zip(parts, host().split("/"), strict=False)]
    if len(parts) > 3 or not all(parts):
        raise Invalid(f'invalid platform syntax for "{text}" (use OS[/ARCH[/VARIANT]])')
    parts[1:2] = _ALIASES.get(parts[1], parts[1]).split("/")
    if parts[1:] == ["arm64", "v8"]:
        parts.pop()
    if parts == ["linux", "arm"]:
        parts.append("v7")  # as containerd, and so Podman and BuildKit
    return "/".join(parts[:3])


def require_runnable(platform: str) -> None:
    """`Unsupported` when this machine cannot run programs of ``platform``."""
    mine = host()
    if platform == mine or platform in _ALSO.get(mine, ()) or platform.split("/")[:2] == mine.split("/")[:2]:
        return
    system, architecture = platform.split("/")[:2]
    if system == "linux" and _has_emulator(architecture):
        return
    raise Unsupported(
        f"exec format error: programs for {platform} cannot be run on this machine ({mine})",
        hint="apt-get install qemu-user-static binfmt-support, or build only with COPY and without RUN",
    )


def buildable() -> list[str]:
    """The platforms whose programs this machine can run, its own first."""
    mine = host()
    emulated = [name for name in _MACHINES.values() if name != mine and _has_emulator(name.split("/")[1])]
    return [mine, *_ALSO.get(mine, ()), *(name for name in emulated if name not in _ALSO.get(mine, ()))]


def _has_emulator(architecture: str) -> bool:
    folder = "/proc/sys/fs/binfmt_misc"
    try:
        with open(f"{folder}/qemu-{_QEMU.get(architecture, architecture)}", encoding="ascii") as file:
            return "enabled" in file.read()
    except OSError:
        return False
