"""Facts about this host for ``skerry info``, each from the file in which the kernel or the distribution says it."""

from __future__ import annotations

import os

from skerry.linux.process import has_selinux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings

_ARCHITECTURES = {
    "x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386", "i386": "386",
}  # fmt: skip


def architecture(machine: str) -> str:
    """Go's name of a machine."""
    return _ARCHITECTURES.get(machine, machine)


def read(path: str) -> str:
    """A file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def memory() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    found = {}
    for line in read("/proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return found


def cpu_utilization() -> dict[str, float]:
    """Percentages since the machine started."""
    words = read("/proc/stat").partition("\n")[0].split()[1:]
    ticks = [int(word) for word in words] or [0, 0, 0, 1]
    user, system, idle = ticks[0], ticks[2], ticks[3]
    total = (user + system + idle) or 1
    return {
        "userPercent": round(user * 100 / total, 2),
        "systemPercent": round(system * 100 / total, 2),
        "idlePercent": round(idle * 100 / total, 2),
    }


def uptime() -> str:
    """``1h 23m 36.00s (Approximately 0.04 days)``, as Podman writes it."""
    seconds = float((read("/proc/uptime").split() or ["0"])[0])
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{hours}h {minutes}m {left:.2f}s"
    return f"{text} (Approximately {seconds / 86400:.2f} days)" if hours else text


def distribution() -> dict[str, str]:
    """/etc/os-release."""
    values = {}
    for line in (read("/etc/os-release") or read("/usr/lib/os-release")).splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key] = value.strip().strip("\"'")
    found = {"distribution": values.get("ID", "unknown"), "version": values.get("VERSION_ID", "unknown")}
    for key, name in (("variant", "VARIANT_ID"), ("codename", "VERSION_CODENAME")):
        if values.get(name):
            found[key] = values[name]
    return found


def cgroups(settings: Settings) -> tuple[str, list[str]]:
    """(``v1`` or ``v2``, the controllers that can be used)."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        from skerry.linux.cgroup import own_paths

        own = own_paths().get("", "/")
        text = "" if settings.rootless else read("/sys/fs/cgroup/cgroup.controllers")
        if settings.rootless and settings.cgroup_manager == "systemd":
            uid = settings.uid  # containers stand below the user's own systemd, whatever session this is
            text = read(f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers")
        return "v2", (text or read(f"/sys/fs/cgroup{own}/cgroup.controllers")).split()
    lines = [line.split() for line in read("/proc/cgroups").splitlines() if not line.startswith("#")]
    mounted = {word for line in read("/proc/self/cgroup").splitlines() for word in line.split(":")[1].split(",")}
    return "v1", [words[0] for words in lines if words[3] == "1" and words[0] in mounted]


def id_mappings(settings: Settings) -> dict[str, Any]:
    """The user namespace that rootless containers live in; nothing for root."""
    if not settings.rootless:
        return {"gidmap": None, "uidmap": None}
    return {"gidmap": _map("/proc/self/gid_map"), "uidmap": _map("/proc/self/uid_map")}


def _map(path: str) -> list[dict[str, int]]:
    rows = [[int(word) for word in line.split()] for line in read(path).splitlines()]
    return [{"container_id": inside, "host_id": outside, "size": size} for inside, outside, size in rows]


def security(settings: Settings) -> dict[str, Any]:
    """What confines containers here."""
    from skerry.runtime.security import DEFAULT_CAPS, merge_capabilities

    actions = read("/proc/sys/kernel/seccomp/actions_avail")
    caps = merge_capabilities(settings.default_caps or DEFAULT_CAPS, (), ())
    return {
        "apparmorEnabled": read("/sys/module/apparmor/parameters/enabled").strip() == "Y" and not settings.rootless,
        "capabilities": ",".join(caps),
        "rootless": settings.rootless,
        "seccompEnabled": bool(actions),
        "seccompProfilePath": settings.seccomp_profile,
        "selinuxEnabled": has_selinux(),
    }


def storage_conf(settings: Settings) -> str:
    """The storage.conf that counts for this user; where it would be when there is none."""
    places = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"]
    if settings.rootless:
        places.insert(0, settings.config_dir + "/storage.conf")
    return next((path for path in places if os.path.exists(path)), places[0])


def file_system(path: str) -> str:
    """The type of the file system that ``path`` is on, in Podman's words (``extfs`` for ext2 to ext4)."""
    path = os.path.realpath(path)
    best, kind = "", "unknown"
    for line in read("/proc/self/mountinfo").splitlines():
        words = line.split()
        point = words[4].replace("\\040", " ")
        if len(point) >= len(best) and (path + "/").startswith(point.rstrip("/") + "/"):
            best, kind = point, words[words.index("-") + 1]
    return {"ext2": "extfs", "ext3": "extfs", "ext4": "extfs", "overlay": "overlayfs"}.get(kind, kind)
