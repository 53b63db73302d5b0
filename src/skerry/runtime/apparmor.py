"""The AppArmor profile of containers, on kernels that have AppArmor; nowhere else is this module's work more than a look.

Podman's or Docker's default counts when it is loaded; otherwise ours is loaded once per boot (root only: profiles are
the host's).
"""

from __future__ import annotations

import os

from skerry.errors import Denied, Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROFILE = "skerry-default"
_LOADED = "/sys/kernel/security/apparmor/profiles"
_DEFAULTS = ("containers-default", PROFILE, "docker-default")

# What the capabilities of a container's root could otherwise do to the host's kernel: mounts, and writes to the parts
# of /proc and /sys that know no namespaces. Signals and ptrace stay among containers.
_TEXT = """
profile %(name)s flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  signal (receive) peer=unconfined,
  signal (receive) peer={,/usr/bin/,/usr/sbin/,/usr/local/bin/,/usr/local/sbin/}{crun,runc,runsc,youki},
  signal (send, receive) peer=%(name)s,
  ptrace (trace, read, tracedby, readby) peer=%(name)s,
  deny mount,
  deny /proc/{kcore,kmsg,mem,sysrq-trigger} rwklx,
  deny /proc/sys/{abi,debug,dev,user,vm}/** w,
  deny /proc/sys/fs/[^m]** w,
  deny /proc/sys/kernel/[^dhms]** w,
  deny /proc/sys/kernel/{modprobe,modules_disabled,hotplug,hung_*,softlockup_*,soft_*,hardlockup_*,sched_*,stack_*,sysrq} w,
  deny /sys/{block,bus,class,dev,devices,hypervisor,module,power}/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/kernel/** wklx,
  deny /sys/kernel/security/** rwklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
}
"""


def enabled() -> bool:
    """Whether the kernel enforces AppArmor profiles."""
    try:
        with open("/sys/module/apparmor/parameters/enabled", "rb") as file:
            return file.read(1) == b"Y"
    except OSError:
        return False


def profile(wanted: str, *, rootless: bool) -> str:
    """The profile for a container that asked for ``wanted`` ("" the default, "unconfined"); empty for none.

    `Denied` when a named one is not loaded."""
    if wanted == "unconfined" or not enabled():
        return ""
    loaded = _names()
    if wanted:
        if loaded is not None and wanted not in loaded:
            raise Denied(f'AppArmor profile "{wanted}" specified but not loaded', hint="apparmor_parser -r FILE")
        return wanted
    if rootless or loaded is None:
        return ""  # users cannot load profiles, nor see which there are
    return _default(loaded) or (PROFILE if _load() else "")


def shown(wanted: str, *, privileged: bool, rootless: bool) -> str:
    """What inspect says: the profile that `profile` gives or would give. Loads nothing."""
    if wanted or privileged or rootless or not enabled():
        return wanted
    return _default(_names() or ()) or PROFILE


def _default(loaded: Sequence[str]) -> str:
    return next((name for prefix in _DEFAULTS for name in loaded if name.startswith(prefix)), "")


def _names() -> list[str] | None:
    try:
        with open(_LOADED, encoding="utf-8", errors="replace") as file:
            return [line.rpartition(" (")[0] for line in file]
    except OSError:
        return None


def _load() -> bool:
    for path in ("/usr/sbin/apparmor_parser", "/sbin/apparmor_parser", "/usr/bin/apparmor_parser"):
        if os.access(path, os.X_OK):
            try:
                return run([path, "-Kr"], input=(_TEXT % {"name": PROFILE}).encode(), timeout_s=30).code == 0
            except Unavailable:
                return False
    return False  # without the parser there is no way in; Podman runs unconfined then as well
