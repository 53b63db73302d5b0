"""What one container is, as far as a runtime is concerned: the shape that the engine stores and `spec` reads.

Types only: imported under TYPE_CHECKING, so that everyday commands pay nothing for ``typing``.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class MountConfig(TypedDict, total=False):
    """One mount inside the container. ``options`` are mount(8) words (ro, rbind, rprivate, nosuid, size=…)."""

    type: str  # bind, volume, image, tmpfs, devpts, mqueue, …; "volume" is a bind whose source is the volume's folder
    source: str
    destination: str
    options: list[str]
    name: str  # the volume's name, for type volume
    anonymous: bool  # a volume without a given name: removed with the container by --rm and rm -v
    copy_up: bool  # fill an empty volume from the image's folder at its first use
    subpath: str  # only this folder of the volume or the image
    driver_options: dict[str, str]  # for a volume that has yet to be made
    must_exist: bool  # the volume is not made: nocreate
    image_id: str  # for type image, with its layers: the image that the name meant at creation
    layers: list[str]


class ThrottleDevice(TypedDict):
    path: str
    rate: int


class Resources(TypedDict, total=False):
    """Limits; absent means unlimited. Sizes in bytes."""

    memory: int
    memory_reservation: int
    memory_swap: int  # memory + swap; -1 unlimited
    memory_swappiness: int
    oom_kill_disable: bool
    cpu_shares: int
    cpu_period: int
    cpu_quota: int
    cpu_rt_period: int
    cpu_rt_runtime: int
    cpuset_cpus: str
    cpuset_mems: str
    pids_limit: int  # 0: unset by the user, -1: unlimited
    blkio_weight: int
    blkio_weight_device: list[tuple[str, int]]
    device_read_bps: list[ThrottleDevice]
    device_write_bps: list[ThrottleDevice]
    device_read_iops: list[ThrottleDevice]
    device_write_iops: list[ThrottleDevice]
    cgroup_conf: dict[str, str]  # cgroup v2 "unified"


class Namespaces(TypedDict, total=False):
    """For each kind: "private", "host", "container:ID" or "ns:PATH". net also: "bridge", "none", "pasta"."""

    pid: str
    ipc: str  # also "shareable", "none"
    uts: str
    cgroup: str
    user: str
    net: str


class IDMap(TypedDict):
    containerID: int
    hostID: int
    size: int


class Healthcheck(TypedDict, total=False):
    test: list[str]  # Docker's: ["CMD", …], ["CMD-SHELL", text] or ["NONE"]
    interval_ns: int  # 0: never by itself
    timeout_ns: int
    start_period_ns: int
    retries: int
    successes: int  # of a startup check: that many in a row, 0 is 1


class ContainerConfig(TypedDict, total=False):
    """Everything that was decided when the container was created."""

    id: str  # 64 hex digits
    name: str
    hostname: str
    args: list[str]  # entrypoint + command, what is executed
    env: list[str]  # KEY=value, final
    cwd: str
    user: str  # as given: "", "name", "uid:gid", …; resolved against the container's /etc/passwd at start
    groups: list[str]
    umask: str
    terminal: bool
    stdin_open: bool
    cap_add: list[str]
    cap_drop: list[str]
    caps_only: list[str]  # of those that it would have, the ones that a label names
    privileged: bool
    read_only: bool
    read_only_tmpfs: bool
    no_new_privileges: bool
    seccomp: str  # "" the default profile, "unconfined", or a file's path
    apparmor: str  # "" default, "unconfined", or a profile's name
    label_opts: list[str]  # SELinux: disable, type:…, level:…
    mask: list[str]
    unmask: list[str]  # paths, or ["ALL"]
    mounts: list[MountConfig]
    devices: list[str]  # HOST[:CONTAINER[:rwm]]
    device_cgroup_rules: list[str]
    resources: Resources
    ulimits: list[str]  # NAME=SOFT:HARD
    sysctls: dict[str, str]
    oom_score_adj: int
    annotations: dict[str, str]
    labels: dict[str, str]
    namespaces: Namespaces
    uid_maps: list[IDMap]
    gid_maps: list[IDMap]
    cgroup_parent: str
    cgroup_manager: str  # systemd or cgroupfs, when it was created
    cgroups: Literal["enabled", "disabled", "no-conmon", "split"]
    init: bool
    init_path: str
    shm_size: int
    stop_signal: int
    stop_timeout_s: int
    timeout_s: int
    log_driver: str
    log_path: str
    log_tag: str
    log_rotate: bool
    log_max_files: int
    log_labels: dict[str, str]  # fields of the journal
    log_size_max: int
    tz: str
    systemd: bool
    personality: str
    unset_env: list[str]  # --unsetenv: which of the defaults it does not have; "*": none of them
    rootfs: str  # --rootfs PATH instead of an image
    rootfs_lower: str  # --rootfs PATH:HOW: what the container's root file system is made of
    rootfs_how: str  # O, idmap or idmap=…
    runtime: str  # name or path
    runtime_flags: list[str]  # of --runtime-flag when it was created
    preserve_fds: int
    preserve_fd: list[int]
    chroot_dirs: list[str]
    rdt_class: str
    shm_size_systemd: int
    seccomp_profile: str  # the profile itself, from the image
    healthcheck: Healthcheck
    startup_healthcheck: Healthcheck  # until it succeeded the other does not run
    health_on_failure: str  # none, kill, restart, stop
    health_log_destination: str  # local, events_logger or a folder
    health_max_log_count: int  # 0: all
    health_max_log_size: int  # characters of a check's output; 0: all


class ResolvedUser(TypedDict):
    """Numeric ids, and what else /etc/passwd knows. ``name`` is empty for a number without an entry."""

    uid: int
    gid: int
    additional_gids: list[int]
    home: str
    name: str
    shell: str


RuntimeSpec = dict[str, Any]  # config.json, OCI runtime-spec 1.0
