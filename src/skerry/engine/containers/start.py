"""``skerry start`` and the second half of ``run``: mount, network, spec, conmon, go.

Killed anywhere: what was made is found again by the container's run folder and by the network's leases, and the
next command that meets the container takes it down first (`exits.take_down`).
"""

from __future__ import annotations

import errno
import os
import time

from skerry import fastjson
from skerry.engine.containers import exits, run_files, storage
from skerry.engine.containers import state as states
from skerry.engine.containers.containerenv import containerenv
from skerry.engine.containers.identity import identity_files, named_user
from skerry.engine.containers.network import connect, network_files
from skerry.engine.containers.shm import shared_memory
from skerry.engine.containers.streams import activation, passed_on
from skerry.errors import Conflict, NotFound, OutOfSpace, SkerryError, Unavailable, Unsupported
from skerry.linux import process
from skerry.runtime import bpf, cgroups, conmon, oci, spec, users
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.oci import Runtime
    from skerry.runtime.types import ContainerConfig, MountConfig


def start(
    engine: Engine,
    container_id: str,
    *,
    ready: Callable[[ContainerRecord], None] | None = None,
    foreground: bool = False,
    by_policy: bool = False,
    window: tuple[int, int] | None = None,
) -> ContainerRecord:
    """Start a created or stopped container; one that runs already is left alone.

    ``ready`` is called when the container is created and its program not yet executed (to attach without losing
    output). ``foreground``: the caller stays and cleans up itself; conmon's exit command only acts if it dies.
    ``by_policy``: its restart policy does it; anybody else's start begins to count restarts anew. ``window``: rows and
    columns of its terminal from the start.
    `Conflict` in other states, `CommandNotFound`, `CommandNotRunnable`, `Unavailable`, …"""
    with engine.store.lock("container", container_id) as lock:
        try:
            record, written = states.reload(engine, container_id)
        except NotFound:
            lock.release(remove=True)  # removed in this moment: no lock's file may stay behind
            raise
        state = exits.settle(engine, record, written)  # its last end may be unnoticed yet
        if state["status"] in ("running", "paused"):
            if state["status"] == "paused":
                raise Conflict(
                    f'unable to start container "{container_id}": container {container_id} must be in Created or Stopped '
                    "state to be started: container state improper"
                )
            return record
        states.require("start", record, state)
        if by_policy and state.get("stopped_by_user") and not state.get("restart_due_ns"):
            return record  # somebody stopped it while its policy was being asked
        if state["status"] == "initialized" and not process.is_same(state["conmon_pid"], state["conmon_start"]):
            # Nobody would read what its program writes, nor note how it ends: made anew.
            state = {**exits.take_down(engine, record, state), "status": "created"}
        if state["status"] != "initialized":
            _start_dependencies(engine, record)
            state = {**state, "restarts": state.get("restarts", 0) + 1 if by_policy else 0}
            state = _initialize(engine, record, state, foreground=foreground, window=window)
            engine.events.emit_container("init", record)
        if ready is not None:
            ready(record)
        record = _go(engine, record, state)
        if by_policy:
            # Here, where it did start: of two who are about to restart it, one finds it running.
            engine.events.emit_container("restart", record)
    if _wants_notice(record):
        from skerry.engine.containers import notify

        notify.announce(engine, record, foreground=foreground)
    return record


def init(engine: Engine, container_id: str) -> ContainerRecord:
    """``skerry init``: all of a start but the program, which waits to be executed. `Conflict` in other states."""
    with engine.store.lock("container", container_id) as lock:
        try:
            record, written = states.reload(engine, container_id)
        except NotFound:
            lock.release(remove=True)
            raise
        state = exits.settle(engine, record, written)
        states.require("init", record, state)
        _start_dependencies(engine, record)
        new = _initialize(engine, record, {**state, "restarts": 0}, foreground=False, window=None)
        step("container.initialized")
        states.save(engine, container_id, new)
    engine.events.emit_container("init", record)
    return record


def _start_dependencies(engine: Engine, record: ContainerRecord) -> None:
    for mode in record["config"]["namespaces"].values():
        if str(mode).startswith("container:"):
            start(engine, str(mode).partition(":")[2])
    for name in record.get("requires", ()):
        start(engine, states.find(engine, name)[0]["id"])


def _initialize(
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


def _create(
    engine: Engine, record: ContainerRecord, state: ContainerState, runtime: Runtime, *, foreground: bool,
    window: tuple[int, int] | None,
) -> ContainerState:  # fmt: skip
    container_id, config = record["id"], record["config"]
    bundle = states.run_folder(engine, container_id)
    step("container.run-folder")
    _make_folders(engine, record, bundle)
    _make_log_folder(record)
    step("container.mount")
    rootfs = storage.mount_rootfs(engine, record)
    user = users.resolve(rootfs, named_user(record, rootfs), config.get("groups", []))
    owner = storage.owner_outside(config, user)
    mounts: list[MountConfig] = []
    if config["mounts"]:
        from skerry.engine.containers.prepare import prepared

        mounts += prepared(engine, record, rootfs, user, owner)
    storage.ensure_working_directory(record, rootfs, owner)
    storage.ensure_mtab(record, rootfs, user)
    mounts += identity_files(engine, record, rootfs, user)
    namespace_paths = _namespace_paths(engine, record)
    step("container.network")
    joined = connect(engine, record)
    mounts += network_files(engine, record, joined)
    mounts += containerenv(engine, record)
    mounts += _of_every_container(engine, record, bundle)
    mounts += shared_memory(engine, record)
    if _wants_notice(record):
        from skerry.engine.containers import notify

        mounts += notify.mounts(engine, record)
    storage.give_to_container(engine, record, bundle, mounts)
    if record.get("secrets"):
        mounts, config = _with_secrets(engine, record, mounts)
    if config.get("tz"):
        from skerry.engine.containers import zone

        if zone.link(record, rootfs, user):
            config = {**config, "tz": ""}  # nothing is mounted
    placement = cgroups.place(config, engine.settings, state.get("cgroup_path", "") if state.get("restarts") else "")
    if placement.path.startswith("/"):
        runtime.systemd_cgroup = False  # split: systemd made the group that this one is in
    document = spec.generate(
        config, rootfs=rootfs, user=user, settings=engine.settings, netns_path=joined.path, mounts=mounts,
        namespace_paths=namespace_paths, cgroups_path=placement.path, runtime=runtime,
        warn=engine.warn,
    )  # fmt: skip
    document["process"]["env"] += activation()
    if _wants_notice(record):
        notify.add_environment(document, record)
    document = spec.with_hooks(document, config, engine.settings, bundle, engine.warn)
    if window is not None:
        document["process"]["consoleSize"] = {"height": window[0], "width": window[1]}
    run_files.write(os.path.join(bundle, "config.json"), fastjson.encode(document))
    launch = _launch(engine, record, runtime, bundle, foreground=foreground)
    launch.enter_cgroup = placement.enter_conmon
    if launch.enter_cgroup is not None:
        launch.enter_cgroup.companions = joined.companions
    launch.no_cgroups = not placement.path
    if _wants_notice(record):
        launch.sdnotify_socket = notify.proxied(record)
    exits.forget_exit(engine, container_id)
    inode = joined.reserved.inode() if joined.reserved is not None else 0
    if joined.reserved is not None:
        launch.held_fd = joined.reserved.detach()
    step("container.launch")
    launched = conmon.launch(launch)
    bpf.remember(runtime, container_id, document, spec.filter_cache(engine.settings))
    oom_file = cgroups.slices_events(placement.path, launched.pid)
    new: ContainerState = {
        **state, "status": "initialized", "boot_id": process.boot_id(), "pid": launched.pid,
        "pid_start": process.start_time(launched.pid) or 0, "conmon_pid": launched.conmon_pid,
        "conmon_start": process.start_time(launched.conmon_pid) or 0, "network": joined.status, "netns": joined.path or "",
        "ports": joined.ports, "reserved": inode, "cleaned": False, "error": "", "last_exit_code": state.get("exit_code", 0), "exit_code": 0, "oom_killed": False,
        "stopped_by_user": False, "stopped_by_service": False, "let_go": False, "restart_due_ns": 0, "cgroup_path": placement.path, "home": user["home"] or "/",
        "oom_file": oom_file, "oom_count": cgroups.oom_kills(oom_file) if oom_file else 0,
    }  # fmt: skip
    return new


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


def _wants_notice(record: ContainerRecord) -> bool:
    """Whether somebody (systemd) waits to be told that it runs."""
    return bool("NOTIFY_SOCKET" in os.environ or record.get("notify_socket")) and record.get("sdnotify") != "ignore"


def _with_secrets(
    engine: Engine, record: ContainerRecord, mounts: list[MountConfig]
) -> tuple[list[MountConfig], ContainerConfig]:
    """The mounts, and a configuration for this start alone, with its secrets."""
    from skerry.engine.containers import secrets

    env = [*record["config"]["env"], *secrets.environment(engine, record)]
    return [*mounts, *secrets.mounts(engine, record)], {**record["config"], "env": env}


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
    if record.get("conmon_pid_file"):
        launch.conmon_pidfile = record["conmon_pid_file"]
    launch.exit_command = conmon.exit_command(
        [*engine.command_line(), "container", "cleanup", record["id"]],
        bundle=bundle, client_lock=exits.client_lock_path(engine, record["id"]) if foreground else "",
    )  # fmt: skip
    return launch


def _go(engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerRecord:
    runtime = oci.of(engine.settings, record["config"])
    step("container.start")
    new: ContainerState = {**state, "status": "running", "started_ns": time.time_ns(), "ever_started": True}
    try:
        oci.start(runtime, record["id"])
        step("container.running")
        states.save(engine, record["id"], new)
    except SkerryError as error:
        exits.take_down(engine, record, {**state, "cleaned": False}, runtime=runtime)
        states.note(engine, record["id"], {**state, "status": "created", "cleaned": True, "error": error.message})
        raise
    if "healthcheck" in record["config"]:
        from skerry.engine.health.start import begin

        begin(engine, record)
    if record.get("pid_file"):
        run_files.write(record["pid_file"], str(new["pid"]).encode(), 0o644)
    engine.events.emit_container("start", record)
    return record
