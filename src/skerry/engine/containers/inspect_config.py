"""``Config`` and ``HostConfig`` of ``skerry container inspect``: what was asked for when it was created."""

from __future__ import annotations

from skerry.engine.containers import state as states
from skerry.engine.containers.inspect_network import port_bindings
from skerry.errors import SkerryError
from skerry.linux.signals import NAMES
from skerry.runtime.security import DEFAULT_CAPS, capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, Healthcheck, MountConfig, Resources


def effective_capabilities(engine: Engine, config: ContainerConfig) -> tuple[list[str], list[str]]:
    """(bounding set, effective set) as a start would give them."""
    user = config.get("user", "").partition(":")[0]
    try:
        sets = capabilities(
            privileged=config.get("privileged", False), add=config.get("cap_add", ()),
            drop=config.get("cap_drop", ()), defaults=engine.settings.default_caps or DEFAULT_CAPS,
            uid=0 if user in ("", "0", "root") else 1, only=config.get("caps_only", ()),
        )  # fmt: skip
    except SkerryError:
        return [], []  # it could not start; inspect shows it all the same
    return sets["bounding"], sets["effective"]


def config_section(record: ContainerRecord, state: ContainerState) -> dict[str, Any]:
    """What concerns the program."""
    config = record["config"]
    shown: dict[str, Any] = {
        "Hostname": config["hostname"],
        "Domainname": "",
        "User": config["user"],
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": config["terminal"],
        "OpenStdin": config["stdin_open"],
        "StdinOnce": False,
        "Env": _environment(config, state),
        "Cmd": record["command"] or None,
        "Image": record["image"],
        "Volumes": None,
        "WorkingDir": config["cwd"],
        "Entrypoint": record["entrypoint"] or None,
        "OnBuild": None,
        "Labels": config["labels"] or None,
        "Annotations": _annotations(record, state) or None,
        "StopSignal": _signal_name(config["stop_signal"]),
        "HealthcheckOnFailureAction": config.get("health_on_failure", "none"),
        "HealthLogDestination": config.get("health_log_destination", "local"),
        "HealthcheckMaxLogCount": config.get("health_max_log_count", 5),
        "HealthcheckMaxLogSize": config.get("health_max_log_size", 500),
        "CreateCommand": record["create_command"] or None,
        "Umask": (config.get("umask") or "0022").rjust(4, "0"),
        "Timeout": config["timeout_s"],
        "StopTimeout": config["stop_timeout_s"],
        "Passwd": record.get("passwd", True),
        "sdNotifyMode": record.get("sdnotify", "container"),
    }
    if record.get("notify_socket"):
        shown["sdNotifySocket"] = record["notify_socket"]
    _add_secrets(record, shown)
    open_ports = [*port_bindings(record["ports"]), *record["exposed"]]
    if open_ports:
        shown["ExposedPorts"] = {item: {} for item in sorted(open_ports)}
    if config.get("chroot_dirs"):
        shown["ChrootDirs"] = config["chroot_dirs"]
    if config.get("tz"):
        shown["Timezone"] = config["tz"]
    if config.get("systemd"):
        shown["SystemdMode"] = True
    if config.get("healthcheck"):
        shown["Healthcheck"] = _health(config["healthcheck"])
    if config.get("startup_healthcheck"):
        shown["StartupHealthCheck"] = _health(config["startup_healthcheck"])
    return shown


def _add_secrets(record: ContainerRecord, shown: dict[str, Any]) -> None:
    """What they are called, never what they say."""
    uses = record.get("secrets", [])
    shown["Env"] = [*shown["Env"], *(f"{use['name']}=*******" for use in uses if use["type"] == "env")]
    files = [
        {"Name": use["name"], "ID": use["id"], "UID": use["uid"], "GID": use["gid"], "Mode": use["mode"]}
        for use in uses if use["type"] == "mount"
    ]  # fmt: skip
    if files:
        shown["Secrets"] = files


def _health(check: Healthcheck) -> dict[str, Any]:
    """Docker's keys; what is not set is left out."""
    found = {
        "Test": check.get("test"), "StartPeriod": check.get("start_period_ns"), "Interval": check.get("interval_ns"),
        "Timeout": check.get("timeout_ns"), "Retries": check.get("retries"), "Successes": check.get("successes"),
    }  # fmt: skip
    return {key: value for key, value in found.items() if value}


def _annotations(record: ContainerRecord, state: ContainerState) -> dict[str, str]:
    """What was asked for; of one that was ever started also what its runtime was given. As Podman has it."""
    config = record["config"]
    prefix = "io.podman.annotations."
    own = {
        "autoremove": record["auto_remove"],
        "init": config.get("init"),
        "privileged": config.get("privileged"),
        "publish-all": record.get("publish_all"),
    }
    texts = {
        "apparmor": config.get("apparmor"),
        "cid-file": record.get("cid_file"),
        "label": ",".join(config.get("label_opts", ())),
        "seccomp": config.get("seccomp"),
        "volumes-from": ";".join(record.get("volumes_from", ())),
    }
    found = {prefix + name: "TRUE" for name, value in own.items() if value}
    found.update({prefix + name: text for name, text in texts.items() if text})
    if not state.get("started_ns"):
        return {**found, **config["annotations"]}
    from skerry.runtime.annotations import shown_annotations

    return {**found, **shown_annotations(config)}


def _environment(config: ContainerConfig, state: ContainerState) -> list[str]:
    """What the program has; its HOME and HOSTNAME are known once it was started."""
    own = {"container": "podman"}
    if config["terminal"]:
        own["TERM"] = "xterm"
    if state.get("home"):
        own["HOME"], own["HOSTNAME"] = state["home"], config["hostname"]
    given = {item.partition("=")[0] for item in config["env"]}
    return [*config["env"], *(f"{name}={value}" for name, value in own.items() if name not in given)]


def _signal_name(number: int) -> str:
    if number > 34:
        return f"SIGRTMIN+{number - 34}"
    for name, value in NAMES.items():
        if value == number and name not in ("RTMIN", "RTMAX", "CLD", "POLL", "IOT"):
            return "SIG" + name
    return str(number)


def host_config_section(engine: Engine, record: ContainerRecord, state: ContainerState) -> dict[str, Any]:
    """What concerns the host: limits, mounts, namespaces, rights."""
    config = record["config"]
    namespaces = config["namespaces"]
    added, dropped = (
        _capability_changes(engine, config) if config.get("cap_add") or config.get("cap_drop") else ([], [])
    )
    return {
        "Binds": [_bind(mount) for mount in config["mounts"] if mount["type"] not in ("tmpfs", "image")],
        "CgroupManager": config.get("cgroup_manager") or engine.settings.cgroup_manager,
        "CgroupMode": namespaces.get("cgroup", "private"),
        "ContainerIDFile": record.get("cid_file", ""),
        "LogConfig": _log_config(engine, record),
        "NetworkMode": str(namespaces["net"]),
        "PortBindings": port_bindings(record["ports"]),
        "RestartPolicy": {
            "Name": record["restart"]["name"], "MaximumRetryCount": record["restart"]["max_retries"],
        },
        "AutoRemove": record["auto_remove"],
        "AutoRemoveImage": record.get("remove_image", False),
        "Annotations": _annotations(record, state) or None,
        "VolumeDriver": "",
        "VolumesFrom": record.get("volumes_from") or None,
        "CapAdd": added,
        "CapDrop": dropped,
        "Dns": [] if record["dns"] == ["none"] else record["dns"],
        "DnsOptions": record["dns_options"],
        "DnsSearch": record["dns_search"],
        "ExtraHosts": record["add_hosts"],
        "HostsFile": record.get("hosts_file", ""),
        "GroupAdd": [name for name in config.get("groups", ()) if name != "keep-groups"],
        "IpcMode": namespaces.get("ipc", "shareable"),
        "Cgroup": "",
        "Cgroups": "default" if config.get("cgroups", "enabled") == "enabled" else config["cgroups"],
        "Links": None,
        "OomScoreAdj": config.get("oom_score_adj", 0),
        "PidMode": namespaces.get("pid", "private"),
        "Privileged": config.get("privileged", False),
        "PublishAllPorts": record.get("publish_all", False),
        "ReadonlyRootfs": config.get("read_only", False),
        "SecurityOpt": _security_options(config),
        "Tmpfs": {
            mount["destination"]: ",".join(mount["options"])
            for mount in config["mounts"] if mount["type"] == "tmpfs"
        },
        "UTSMode": namespaces.get("uts", "private"),
        "UsernsMode": "" if namespaces.get("user", "host") == "host" else namespaces["user"],
        **({"IDMappings": _id_mappings(config)} if _id_mappings(config) else {}),
        "ShmSize": config["shm_size"],
        "Runtime": "oci",
        "ConsoleSize": [0, 0],
        "Isolation": "",
        "CgroupParent": config.get("cgroup_parent", "") or _users_slice(engine, config),
        "Devices": [_device(text) for text in config.get("devices", ())],
        **({"DeviceCgroupRules": config["device_cgroup_rules"]} if config.get("device_cgroup_rules") else {}),
        **({"Init": True} if config.get("init") else {}),
        "DiskQuota": 0,
        "KernelMemory": 0,
        "Ulimits": _ulimits(engine, config),
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
        **({"IntelRdtClosID": config["rdt_class"]} if config.get("rdt_class") else {}),
        **_limits(engine, config.get("resources", {})),
    }  # fmt: skip


def _users_slice(engine: Engine, config: ContainerConfig) -> str:
    """Of systemd's default slices Podman leaves out root's only."""
    systemd = (config.get("cgroup_manager") or engine.settings.cgroup_manager) == "systemd"
    return "user.slice" if systemd and engine.settings.rootless else ""


def _bind(mount: MountConfig) -> str:
    place = f"{mount.get('name') or mount['source']}:{mount['destination']}"
    return f"{place}:{','.join(mount['options'])}" if mount["options"] else place


def _log_config(engine: Engine, record: ContainerRecord) -> dict[str, Any]:
    from skerry.engine.units import human_size

    config = record["config"]
    driver = config["log_driver"]
    path = config.get("log_path", "")
    if not path and driver in ("k8s-file", "json-file"):
        path = states.log_path(engine, record["id"])
    size = config.get("log_size_max", 0)
    rotation: dict[str, str] = {}
    if "log_rotate" in config:
        rotation["log-rotate"] = "true" if config["log_rotate"] else "false"
    if config.get("log_max_files"):
        rotation["max-file"] = str(config["log_max_files"])
    return {
        "Type": driver, "Config": rotation or None, "Path": path, "Tag": config.get("log_tag", ""),
        "Size": human_size(size, 4) if size > 0 else "-1B",
    }  # fmt: skip


def _capability_changes(engine: Engine, config: ContainerConfig) -> tuple[list[str], list[str]]:
    """What it has beyond the default, and what of that it lacks."""
    if config.get("privileged"):
        return [], []
    default = effective_capabilities(engine, {**config, "cap_add": [], "cap_drop": [], "caps_only": []})[0]
    bounding = effective_capabilities(engine, config)[0]
    return [name for name in bounding if name not in default], [name for name in default if name not in bounding]


def _security_options(config: ContainerConfig) -> list[str]:
    found = []
    if config.get("privileged"):
        found.append("unmask=all")
    if config.get("no_new_privileges"):
        found.append("no-new-privileges")
    for key in ("seccomp", "apparmor"):
        if config.get(key):
            found.append(f"{key}={config[key]}")  # type: ignore[literal-required]
    found += [f"label={option}" for option in config.get("label_opts", ())]
    if config.get("mask"):
        found.append("mask=" + ":".join(config["mask"]))
    if config.get("unmask"):
        found.append("unmask=" + ("all" if config["unmask"] == ["ALL"] else ":".join(config["unmask"])))
    return found


def _id_mappings(config: ContainerConfig) -> dict[str, list[str]] | None:
    def shown(maps: Any) -> list[str]:
        return [f"{item['containerID']}:{item['hostID']}:{item['size']}" for item in maps]

    if not config.get("uid_maps") and not config.get("gid_maps"):
        return None
    return {"UidMap": shown(config.get("uid_maps", ())), "GidMap": shown(config.get("gid_maps", ()))}


def _device(text: str) -> dict[str, str]:
    parts = text.split(":")
    inside = parts[1] if len(parts) > 1 and parts[1].startswith("/") else parts[0]
    access = parts[-1] if len(parts) > 1 and not parts[-1].startswith("/") else "rwm"
    return {"PathOnHost": parts[0], "PathInContainer": inside, "CgroupPermissions": access}


def _ulimits(engine: Engine, config: ContainerConfig) -> list[dict[str, Any]]:
    from skerry.runtime.limits import rlimits

    try:
        limits = rlimits([*engine.settings.default_ulimits, *config.get("ulimits", ())], warn=_quiet)
    except SkerryError:
        return []
    return [{"Name": item["type"], "Soft": _signed(item["soft"]), "Hard": _signed(item["hard"])} for item in limits]


def _quiet(_message: str) -> None:
    """A start has warned about it."""


def _signed(limit: int) -> int:
    """As Go's int64 shows it: -1 is unlimited."""
    return limit - (1 << 64) if limit >= 1 << 63 else limit


def _limits(engine: Engine, limits: Resources) -> dict[str, Any]:
    if any("blkio" in key or key.startswith("device_") for key in limits):
        none: list[Any] | None = []
    else:
        none = None
    quota, period = limits.get("cpu_quota", 0), limits.get("cpu_period", 0)
    return {
        "CpuShares": limits.get("cpu_shares", 0),
        "Memory": limits.get("memory", 0),
        "NanoCpus": quota * 10**4 if quota > 0 and period in (0, 100000) else 0,
        "BlkioWeight": limits.get("blkio_weight", 0),
        "BlkioWeightDevice": [
            {"Path": path, "Weight": weight} for path, weight in limits.get("blkio_weight_device", ())
        ] or none,
        "BlkioDeviceReadBps": _rates(limits.get("device_read_bps")) or none,
        "BlkioDeviceWriteBps": _rates(limits.get("device_write_bps")) or none,
        "BlkioDeviceReadIOps": _rates(limits.get("device_read_iops")) or none,
        "BlkioDeviceWriteIOps": _rates(limits.get("device_write_iops")) or none,
        "CpuPeriod": period,
        "CpuQuota": quota,
        "CpuRealtimePeriod": limits.get("cpu_rt_period", 0),
        "CpuRealtimeRuntime": limits.get("cpu_rt_runtime", 0),
        "CpusetCpus": limits.get("cpuset_cpus", ""),
        "CpusetMems": limits.get("cpuset_mems", ""),
        "MemoryReservation": limits.get("memory_reservation", 0),
        "MemorySwap": limits.get("memory_swap", 0),
        "MemorySwappiness": limits.get("memory_swappiness", -1 if any("memory" in key for key in limits) else 0),
        "OomKillDisable": limits.get("oom_kill_disable", False),
        "PidsLimit": limits.get("pids_limit") or engine.settings.pids_limit,
        "CgroupConf": limits.get("cgroup_conf") or None,
    }  # fmt: skip


def _rates(devices: Any) -> list[dict[str, Any]] | None:
    return [{"Path": item["path"], "Rate": item["rate"]} for item in devices or ()] or None
