"""Debian and Ubuntu releases as one layer: mmdebstrap fetches and verifies, and what differs from run to run goes.

mmdebstrap (with apt) checks the archive's signature; on the same distribution it is given the host's own sources,
so that configured mirrors and proxies work. Its tar is rewritten: sorted, without logs, caches and the machine's id.
"""

from __future__ import annotations

import os
import stat
import tarfile

from skerry.errors import Invalid, Unavailable
from skerry.linux.spawn import run, spawn
from skerry.store.layers import add_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.engine import Engine
    from skerry.engine.images.bootstrap import Base
    from skerry.store.types import LayerRecord

_DEBIAN = {
    "10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky", "sid": "sid",
    "unstable": "sid", "stable": "stable", "testing": "testing", "latest": "trixie", "": "trixie",
}  # fmt: skip
_UBUNTU = {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "latest": "noble", "": "noble"}
_KEYRINGS = {
    "debian": ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    "ubuntu": ("/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring"),
}
_DROPPED = (
    "dev/", "proc/", "sys/", "run/", "tmp/", "var/tmp/", "var/log/", "var/cache/apt/", "var/lib/apt/lists/",
    "var/cache/debconf/", "var/cache/man/", "var/cache/fontconfig/",
)  # fmt: skip
_DROPPED_FILES = {
    "var/cache/ldconfig/aux-cache", "var/lib/systemd/random-seed", "var/lib/dbus/machine-id", "etc/hostname",
    "etc/resolv.conf", "var/lib/systemd/catalog/database", "etc/.pwd.lock", "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend", "var/lib/dpkg/triggers/Lock",
}  # fmt: skip


def release(distribution: str) -> tuple[str, list[str]]:
    """The suite that ``bookworm``, ``debian:12``, ``ubuntu``… means, and the names that its image gets. `Invalid`."""
    name, _, version = distribution.partition(":")
    for system, versions in (("debian", _DEBIAN), ("ubuntu", _UBUNTU)):
        if name == system and (version in versions or version in versions.values()):
            suite = versions.get(version, version)
            return suite, list(
                dict.fromkeys([f"localhost/{system}:{suite}", f"localhost/{system}:{version or 'latest'}"])
            )
        if not version and name in versions.values():
            return name, [f"localhost/{system}:{name}"]
    raise Invalid(
        f"unknown distribution {distribution!r}", hint="busybox, or a release such as bookworm, debian:13 or noble"
    )


def debian_layer(engine: Engine, suite: str, base: Base, report: Callable[[str], None]) -> tuple[LayerRecord, str]:
    """The layer, and its architecture in Debian's words."""
    for package in base.include:
        if not package.replace("+", "").replace("-", "").replace(".", "").replace(":", "").isalnum():
            raise Invalid(f"{package!r} is no name of a package")
    architecture = base.architecture or _native()
    with engine.store.staging() as staging:
        raw = staging.path + "/raw.tar"
        _mmdebstrap(suite, architecture, base, raw, staging.path, report)
        report("Making the layer")
        clean = staging.path + "/clean.tar"
        rewrite(raw, clean)
        os.unlink(raw)
        with open(clean, "rb") as stream:
            return add_layer(engine.store, None, stream), architecture


def _native() -> str:
    from skerry.engine.images.bootstrap import MACHINES

    result = run(["dpkg", "--print-architecture"])
    if not result.code:
        return result.stdout.decode().strip()
    machine = os.uname().machine
    return MACHINES.get(machine, machine)


def _mmdebstrap(
    suite: str, architecture: str, base: Base, target: str, tmpdir: str, report: Callable[[str], None]
) -> None:
    system = "ubuntu" if suite in _UBUNTU.values() else "debian"
    keyring = _keyring(system)
    argv = [
        "mmdebstrap", "--mode=root", "--format=tar", f"--variant={base.variant}", f"--architectures={architecture}",
        f"--keyring={keyring}", "--aptopt=Acquire::Languages \"none\"",
        *([f"--include={','.join(base.include)}"] if base.include else []),
        suite, target, *sources(system, suite),
    ]  # fmt: skip
    _readable(tmpdir)
    report(f"Fetching {suite} ({base.variant}{', ' + ', '.join(base.include) if base.include else ''})")
    _follow(argv, _environment(tmpdir), report)


def fetch_packages(packages: tuple[str, ...], architecture: str, folder: str) -> str:
    """A tar below ``folder`` of what is in packages of Debian's stable release, without their dependencies' scripts."""
    suite = _DEBIAN["latest"]
    target = folder + "/packages.tar"
    argv = [
        "mmdebstrap", "--mode=root", "--format=tar", "--variant=extract", f"--architectures={architecture}",
        f"--keyring={_keyring('debian')}", '--aptopt=Acquire::Languages "none"', f"--include={','.join(packages)}",
        suite, target, *sources("debian", suite),
    ]  # fmt: skip
    _readable(folder)
    _follow(argv, _environment(folder), lambda _text: None)
    return target


def _keyring(system: str) -> str:
    keyring, package = _KEYRINGS[system]
    if not os.path.exists(keyring):
        raise Unavailable(f"no keys to verify {system}'s archive with", hint=f"apt-get install {package}")
    return keyring


def _environment(tmpdir: str) -> dict[str, str]:
    from skerry.engine.images.bootstrap import EPOCH

    env = {
        **{key: value for key, value in os.environ.items() if key.endswith("_proxy") or key in ("PATH", "HOME")},
        "SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": tmpdir, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive",
    }  # fmt: skip
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    return env


def _readable(tmpdir: str) -> None:
    """Let apt's own user read below the folder."""
    os.chmod(tmpdir, 0o711)
    parent = os.path.dirname(tmpdir)
    if stat.S_IMODE(os.stat(parent).st_mode) == 0o700:
        os.chmod(parent, 0o711)


def _follow(argv: list[str], env: dict[str, str], report: Callable[[str], None]) -> None:
    """Run mmdebstrap and report its steps; its last words are the error's."""
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            pid = spawn(argv, env=env, stdin=null, stdout=writer, stderr=writer)
        except Unavailable as error:
            raise Unavailable(error.message, hint="apt-get install mmdebstrap") from None
        finally:
            os.close(writer)
        last: list[str] = []
        with open(reader, encoding="utf-8", errors="replace", closefd=False) as lines:
            for line in lines:
                text = line.strip()
                last = [*last[-4:], text]
                if text.startswith("I: ") and not text.endswith("..."):
                    continue
                if text.startswith("I: "):
                    report(text[3:])
        if os.waitpid(pid, 0)[1]:
            wrong = [text for text in last if text.startswith("E: ")] or last[-1:]
            raise Unavailable("mmdebstrap failed: " + "; ".join(text.removeprefix("E: ") for text in wrong))
    finally:
        os.close(reader)
        os.close(null)


def sources(system: str, suite: str) -> list[str]:
    """What mmdebstrap is given as its mirrors: the host's, if they are of this release; else its own default."""
    found = []
    if _host_suite() == (system, suite):
        folder = "/etc/apt/sources.list.d"
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for path in ("/etc/apt/sources.list", *(f"{folder}/{name}" for name in names)):
            if path.endswith((".list", ".sources")) and _only_from(path, suite):
                found.append(path)
    return found


def _only_from(path: str, suite: str) -> bool:
    """Whether a file of sources is of this suite (or its updates) alone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split("#")[0].strip() for line in file]
    except OSError:
        return False
    suites: list[str] = []
    for line in lines:
        if path.endswith(".list"):
            words = [word for word in line.split("]")[-1].split() if word not in ("deb", "deb-src")]
            suites += words[1:2]
        elif line.lower().startswith("suites:"):
            suites += line.partition(":")[2].split()
    return bool(suites) and all(name == suite or name.startswith(suite + "-") for name in suites)


def _host_suite() -> tuple[str, str]:
    found = {}
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                found[key] = value.strip('"')
    except OSError:
        pass  # no such host has sources of its own either
    return found.get("ID", ""), found.get("VERSION_CODENAME", "")


def rewrite(source: str, target: str) -> None:
    """The same tree as a tar that depends on the packages alone. Timestamps end with the newest of a package's."""
    with tarfile.open(source) as tar:
        members = [member for member in tar if _kept(member)]
        newest = max((int(member.mtime) for member in members if "/changelog" in member.name), default=0)
        members.sort(key=lambda member: (member.islnk(), _plain(member.name)))
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
            for member in members:
                content = tar.extractfile(member) if member.isreg() else None
                name = _plain(member.name)
                if name in ("etc/machine-id",):
                    member.size, content = 0, None
                member.name = name
                if member.islnk():
                    member.linkname = _plain(member.linkname)
                member.mtime = min(int(member.mtime), newest) if newest else int(member.mtime)
                member.pax_headers = {
                    key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY.xattr.")
                }
                out.addfile(member, content)


def _plain(name: str) -> str:
    return name.removeprefix("./").rstrip("/") if name not in (".", "./") else "."


def _kept(member: tarfile.TarInfo) -> bool:
    name = _plain(member.name)
    if name in _DROPPED_FILES or member.ischr() or member.isblk():
        return False
    if name.startswith(("run/", "var/log/", "var/cache/apt/", "var/cache/debconf/")) and member.isdir():
        return True  # programs write into folders that their package made
    return not name.startswith(_DROPPED)
