"""``skerry container inspect``: everything about a container, with the keys of Podman 6.

Hot: one query for the container, one for its image, one for each volume, one look at /proc.
"""

from __future__ import annotations

import os

from skerry.engine.containers import state as states
from skerry.engine.containers.inspect_config import config_section, effective_capabilities, host_config_section
from skerry.engine.containers.inspect_network import network_settings
from skerry.engine.health import has_check
from skerry.engine.times import ZERO_TIME, rfc3339
from skerry.store.layers import layer_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, MountConfig

OCI_VERSION = "1.2.1"


def inspect(engine: Engine, name: str, *, size: bool = False) -> dict[str, Any]:
    """The container ``name``; ``size`` adds SizeRw and SizeRootFs, which reads its whole upper directory."""
    record, written = states.find(engine, name)
    state = states.observe(engine, record["id"], written)
    if state.get("publishing") or state.get("updating") is not None:
        from skerry.engine.containers.update import finished

        record, state = finished(engine, record, state)
    config = record["config"]
    container_id = record["id"]
    mounts = [_mount(engine, mount) for mount in config["mounts"] if mount["type"] != "tmpfs"]
    program = ["/run/podman-init", "--", *config["args"]] if config.get("init") else config["args"]
    bounding, effective = effective_capabilities(engine, config)
    found: dict[str, Any] = {
        "Id": container_id,
        "Created": rfc3339(record["created_ns"]),
        "Path": program[0],
        "Args": program[1:],
        "State": _state(engine, record, state),
        "Image": record["image_id"],
        "ImageDigest": _image_digest(engine, record["image_id"]),
        "ImageName": record["image"],
        "Rootfs": config.get("rootfs") or config.get("rootfs_lower", ""),
        "Pod": record["pod"],
        **_files(engine, record, state),
        "OCIRuntime": config["runtime"],
        "Name": record["name"],
        "RestartCount": state.get("restarts", 0),
        "Driver": "overlay",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": _apparmor(engine, config),
        "EffectiveCaps": effective or None,
        "BoundingCaps": bounding or None,
        "ExecIDs": _exec_ids(engine, container_id) if state["status"] in states.LIVE else [],
        "GraphDriver": {"Name": "overlay", "Data": _graph(engine, record, state)},
        "Mounts": mounts,
        "Dependencies": _dependencies(record),
        "NetworkSettings": network_settings(engine, record, state),
        "Namespace": "",
        "IsInfra": False,
        "IsService": False,
        "KubeExitCodePropagation": "invalid",
        "lockNumber": 0,
        "Config": config_section(record, state),
        "HostConfig": host_config_section(engine, record, state),
        "UseImageHosts": record.get("no_hosts", False),
        "UseImageHostname": record.get("no_hostname", False),
    }
    if size:
        from skerry.engine.containers.listing import sizes

        found["SizeRw"], found["SizeRootFs"] = sizes(engine, record)
    return found


def _apparmor(engine: Engine, config: ContainerConfig) -> str:
    wanted = config.get("apparmor", "")
    if wanted or not os.path.exists("/sys/module/apparmor"):
        return wanted
    from skerry.runtime.apparmor import shown

    return shown(wanted, privileged=config.get("privileged", False), rootless=engine.settings.rootless)


def _state(engine: Engine, record: ContainerRecord, state: ContainerState) -> dict[str, Any]:
    status = state["status"]
    live = status in states.LIVE
    shown: dict[str, Any] = {
        "OciVersion": OCI_VERSION,
        "Status": states.shown(state),
        "Running": status in ("running", "stopping"),
        "Paused": status == "paused",
        "Restarting": states.is_restarting(state),
        "OOMKilled": state.get("oom_killed", False),
        "Dead": False,
        "Pid": state.get("pid", 0),
        "ExitCode": state.get("exit_code", 0),
        "Error": state.get("error", ""),
        "StartedAt": rfc3339(state.get("started_ns", 0)),
        "FinishedAt": rfc3339(0 if live else state.get("finished_ns", 0)),
        "CheckpointedAt": ZERO_TIME,
        "RestoredAt": ZERO_TIME,
    }
    if live:
        shown["ConmonPid"] = state.get("conmon_pid", 0)
        from skerry.runtime.cgroups import real_path

        shown["CgroupPath"] = real_path(state.get("cgroup_path", ""), state.get("pid", 0))
    if has_check(record["config"]):
        from skerry.engine.health import results

        shown["Health"] = results.shown(results.seen(engine, record, state))
    if states.stopped_by_user(state):
        shown["StoppedByUser"] = True
    return shown


def _image_digest(engine: Engine, image_id: str) -> str:
    rows = engine.store.db.query("SELECT digest FROM images WHERE id = ?", image_id) if image_id else []
    return rows[0][0] if rows else ""


def _files(engine: Engine, record: ContainerRecord, state: ContainerState) -> dict[str, str]:
    """Paths of the files that make the container up. Those of a run are shown while there is one."""
    container_id = record["id"]
    folder = states.run_folder(engine, container_id)
    mode = str(record["config"]["namespaces"]["net"])
    shared = mode.startswith("container:")
    owner = states.run_folder(engine, mode.partition(":")[2]) if shared else folder
    live = state["status"] in states.LIVE
    return {
        "ResolvConfPath": f"{owner}/resolv.conf" if live and record["dns"] != ["none"] else "",
        "HostnamePath": f"{folder}/hostname" if live and not record.get("no_hostname") else "",
        "HostsPath": f"{owner}/hosts" if live and not record.get("no_hosts") else "",
        "StaticDir": states.folder(engine, container_id),
        "OCIConfigPath": f"{folder}/config.json" if live else _kept_specification(engine, container_id),
        "ConmonPidFile": record.get("conmon_pid_file") or f"{folder}/conmon.pid",
        "PidFile": record.get("pid_file") or f"{folder}/pidfile",
    }


def _kept_specification(engine: Engine, container_id: str) -> str:
    path = states.folder(engine, container_id, "config.json")
    return path if os.path.exists(path) else ""


def _exec_ids(engine: Engine, container_id: str) -> list[str]:
    from skerry.engine.containers.exec_sessions import sessions

    return [session["id"] for session in sessions(engine, container_id)]


def _graph(engine: Engine, record: ContainerRecord, state: ContainerState) -> dict[str, str]:
    if "rootfs" in record["config"]:
        return {}
    data = {
        "LowerDir": ":".join(layer_dir(engine.store, chain_id) for chain_id in reversed(record["layers"])),
        "UpperDir": states.folder(engine, record["id"], "upper"),
        "WorkDir": states.folder(engine, record["id"], "work"),
    }
    if state["status"] in states.LIVE:
        data["MergedDir"] = states.rootfs_path(engine, record)
    return data


def _mount(engine: Engine, mount: MountConfig) -> dict[str, Any]:
    from skerry.runtime.mount_options import PROPAGATION

    kind, options = mount["type"], mount["options"]
    shown: dict[str, Any] = {"Type": kind if kind in ("bind", "volume", "image") else "bind"}
    source, driver = mount["source"], ""
    if kind == "volume":
        from skerry.engine.volumes.find import get

        shown["Name"] = mount["name"]
        volume = get(engine, mount["name"])
        source = volume["mountpoint"] if volume else f"{engine.settings.volume_path}/{mount['name']}/_data"
        driver = volume["driver"] if volume else "local"
    kept = [word for word in options if word not in ("ro", "rw", "z", "Z", *PROPAGATION)]
    shown.update({
        "Source": source,
        "Destination": mount["destination"],
        "Driver": driver,
        "Mode": "z" if "z" in options else "Z" if "Z" in options else "",
        "Options": kept if kind != "image" else None,
        "RW": "ro" not in options,
        "Propagation": next((word for word in options if word in PROPAGATION), ""),
    })  # fmt: skip
    if mount.get("subpath"):
        shown["SubPath"] = mount["subpath"]
    return shown


def _dependencies(record: ContainerRecord) -> list[str]:
    """The containers whose namespaces it shares, and those that --requires names."""
    namespaces = record["config"]["namespaces"].values()
    shared = [str(mode).partition(":")[2] for mode in namespaces if str(mode).startswith("container:")]
    return list(dict.fromkeys([*shared, *record.get("requires", [])]))
