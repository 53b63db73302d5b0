"""What a step is to a runtime: the configuration of its container, from the request and the defaults of this host."""

from __future__ import annotations

from skerry.errors import Invalid
from skerry.runtime.mount_options import PROPAGATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.builds.step_ids import StepIDs
    from skerry.engine.builds.types import RunRequest, StepMount
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, MountConfig

HOSTNAME = "buildkitsandbox"  # as in BuildKit, and always the same: it ends up in files
_SECURITY = ("", "sandbox", "insecure")


def configuration(
    engine: Engine, container_id: str, request: RunRequest, network: str, ids: StepIDs | None = None
) -> ContainerConfig:
    """The container's configuration. `Invalid` for what cannot be asked for in a build."""
    settings = engine.settings
    if request.security not in _SECURITY:
        raise Invalid(f'security "{request.security}" is not known', hint="sandbox, insecure")
    if not request.argv or not all(isinstance(word, str) and "\0" not in word for word in request.argv):
        raise Invalid("a step needs a program to run, without null bytes")
    namespaces: dict[str, Any] = {
        "pid": "private", "ipc": "private", "uts": "private", "cgroup": settings.cgroupns, "user": "host",
        **{kind: mode for kind, mode in request.namespaces.items() if mode}, "net": network,
    }  # fmt: skip
    if ids is not None:
        namespaces["user"] = ids.mode
    insecure = request.security == "insecure"
    return {
        "id": container_id, "name": "build-" + container_id[:12], "hostname": request.hostname or HOSTNAME,
        "args": request.argv, "env": [*settings.default_env, *request.env], "cwd": request.cwd or "/",
        "user": request.user, "groups": list(request.groups), "umask": request.umask or settings.umask,
        "terminal": request.terminal, "stdin_open": False, "privileged": insecure,
        "cap_add": list(request.cap_add), "cap_drop": list(request.cap_drop),
        "no_new_privileges": request.no_new_privileges, "seccomp": request.seccomp, "apparmor": request.apparmor,
        "label_opts": list(request.label_opts), "mask": list(request.mask), "unmask": list(request.unmask),
        "mounts": [], "devices": list(request.devices), "resources": dict(request.resources),  # type: ignore[typeddict-item]
        "ulimits": list(request.ulimits), "shm_size": request.shm_size or settings.shm_size,
        "namespaces": namespaces,  # type: ignore[typeddict-item]
        "cgroup_parent": request.cgroup_parent, "cgroups": "enabled", "runtime": request.runtime,
        "annotations": {}, "sysctls": {}, "read_only": False, **(ids.config if ids is not None else {}),
    }  # fmt: skip


def bind(source: str, target: str, *options: str) -> MountConfig:
    """A mount of a file or folder out here."""
    how = [] if set(PROPAGATION) & set(options) else ["rprivate"]
    return {"type": "bind", "source": source, "destination": target, "options": ["rbind", *how, *options]}


def plain_mount(mount: StepMount) -> MountConfig:
    """The runtime's mount for a bind or tmpfs mount of a step."""
    if mount.type == "tmpfs":
        size = [f"size={mount.size_bytes}"] if mount.size_bytes else []
        # Unlike in a container it begins empty, as BuildKit's and Podman's do.
        empty = [] if "tmpcopyup" in mount.options else ["notmpcopyup"]
        options = ["nosuid", "nodev", *size, *empty, *mount.options]
        return {"type": "tmpfs", "source": "tmpfs", "destination": mount.target, "options": options}
    if mount.type != "bind":
        raise Invalid(f'mount type "{mount.type}" is not known')
    return bind(mount.source, mount.target, "ro" if mount.readonly else "rw", *mount.options)
