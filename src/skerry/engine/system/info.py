"""``skerry info``: the keys of Podman 6's ``info``, so that scripts which ask for them go on working."""

from __future__ import annotations

import os

from skerry.config.launcher import BUILDAH_VERSION
from skerry.engine.system import host, programs
from skerry.engine.system.version import version
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings
    from skerry.engine.engine import Engine

LOG_DRIVERS = ("k8s-file", "none", "passthrough", "journald", "json-file")


def info(engine: Engine) -> dict[str, Any]:
    """See `System.info`."""
    registries = engine.settings.search_registries
    return {
        "host": _host(engine.settings),
        "store": _store(engine),
        "registries": {"search": registries} if registries else {},
        "plugins": {
            "volume": ["local", *sorted(engine.settings.conf["engine"]["volume_plugins"])],
            "network": ["bridge"], "log": list(LOG_DRIVERS), "authorization": None,
        },
        "version": version(),
    }  # fmt: skip


def _configuration(settings: Settings) -> dict[str, Any]:
    """Which containers.conf files count, and which of their keys do nothing: not one of Podman's parts of ``info``."""
    conf = settings.conf
    return {
        "files": conf["files"],
        "modules": settings.modules,
        "noEffect": conf["moot"],
        "unknownKeys": conf["unknown"],
    }


def _host(settings: Settings) -> dict[str, Any]:
    from skerry.runtime import cdi

    found = programs.Found(settings)
    uname = os.uname()
    memory = host.memory()
    cgroup_version, controllers = host.cgroups(settings)
    devices = cdi.all_names(settings.cdi_dirs)
    return {
        "arch": host.architecture(uname.machine),
        "buildahVersion": BUILDAH_VERSION,
        "cgroupManager": settings.cgroup_manager,
        "cgroupVersion": cgroup_version,
        "cgroupControllers": controllers,
        "cdiSpecDirs": settings.cdi_dirs,
        **({"discoveredDevices": [{"source": "cdi", "id": name} for name in devices]} if devices else {}),
        "configuration": _configuration(settings),
        "conmon": found.conmon(),
        "cpus": os.cpu_count() or 1,
        "cpuUtilization": host.cpu_utilization(),
        "databaseBackend": "sqlite",
        "distribution": host.distribution(),
        "eventLogger": settings.events_backend,
        "freeLocks": 0,  # locks are files: there is no pool of them
        "hostname": uname.nodename,
        "idMappings": host.id_mappings(settings),
        "kernel": uname.release,
        "logDriver": settings.log_driver,
        "memAvailable": memory.get("MemAvailable", 0),
        "memFree": memory.get("MemFree", 0),
        "memTotal": memory.get("MemTotal", 0),
        "networkBackend": "netavark",
        "networkBackendInfo": {**found.network(), "defaultNetwork": settings.default_network},
        "ociRuntime": found.runtime(),
        "os": "linux",
        "pasta": found.pasta(),
        "remoteSocket": {"path": f"{settings.run_base}/podman/podman.sock", "exists": False},
        "rootlessNetworkCmd": "pasta",
        "serviceIsRemote": False,
        "security": host.security(settings),
        "slirp4netns": {"executable": "", "package": "", "version": ""},
        "swapFree": memory.get("SwapFree", 0),
        "swapTotal": memory.get("SwapTotal", 0),
        "uptime": host.uptime(),
        "variant": "",
        "linkmode": "dynamic",
    }


def _store(engine: Engine) -> dict[str, Any]:
    settings = engine.settings
    usage, status = _graph(settings.root)
    try:
        containers, images = _counts(engine)
        damage = {}
    except SkerryError as error:
        # The rest helps to find out why.
        containers, images, damage = {"number": 0, "paused": 0, "running": 0, "stopped": 0}, 0, {"error": str(error)}
    return {
        "configFile": host.storage_conf(settings),
        "containerStore": containers,
        "graphDriverName": "overlay",
        "graphOptions": dict(item.partition("=")[::2] for item in settings.storage_opts if item),
        "graphRoot": settings.root,
        **usage,
        "graphStatus": status,
        "imageCopyTmpDir": os.environ.get("TMPDIR", "/var/tmp"),
        "imageStore": {"number": images},
        "runRoot": settings.runroot,
        "volumePath": settings.volume_path,
        "transientStore": False,
        **damage,
    }


def _counts(engine: Engine) -> tuple[dict[str, int], int]:
    from skerry.engine.containers.listing import observed

    states = [state["status"] for _record, state in observed(engine)]
    running, paused = states.count("running") + states.count("stopping"), states.count("paused")
    images = engine.store.db.query("SELECT (SELECT count(*) FROM images) + (SELECT count(*) FROM indexes)")[0][0]
    counts = {"number": len(states), "paused": paused, "running": running, "stopped": len(states) - running - paused}
    return counts, images


def _graph(root: str) -> tuple[dict[str, int], dict[str, str]]:
    """Room on the root's file system, and what it is."""
    folder = root
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    room = os.statvfs(folder)
    size = room.f_blocks * room.f_frsize
    usage = {"graphRootAllocated": size, "graphRootUsed": size - room.f_bfree * room.f_frsize}
    return usage, {
        "Backing Filesystem": host.file_system(folder),
        "Native Overlay Diff": "true",
        "Supports d_type": "true",
        "Supports shifting": "true",
        "Supports volatile": "true",
        "Using metacopy": "false",
    }
