"""The shapes of what the engine stores about a container. Types only: imported under TYPE_CHECKING."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from skerry.engine.secrets.types import SecretUse
from skerry.network.types import NetworkRequest, PortMapping
from skerry.runtime.types import ContainerConfig, Resources

Status = Literal["created", "initialized", "running", "paused", "stopping", "exited", "removing"]


class RestartPolicy(TypedDict):
    name: str  # no, on-failure, always, unless-stopped
    max_retries: int


class HostUser(TypedDict):
    """A line of the host's /etc/passwd."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str


class ContainerRecord(TypedDict, total=False):
    """What was decided at creation; changes only by rename and update."""

    id: str
    name: str
    image: str  # the image's name as it was found, "" with --rootfs
    image_id: str
    layers: list[str]  # chain ids, base first
    pod: str
    created_ns: int
    config: ContainerConfig
    entrypoint: list[str]
    command: list[str]
    networks: list[NetworkRequest]
    ports: list[PortMapping]
    exposed: list[str]  # "80/tcp"
    volumes: list[str]  # named and anonymous volumes that it uses
    volumes_from: list[str]  # as given
    dns: list[str]
    dns_search: list[str]
    dns_options: list[str]
    add_hosts: list[str]
    no_hosts: bool
    no_hostname: bool
    auto_remove: bool
    remove_image: bool
    restart: RestartPolicy
    create_command: list[str]
    cid_file: str
    pid_file: str
    conmon_pid_file: str
    requires: list[str]
    secrets: list[SecretUse]
    detach_keys: str
    image_user: str
    network_options: list[str]  # pasta's
    publish_all: bool
    hostname_is_name: bool  # containers.conf's container_name_as_hostname
    workdir_given: bool  # by the user: it must exist; the image's is made
    passwd: bool  # give the user a line in /etc/passwd when it has none
    caller_entry: str  # the line of /etc/passwd for who calls (--userns=keep-id)
    caller_group: str  # and that of /etc/group
    passwd_entry: str
    group_entry: str
    host_users: list[HostUser]
    hosts_file: str  # what /etc/hosts is based on
    sdnotify: str
    notify_socket: str  # where whoever created it wanted to be told of its start


class ContainerState(TypedDict, total=False):
    """What happens to it. ``status`` is what was last written; `state.observe` says what is."""

    status: Status
    boot_id: str
    pid: int
    pid_start: int  # clock ticks after boot, field 22 of /proc/PID/stat: tells a reused pid
    conmon_pid: int
    reserved: int  # the inode of what keeps the host ports, held by conmon
    conmon_start: int
    started_ns: int
    finished_ns: int
    exit_code: int
    last_exit_code: int  # of the run before this one
    oom_killed: bool
    oom_file: str  # of the slice, where conmon may not see what happened in the container's scope
    oom_count: int  # what it said at the start
    error: str
    restarts: int
    restart_due_ns: int  # of CLOCK_BOOTTIME: when the supervisor starts it again; 0: not
    stopped_by_user: bool  # or by the service that stops all: its restart policy is not asked
    stopped_by_service: bool  # and only by that: it starts again with the machine
    let_go: bool  # its end is over: another restart policy counts from the next one on
    cleaned: bool  # after an exit: unmounted, network gone, runtime state deleted
    netns: str
    network: dict[str, Any]
    ports: list[PortMapping]  # with the host ports that were chosen
    home: str  # of the program's user, as its environment has it
    hook_env: list[str]  # what precreate hooks set: programs that are executed in it have that, too
    updating: Resources | None  # its limits before those of the record, which the kernel may not have yet
    publishing: bool  # the kernel may publish other ports than ``ports``
    volatile: bool
    ever_started: bool
    cgroup_path: str
