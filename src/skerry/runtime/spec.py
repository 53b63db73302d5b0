"""config.json: what a runtime needs to make one container. Defaults are those of Podman 6."""

from __future__ import annotations

import os

from skerry import __version__
from skerry.linux.process import has_selinux
from skerry.runtime import seccomp, spec_linux, spec_mounts
from skerry.runtime.annotations import shown_annotations
from skerry.runtime.bpf import compiled_profile
from skerry.runtime.devices import is_path
from skerry.runtime.limits import without_cgroup
from skerry.runtime.spec_process import hostname, process
from skerry.runtime.users import KEEP_GROUPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from skerry.runtime.oci import Runtime
    from skerry.runtime.types import ContainerConfig, MountConfig, ResolvedUser, RuntimeSpec


def generate(
    config: ContainerConfig,
    *,
    rootfs: str,
    user: ResolvedUser,
    settings: Any,
    netns_path: str | None = None,
    namespace_paths: Mapping[str, str] | None = None,
    mounts: Sequence[MountConfig] = (),
    cgroups_path: str = "",
    runtime: Runtime | None = None,
    warn: Callable[[str], None] | None = None,
) -> RuntimeSpec:
    """The runtime spec of a container.

    ``mounts``: everything to mount beside the kernel's file systems (the container's own, hosts, resolv.conf, …),
    sources resolved. ``netns_path``: None makes a namespace of its own unless the network is the host's.
    ``namespace_paths``: the namespaces to join, by our names. ``cgroups_path``: empty when limits cannot be set.
    ``warn`` gets a line for each limit that this host cannot grant."""
    tell = warn or _to_standard_error
    paths = namespace_paths or {}
    config = _with_ours_as_hosts(config, {**paths, "net": netns_path or ""})
    rootless = bool(settings.rootless)
    situation = spec_mounts.Situation(
        rootless=rootless, cgroup_v2=os.path.exists("/sys/fs/cgroup/cgroup.controllers"),
        gid_limit=_group_ids() if rootless else 2**32, ipc_path=paths.get("ipc", ""),
        init_path=(config.get("init_path") or settings.init_path) if config.get("init") else "",
    )  # fmt: skip
    if not cgroups_path and config.get("cgroups") != "disabled":
        without_cgroup(
            config.get("resources", {}), default_pids=settings.pids_limit,
            cgroup_v2=situation.cgroup_v2, warn=tell,
        )  # fmt: skip
    nodes = spec_linux.device_nodes(config, rootless=rootless)
    document: RuntimeSpec = {
        "ociVersion": "1.0.2",
        "process": process(config, user, settings, warn=tell),
        "root": {"path": rootfs, "readonly": True} if config.get("read_only") else {"path": rootfs},
        "mounts": [*spec_mounts.all_mounts(config, mounts, situation), *nodes.binds],
        "annotations": _annotations(config),
        "linux": spec_linux.section(
            config,
            settings,
            netns_path=netns_path,
            paths=paths,
            cgroups_path=cgroups_path,
            rootless=rootless,
            nodes=nodes,
            warn=tell,
        ),
    }
    propagation = spec_mounts.root_propagation(document["mounts"])
    if propagation:
        document["linux"]["rootfsPropagation"] = propagation
    if config.get("namespaces", {}).get("uts", "private") == "private":
        document["hostname"] = hostname(config)
    _add_labels(config, document)
    _add_cdi_devices(config, document, settings)
    _add_seccomp(config, document, settings, runtime)
    return document


def _with_ours_as_hosts(config: ContainerConfig, paths: Mapping[str, str]) -> ContainerConfig:
    """A namespace to join that is ours already (another container's that has the host's) is the host's: a user could not
    join it, and what is mounted depends on it."""
    ours = [kind for kind, path in paths.items() if path and kind != "user" and _is_ours(kind, path)]
    if not ours:
        return config
    modes: Any = {**config["namespaces"], **dict.fromkeys(ours, "host")}
    return {**config, "namespaces": modes}


def _is_ours(kind: str, path: str) -> bool:
    try:
        return os.path.samefile(path, f"/proc/self/ns/{kind}")
    except OSError:
        return False


def with_hooks(
    document: RuntimeSpec, config: ContainerConfig, settings: Any, bundle: str, warn: Callable[[str], None],
    *, folders: Iterable[str] = (),
) -> RuntimeSpec:  # fmt: skip
    """The spec with what the folders of OCI hooks (the configured ones) add to it; the one look at each costs an
    everyday start nothing."""
    folders = [folder for folder in folders or settings.hooks_dirs if os.path.isdir(folder)]
    if not folders:
        return document
    from skerry.runtime import hooks

    return hooks.apply(document, folders, bundle, has_binds=bool(config.get("mounts")), warn=warn)


def _to_standard_error(message: str) -> None:
    os.write(2, f"Warning: {message}\n".encode(errors="replace"))


def _annotations(config: ContainerConfig) -> dict[str, str]:
    result = {"io.skerry.version": __version__, **shown_annotations(config)}
    # Ours alone to set: a filter from the outside would replace the profile.
    for name in [name for name in result if name.startswith("run.oci.seccomp")]:
        del result[name]
    if KEEP_GROUPS in config.get("groups", ()):
        result["run.oci.keep_original_groups"] = "1"
    return result


def _group_ids() -> int:
    """How many group ids this user namespace has."""
    total = 0
    try:
        with open("/proc/self/gid_map", "rb") as file:
            for line in file:
                total += int(line.split()[2])
    except (OSError, ValueError, IndexError):
        return 2**32
    return total


def _add_cdi_devices(config: ContainerConfig, document: RuntimeSpec, settings: Any) -> None:
    names = [text for text in config.get("devices", ()) if not is_path(text)]
    if names:
        from skerry.runtime import cdi, cdi_edits

        bind_nodes = bool(settings.rootless) or spec_mounts.own_userns(config)
        cdi_edits.apply(document, cdi.resolve(names, settings.cdi_dirs), bind_nodes=bind_nodes)


def _add_labels(config: ContainerConfig, document: RuntimeSpec) -> None:
    """SELinux: only where it is enabled, and unless disabled for this container."""
    options = config.get("label_opts", [])
    if config.get("privileged") or "disable" in options or not has_selinux():
        return
    from skerry.runtime.selinux import labels

    document["process"]["selinuxLabel"], document["linux"]["mountLabel"] = labels(config["id"], options)


def _add_seccomp(config: ContainerConfig, document: RuntimeSpec, settings: Any, runtime: Runtime | None) -> None:
    wanted = config.get("seccomp", "")
    if wanted == "unconfined" or (not wanted and config.get("privileged")):
        return
    path = wanted or seccomp.default_path(settings.seccomp_profile)
    bounding = document["process"]["capabilities"]["bounding"]
    document["linux"]["seccomp"], annotations = compiled_profile(
        path, bounding=bounding, runtime=runtime, folder=filter_cache(settings), text=config.get("seccomp_profile", "")
    )
    document["annotations"].update(annotations)


def filter_cache(settings: Any) -> str:
    """The folder of compiled seccomp filters."""
    return os.path.join(settings.runroot, "seccomp")
