"""Shapes of what builds keep, and of what a step asks for."""

from __future__ import annotations

from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NotRequired, TypedDict

    from skerry.engine.builds.root import WorkingRoot

    class StepRecord(TypedDict):
        """A step that was done once: whoever comes to the same key takes its layer."""

        key: str
        layer: str | None  # chain id; None: it changed nothing (and stands on no layer)
        identity: str  # which step of which Containerfile: to find what it was the last time
        inputs: dict[str, Any]  # what went into the key, to explain a miss; never a secret
        created_ns: int
        used_ns: int
        size: int  # of its layer, 0 without
        description: NotRequired[str]  # the beginning of its instruction

    class MountRecord(TypedDict):
        """A cache mount that stays between builds."""

        id: str
        created_ns: int
        used_ns: int
        size: int


@dataclass(frozen=True, slots=True)
class StepMount:
    """Something to mount while a step runs.

    ``type``: "bind" (``source`` is a folder or file out here: a context's, another stage's, a cache mount's),
    "tmpfs" (``size_bytes``), "secret" (a file with the bytes ``data``), "agent" (a socket that talks to the one at
    ``source``). ``uid``, ``gid``, ``mode``: of a secret or agent, as the step sees them. ``options``: more mount(8)
    words, of a bind also O (above it an overlay, whose changes go with the step), U (the step's user becomes its owner),
    z and Z (SELinux). ``ours``: a bind of what the build has, not of the host's, so that it has the image's ids; where it
    is in a working root, ``root``."""

    type: str
    target: str
    source: str = ""
    readonly: bool = False
    size_bytes: int = 0
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    mode: int = 0o400
    options: tuple[str, ...] = ()
    ours: bool = False
    root: WorkingRoot | None = None


@dataclass(slots=True)
class RunRequest:
    """A program to run in a working root, and with what. Texts as the command line has them."""

    argv: list[str]
    env: list[str] = field(default_factory=list)  # KEY=value, all that it sees
    cwd: str = "/"  # made if it is not there
    user: str = ""  # as USER has it
    mounts: list[StepMount] = field(default_factory=list)
    network: str = "default"  # default, none, host, private, a network's name, ns:PATH
    security: str = "sandbox"  # or "insecure"
    devices: list[str] = field(default_factory=list)  # HOST[:CONTAINER[:rwm]], or CDI names
    hosts: list[str] = field(default_factory=list)  # NAME:ADDRESS
    dns: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    no_hosts: bool = False
    no_hostname: bool = False  # /etc/hostname stays as it is
    hostname: str = ""
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    ulimits: list[str] = field(default_factory=list)  # NAME=SOFT:HARD
    resources: Mapping[str, Any] = field(default_factory=dict)  # memory, cpu_shares, …: runtime.types.Resources
    cgroup_parent: str = ""
    shm_size: int = 0
    seccomp: str = ""  # "" the default profile, "unconfined", a file
    apparmor: str = ""
    label_opts: list[str] = field(default_factory=list)
    no_new_privileges: bool = False
    mask: list[str] = field(default_factory=list)
    unmask: list[str] = field(default_factory=list)
    # pid, ipc, uts, cgroup, user: private, host, ns:PATH; user also auto[:…]
    namespaces: Mapping[str, str] = field(default_factory=dict)
    id_maps: Mapping[str, Any] = field(default_factory=dict)  # of the user namespace: uidmap, gidmap, subuidname, …
    groups: list[str] = field(default_factory=list)
    umask: str = ""
    runtime: str = ""
    runtime_flags: list[str] = field(default_factory=list)  # global ones, without dashes
    hooks_dirs: list[str] = field(default_factory=list)  # instead of the configured ones
    stdin: int | None = None  # a descriptor that it reads; None: nothing
    terminal: bool = False  # on the caller's terminal (0, 1, 2), for a shell; `output` is not called then
    output: Callable[[int, bytes], None] | None = None  # called in run's own thread with 1 or 2 and what was written
    cancelled: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One thing that builds keep. ``kind``: "step", "mount", "staging"."""

    id: str
    kind: str
    size: int
    created_ns: int
    used_ns: int
    in_use: bool  # by a build that runs
    shared: bool  # by an image too: removing it frees nothing
    reclaimable: bool
    description: str = ""
    parents: tuple[str, ...] = ()
    layer: str = ""  # of a step that changed files


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` removed and how many bytes that freed."""

    ids: list[str]
    freed_bytes: int
