"""What the kernel must have: overlay, namespaces, seccomp, links, the firewall. Tried where trying harms nothing."""

from __future__ import annotations

import os
import signal

from skerry.engine.doctor.report import FAIL, OK, WARN, Finding
from skerry.linux import mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "kernel"
_CLONE_NEWUSER = namespaces.CLONE_NEWUSER


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area."""
    yield _version(host)
    yield _overlay(host)
    yield _user_namespaces(host, settings)
    yield _seccomp(host)
    yield _pidfd()
    yield _confinement(host)


def _version(host: Host) -> Finding:
    release = os.uname().release
    if host.kernel < (5, 11):
        return Finding(
            AREA, "kernel", WARN, f"{release} is older than 5.11", "unprivileged users have no overlay of their own",
            "boot a newer kernel",
        )  # fmt: skip
    return Finding(AREA, "kernel", OK, f"{release} ({os.uname().machine})")


def _overlay(host: Host) -> Finding:
    if os.geteuid() == 0 and not host.top:
        try:
            os.close(mount.fsopen("overlay"))  # loads the module too
            return Finding(AREA, "overlay", OK, "available, with the new mount API")
        except OSError:
            pass  # an old kernel, or no overlay: the list tells
    if "overlay" in host.read("/proc/filesystems").split():
        return Finding(AREA, "overlay", OK, "available")
    if host.read(f"/lib/modules/{os.uname().release}/modules.dep").find("/overlay.ko") >= 0:
        return Finding(AREA, "overlay", OK, "a module, loaded by its first use")
    return Finding(
        AREA, "overlay", FAIL, "the kernel has no overlay file system", "no container runs", "modprobe overlay"
    )


def _user_namespaces(host: Host, settings: Settings) -> Finding:
    # A user's containers live in one; root's only with --userns.
    bad = FAIL if settings.rootless else WARN
    lost = "no container of an unprivileged user runs"
    for path, closed, remedy in (
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    ):
        if host.read(path) == closed:
            return Finding(AREA, "user namespaces", bad, f"switched off by {path}", lost, remedy)
    if not host.exists("/proc/self/ns/user"):
        return Finding(AREA, "user namespaces", bad, "not in this kernel", lost, "boot another kernel")
    if settings.rootless and not host.top and (problem := host.attempt(lambda: namespaces.unshare(_CLONE_NEWUSER))):
        return Finding(
            AREA, "user namespaces", FAIL, f"refused: {problem}", lost,
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )  # fmt: skip
    return Finding(AREA, "user namespaces", OK, "available")


def _seccomp(host: Host) -> Finding:
    if "errno" in host.read("/proc/sys/kernel/seccomp/actions_avail").split():
        return Finding(AREA, "seccomp", OK, "available")
    return Finding(
        AREA, "seccomp", WARN, "the kernel has no seccomp filters", "containers need --security-opt seccomp=unconfined",
        "boot a kernel with CONFIG_SECCOMP_FILTER",
    )  # fmt: skip


def _pidfd() -> Finding:
    try:
        os.close(os.pidfd_open(os.getpid()))
        signal.pidfd_send_signal  # noqa: B018 - whether Python knows it
    except OSError as error:
        return Finding(
            AREA,
            "pidfd",
            WARN,
            f"not available ({error.strerror})",
            "signals may reach a reused process id",
            "boot Linux 5.3 or later",
        )
    return Finding(AREA, "pidfd", OK, "available")


def _confinement(host: Host) -> Finding:
    if host.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return Finding(
            AREA, "AppArmor", WARN, "restricts user namespaces of unconfined programs",
            "unprivileged users' containers may be refused", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )  # fmt: skip
    on = host.read("/sys/module/apparmor/parameters/enabled") == "Y"
    selinux = (
        host.exists("/sys/fs/selinux/enforce") and host.read("/proc/self/attr/current").rstrip(" \n\0") != "kernel"
    )
    return Finding(
        AREA, "confinement", OK, "AppArmor" if on else "SELinux" if selinux else "neither AppArmor nor SELinux here"
    )
