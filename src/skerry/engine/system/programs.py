"""The programs that do part of the work, with version and package, for ``skerry info``."""

from __future__ import annotations

import os

from skerry.config.programs import find_program
from skerry.errors import SkerryError
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from skerry.config.settings import Settings


class Found:
    """Looks the programs up; the package database is asked once for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._conmon = _path(lambda: settings.conmon)
        self._runtime = _path(lambda: _runtime_path(settings))
        self._pasta = find_program("pasta", settings)
        self._dns = find_program("aardvark-dns", settings)
        self._packages = packages([self._conmon, self._runtime, self._pasta, self._dns])

    def conmon(self) -> dict[str, str]:
        return {
            "package": self._package(self._conmon), "path": self._conmon,
            "version": say(self._conmon, "--version").replace("\n", ", "),
        }  # fmt: skip

    def runtime(self) -> dict[str, str]:
        return {
            "name": self._settings.runtime.rpartition("/")[2], "package": self._package(self._runtime),
            "path": self._runtime, "version": say(self._runtime, "--version"),
        }  # fmt: skip

    def pasta(self) -> dict[str, str]:
        return {
            "executable": self._pasta, "package": self._package(self._pasta), "version": say(self._pasta, "--version"),
        }  # fmt: skip

    def network(self) -> dict[str, Any]:
        """Skerry sets networks up itself, in netavark's formats; names are answered by aardvark-dns."""
        import skerry

        dns = {}
        if self._dns:
            dns = {"version": say(self._dns, "--version"), "package": self._package(self._dns), "path": self._dns}
        return {"backend": "netavark", "version": f"skerry {skerry.__version__}", "package": "", "path": "", "dns": dns}

    def _package(self, path: str) -> str:
        return self._packages.get(path, "Unknown") if path else ""


def _path(find: Callable[[], str]) -> str:
    try:
        return find()
    except SkerryError:
        return ""  # `skerry doctor` says what to do about it


def _runtime_path(settings: Settings) -> str:
    from skerry.runtime.oci import find

    return find(settings).program


def say(path: str, *words: str) -> str:
    """What a program says, without the last newline."""
    if not path:
        return ""
    try:
        done = run([path, *words], timeout_s=5)
    except SkerryError:
        return ""
    return (done.stdout or done.stderr).decode("utf-8", "replace").strip()


def packages(paths: list[str]) -> dict[str, str]:
    """Path → ``name_version_architecture`` of the Debian package that it came from, or rpm's name."""
    wanted = [path for path in dict.fromkeys(paths) if path]
    if os.path.exists("/usr/bin/dpkg-query"):
        return _debian(wanted)
    if os.path.exists("/usr/bin/rpm"):
        return {path: say("/usr/bin/rpm", "-qf", path) for path in wanted}
    return {}


def _debian(paths: list[str]) -> dict[str, str]:
    owners = {}
    for line in say("/usr/bin/dpkg-query", "--search", *paths).splitlines():
        package, _, path = line.rpartition(": ")
        if path in paths and " " not in package:
            owners[path] = package.partition(":")[0]
    if not owners:
        return {}
    shown = say(
        "/usr/bin/dpkg-query", "--show", "--showformat=${Package} ${Package}_${Version}_${Architecture}\\n",
        *sorted(set(owners.values())),
    )  # fmt: skip
    names = dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)
    return {path: names.get(package, "Unknown") for path, package in owners.items()}
