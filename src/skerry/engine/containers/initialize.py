"""From a container's record to a process that waits to execute its program: mounts, networks, specification, conmon."""

from __future__ import annotations

import errno
import os

from skerry import fastjson
from skerry.engine.containers import exits, run_files, storage
from skerry.engine.containers import state as states
from skerry.engine.containers.containerenv import containerenv
from skerry.engine.containers.identity import accounts, named_user, put
from skerry.engine.containers.network import connect, network_files
from skerry.engine.containers.shm import shared_memory
from skerry.engine.containers.streams import activation, passed_on
from skerry.errors import Conflict, NotFound, OutOfSpace, SkerryError, Unavailable, Unsupported
from skerry.linux import process
from skerry.runtime import bpf, cgroups, conmon, oci, spec, users
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.network import Joined
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.oci import Runtime
    from skerry.runtime.types import ContainerConfig, MountConfig, ResolvedUser, RuntimeSpec

# What a run before may have left in the state.
_NEW_RUN: ContainerState = {
    "status": "initialized", "cleaned": False, "error": "", "exit_code": 0, "oom_killed": False,
    "stopped_by_user": False, "stopped_by_service": False, "let_go": False, "restart_due_ns": 0,
}  # fmt: skip


def initialize(
    engine: Engine, record: ContainerRecord, state: ContainerState, *, foreground: bool, window: tuple[int, int] | None
) -> ContainerState:
    """From nothing to a process that waits to execute the program."""
    if not state.get("cleaned", True) or os.path.isdir(states.run_folder(engine, record["id"])):
        state = exits.take_down(engine, record, state)
    runtime = oci.of(engine.settings, record["config"])
    try:
        return _create(engine, record, state, runtime, foreground=foreground, window=window)
    except BaseException as error:
        exits.take_down(engine, record, {**state, "status": "created", "cleaned": False}, runtime=runtime)
        if isinstance(error, SkerryError):
            states.note(engine, record["id"], {**state, "error": error.message, "cleaned": True})
        raise


class _Ready:
    """What the runtime's specification is made of, once it is all there. ``config``: with what is for this start alone."""

    __slots__ = ("config", "hook_env", "joined", "mounts", "namespace_paths", "rootfs", "user")

    def __init__(self, rootfs: str, user: ResolvedUser) -> None:
        self.rootfs, self.user = rootfs, user
        self.mounts: list[MountConfig] = []
        self.hook_env: list[str] = []
        self.config: ContainerConfig
        self.joined: Joined
        self.namespace_paths: dict[str, str]


def _user(record: ContainerRecord, rootfs: str, texts: dict[str, str]) -> ResolvedUser:
    groups = record["config"].get("groups", [])
    try:
        return users.resolve(rootfs, named_user(record, rootfs), groups, texts=texts)
    except NotFound as error:
        if any(error.message.startswith(f"unable to find group {group}:") for group in groups):
            error.message = f"looking up supplemental groups for container {record['id']}: {error.message}"
        raise


def _made_ready(engine: Engine, record: ContainerRecord, bundle: str) -> _Ready:
    """Folders, the root file system, networks, and all that is mounted."""
    config = record["config"]
    step("container.run-folder")
    _make_folders(engine, record, bundle)
    _make_log_folder(record)
    _check_conmon_pid_file(record)
    step("container.mount")
    rootfs = storage.mount_rootfs(engine, record)
    found = accounts(record, rootfs)
    user = _user(record, rootfs, found.texts)
    owner = storage.owner_outside(config, user)
    ready = _Ready(rootfs, user)
    if config["mounts"]:
        from skerry.engine.containers.prepare import prepared

        ready.mounts += prepared(engine, record, rootfs, user, owner)
    storage.ensure_working_directory(record, rootfs, owner)
    storage.ensure_mtab(record, rootfs, user)
    ready.mounts += put(engine, record, rootfs, found)
    ready.namespace_paths = _namespace_paths(engine, record)
    step("container.network")
    ready.joined = connect(engine, record)
    _add_files_of_ours(engine, record, bundle, ready)
    storage.give_to_container(engine, record, bundle, ready.mounts)
    ready.config = _config_of_this_start(engine, record, ready)
    return ready


def _add_files_of_ours(engine: Engine, record: ContainerRecord, bundle: str, ready: _Ready) -> None:
    mounts = ready.mounts
    mounts += network_files(engine, record, ready.joined)
    mounts += containerenv(engine, record)
    mounts += _of_every_container(engine, record, bundle)
    mounts += shared_memory(engine, record)
    if wants_notice(record):
        from skerry.engine.containers import notify

        mounts += notify.mounts(engine, record)


def _config_of_this_start(engine: Engine, record: ContainerRecord, ready: _Ready) -> ContainerConfig:
    """With secrets, which no record holds (their files are mounted), and without what needs no mount any more."""
    config = record["config"]
    if record.get("secrets"):
        from skerry.engine.containers import secrets

        config = {**config, "env": [*config["env"], *secrets.environment(engine, record)]}
        ready.mounts += secrets.mounts(engine, record)
    if config.get("tz"):
        from skerry.engine.containers import zone

        if zone.link(record, ready.rootfs, ready.user):
            config = {**config, "tz": ""}  # nothing is mounted
    return config


def _create(
    engine: Engine, record: ContainerRecord, state: ContainerState, runtime: Runtime, *, foreground: bool,
    window: tuple[int, int] | None,
) -> ContainerState:  # fmt: skip
    bundle = states.run_folder(engine, record["id"])
    ready = _made_ready(engine, record, bundle)
    joined = ready.joined
    placement = cgroups.place(
        ready.config, engine.settings, state.get("cgroup_path", "") if state.get("restarts") else ""
    )
    if placement.path.startswith("/"):
        runtime.systemd_cgroup = False  # split: systemd made the group that this one is in
    document = _specification(engine, record, ready, runtime, bundle, placement.path, window)
    run_files.write(os.path.join(bundle, "config.json"), fastjson.encode(document))
    launch = _launch(engine, record, runtime, bundle, foreground=foreground)
    launch.enter_cgroup = placement.enter_conmon
    if launch.enter_cgroup is not None:
        launch.enter_cgroup.companions = joined.companions
    launch.no_cgroups = not placement.path
    exits.forget_exit(engine, record["id"])
    inode = 0
    if joined.reserved is not None:
        inode = joined.reserved.inode()
        launch.held_fd = joined.reserved.detach()
    step("container.launch")
    launched = conmon.launch(launch)
    bpf.remember(runtime, record["id"], document, spec.filter_cache(engine.settings))
    oom_file = cgroups.slices_events(placement.path, launched.pid)
    return {
        **state, **_NEW_RUN, "boot_id": process.boot_id(), "pid": launched.pid,
        "pid_start": process.start_time(launched.pid) or 0, "conmon_pid": launched.conmon_pid,
        "conmon_start": process.start_time(launched.conmon_pid) or 0, "network": joined.status,
        "netns": joined.path or "", "ports": joined.ports, "reserved": inode,
        "last_exit_code": state.get("exit_code", 0), "cgroup_path": placement.path, "home": ready.user["home"] or "/",
        "hook_env": ready.hook_env,
        "oom_file": oom_file, "oom_count": cgroups.oom_kills(oom_file) if oom_file else 0,
    }  # fmt: skip


def _specification(
    engine: Engine, record: ContainerRecord, ready: _Ready, runtime: Runtime, bundle: str, cgroup: str,
    window: tuple[int, int] | None,
) -> RuntimeSpec:  # fmt: skip
    document = spec.generate(
        ready.config, rootfs=ready.rootfs, user=ready.user, settings=engine.settings, netns_path=ready.joined.path,
        mounts=ready.mounts, namespace_paths=ready.namespace_paths, cgroups_path=cgroup, runtime=runtime,
        warn=engine.warn,
    )  # fmt: skip
    document["process"]["env"] += activation()
    if wants_notice(record):
        from skerry.engine.containers import notify

        notify.add_environment(document, record)
    before = list(document["process"]["env"])
    document = spec.with_hooks(document, ready.config, engine.settings, bundle, engine.warn)
    ready.hook_env = [item for item in document["process"]["env"] if item not in before]
    if window is not None:
        document["process"]["consoleSize"] = {"height": window[0], "width": window[1]}
    return document


def _of_every_container(engine: Engine, record: ContainerRecord, bundle: str) -> list[MountConfig]:
    """What mounts.conf names, owned by the container's root."""
    file = engine.settings.mounts_file()
    if not file:
        return []
    from skerry.engine.containers.default_mounts import default_mounts
    from skerry.engine.containers.mapped import owner_outside

    config = record["config"]
    owner = owner_outside(config, 0, 0) if config.get("uid_maps") else None
    return default_mounts(engine, file, bundle, {mount["destination"] for mount in config["mounts"]}, owner)


def wants_notice(record: ContainerRecord) -> bool:
    """Whether somebody (systemd) waits to be told that it runs."""
    return bool("NOTIFY_SOCKET" in os.environ or record.get("notify_socket")) and record.get("sdnotify") != "ignore"


def _make_folders(engine: Engine, record: ContainerRecord, bundle: str) -> None:
    try:
        os.makedirs(states.folder(engine, record["id"]), mode=0o711, exist_ok=True)
        os.makedirs(engine.store.run_path("exits"), mode=0o700, exist_ok=True)
        os.makedirs(os.path.dirname(bundle), mode=0o711, exist_ok=True)
        # Only who has other ids than ours has to reach its root; other users of this host shall not.
        os.mkdir(bundle, 0o711 if record["config"].get("uid_maps") else 0o700)
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot make {bundle}: {error.strerror}") from error


def _make_log_folder(record: ContainerRecord) -> None:
    """containers.conf's log_path has a folder for each container; one that --log-opt names must be there."""
    folder, _, name = record["config"].get("log_path", "").rpartition("/")
    if name != "ctr.log" or not folder.endswith("/" + record["id"]):
        in_file = record["config"]["log_driver"] in ("k8s-file", "json-file")
        if in_file and folder and not os.path.isdir(folder):  # conmon would fail without a word
            raise NotFound(f"cannot write the log {folder}/{name}: its folder does not exist")
        return
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make {folder}: {error.strerror}") from error


def _check_conmon_pid_file(record: ContainerRecord) -> None:
    """conmon would say what is wrong to nobody, and go on."""
    path = record.get("conmon_pid_file", "")
    if path and not os.path.isdir(os.path.dirname(path)):
        raise Unavailable(f"cannot write the conmon pidfile {path}: its folder does not exist", exit_code=126)


def _namespace_paths(engine: Engine, record: ContainerRecord) -> dict[str, str]:
    """For each kind that another container or a file provides: its path."""
    paths: dict[str, str] = {}
    for kind, mode in record["config"]["namespaces"].items():
        how, _, rest = str(mode).partition(":")
        if kind == "net":
            continue
        if kind == "user" and how == "private":
            from skerry.engine.containers.mapped import make_user_namespace

            paths[kind] = make_user_namespace(engine, record)
        elif how == "ns":
            paths[kind] = rest
        elif how == "container":
            other, state = states.find(engine, rest)
            if states.observe(engine, other["id"], state)["status"] != "running":
                raise Conflict(f"cannot join the {kind} namespace of container {other['id']}: it is not running")
            runtime = oci.of(engine.settings, other["config"])
            if not runtime.quirks.own_processes:
                raise Unsupported(
                    f"the {kind} namespace of container {other['id']} is inside of {runtime.name}'s sandbox"
                )
            paths[kind] = f"/proc/{state['pid']}/ns/{kind}"
    return paths


def _log_flags(config: ContainerConfig) -> list[str]:
    flags = ["--log-rotate"] if config.get("log_rotate") else []
    if config.get("log_max_files"):
        flags += ["--log-max-files", str(config["log_max_files"])]
    for name, value in config.get("log_labels", {}).items():
        flags += ["--log-label", f"{name}={value}"]
    return flags


def _launch(
    engine: Engine, record: ContainerRecord, runtime: Runtime, bundle: str, *, foreground: bool
) -> conmon.Launch:
    config, settings = record["config"], engine.settings
    launch = conmon.Launch(id=record["id"], runtime=runtime, bundle=bundle, conmon=settings.conmon)
    launch.name = record["name"]
    launch.exit_dir = engine.store.run_path("exits")
    launch.persist_dir = bundle
    launch.log_driver = config["log_driver"]
    launch.log_path = config.get("log_path") or states.log_path(engine, record["id"])
    launch.log_tag = config.get("log_tag", "")
    launch.log_flags = _log_flags(config)
    launch.log_size_max = config["log_size_max"]
    launch.no_pivot = settings.conf["engine"]["no_pivot_root"]
    launch.no_new_keyring = not settings.conf["containers"]["keyring"]
    launch.env = dict(item.split("=", 1) for item in settings.conmon_env if "=" in item)
    launch.sync_log = not record["auto_remove"]
    launch.terminal = config["terminal"]
    launch.stdin = config["stdin_open"]
    launch.timeout_s = config.get("timeout_s", 0)
    launch.preserve_fds = passed_on(config)
    if wants_notice(record):
        from skerry.engine.containers import notify

        launch.sdnotify_socket = notify.proxied(record)
    if record.get("conmon_pid_file"):
        launch.conmon_pidfile = record["conmon_pid_file"]
    launch.exit_command = conmon.exit_command(
        [*engine.command_line(), "container", "cleanup", record["id"]],
        bundle=bundle, client_lock=exits.client_lock_path(engine, record["id"]) if foreground else "",
    )  # fmt: skip
    return launch
