"""Capabilities: their names and numbers, and which of them this process has."""

from __future__ import annotations

# capability.h, in order of their numbers.
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip

_masks: dict[str, int] = {}


def _mask(field: str) -> int:
    """One of the masks in /proc/self/status (CapInh, CapPrm, CapEff, CapBnd, CapAmb). They cost one read per process."""
    if not _masks:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Cap"):
                    name, _, value = line.partition(b":")
                    _masks[name.decode()] = int(value, 16)
    return _masks.get(field, 0)


def names_in(mask: int) -> list[str]:
    """The names of the bits of ``mask``, in order of their numbers; unknown bits are left out."""
    return [name for number, name in enumerate(NAMES) if mask >> number & 1]


def bounding_set() -> list[str]:
    """What this process and its children can have at most."""
    return names_in(_mask("CapBnd"))


def has(name: str) -> bool:
    """Whether ``name`` is in this process's effective set."""
    return bool(_mask("CapEff") >> NAMES.index(name) & 1)


def forget() -> None:
    """Read the masks again at the next question (after a user namespace was entered)."""
    _masks.clear()
