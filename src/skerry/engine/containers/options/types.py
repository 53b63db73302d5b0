"""What can be asked for when a container is created: Podman's flags, as typed values. Types only."""

from __future__ import annotations

from typing import Any, TypedDict


class CreateOptions(TypedDict, total=False):
    """Every key is optional. Strings are in the command line's notation."""

    name: str
    replace: bool
    rootfs: bool  # the image is a folder
    entrypoint: str  # a program, a JSON list, or "" to clear the image's
    env: list[str]  # KEY=value, KEY (from the caller's environment), PREFIX*
    env_file: list[str]
    env_host: bool
    env_merge: list[str]
    unsetenv: list[str]
    unsetenv_all: bool
    http_proxy: bool
    user: str
    workdir: str
    group_add: list[str]
    umask: str
    tz: str
    hostname: str
    label: list[str]
    label_file: list[str]
    annotation: list[str]
    interactive: bool
    tty: bool
    volume: list[str]
    mount: list[str]
    tmpfs: list[str]
    volumes_from: list[str]
    image_volume: str  # anonymous, tmpfs, ignore
    read_only: bool
    read_only_tmpfs: bool
    shm_size: str
    device: list[str]
    device_cgroup_rule: list[str]
    memory: str
    memory_reservation: str
    memory_swap: str
    memory_swappiness: int
    oom_kill_disable: bool
    oom_score_adj: int
    cpus: float
    cpu_shares: int
    cpu_period: int
    cpu_quota: int
    cpu_rt_period: int
    cpu_rt_runtime: int
    cpuset_cpus: str
    cpuset_mems: str
    pids_limit: int
    blkio_weight: int
    blkio_weight_device: list[str]
    device_read_bps: list[str]
    device_write_bps: list[str]
    device_read_iops: list[str]
    device_write_iops: list[str]
    cgroup_conf: list[str]
    cgroup_parent: str
    cgroups: str
    ulimit: list[str]
    sysctl: list[str]
    cap_add: list[str]
    cap_drop: list[str]
    privileged: bool
    security_opt: list[str]
    pid: str
    ipc: str
    uts: str
    cgroupns: str
    userns: str
    uidmap: list[str]
    gidmap: list[str]
    network: list[str]
    network_alias: list[str]
    ip: str
    ip6: str
    mac_address: str
    publish: list[str]
    publish_all: bool
    expose: list[str]
    dns: list[str]
    dns_search: list[str]
    dns_option: list[str]
    add_host: list[str]
    no_hosts: bool
    no_hostname: bool
    init: bool
    init_path: str
    stop_signal: str
    stop_timeout: int
    timeout: int
    restart: str
    rm: bool
    rmi: bool
    log_driver: str
    log_opt: list[str]
    cidfile: str
    pidfile: str
    conmon_pidfile: str
    personality: str
    systemd: str
    passwd: bool
    passwd_entry: str
    group_entry: str
    preserve_fds: int
    preserve_fd: list[str]
    attach: list[str]  # for Docker's scripts: nothing is attached to what is only created
    chrootdirs: list[str]
    gpus: list[str]
    hosts_file: str  # a file, "image" or "none"
    hostuser: list[str]
    link_local_ip: str
    rdt_class: str
    sdnotify: str  # container, conmon, healthy, ignore
    seccomp_policy: str  # default, image
    shm_size_systemd: str
    subuidname: str
    subgidname: str
    pull: str  # always, missing (the default), newer or never
    platform: str
    os: str
    arch: str
    variant: str
    authfile: str
    cert_dir: str
    signature_policy: str
    creds: str
    tls_verify: bool
    retry: int
    retry_delay: str
    report: Any  # makes the `Report` (engine/images/transfer.py) of a pull
    choose: Any  # makes what asks the user which of several names a short one means
    requires: list[str]
    secret: list[str]
    health_cmd: str
    health_interval: str
    health_timeout: str
    health_start_period: str
    health_retries: int
    health_on_failure: str
    health_startup_cmd: str
    health_startup_interval: str
    health_startup_timeout: str
    health_startup_retries: int
    health_startup_success: int
    health_log_destination: str
    health_max_log_count: int
    health_max_log_size: int
    no_healthcheck: bool
    create_command: list[str]


class UpdateOptions(CreateOptions, total=False):
    """What ``skerry update`` takes: of the above limits, ``env``, ``unsetenv``, ``ulimit``, ``restart`` and health."""

    publish_add: list[str]
    publish_rm: list[str]


class ContainerRequest(CreateOptions, total=False):
    """A whole request: the options, and what they are about."""

    image: str  # a name, or with ``rootfs`` a folder
    command: list[str]
