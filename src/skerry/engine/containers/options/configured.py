"""What containers.conf says about every new container, put into the options that the request leaves open (its mounts:
`mounts`)."""

from __future__ import annotations

import os

USER_NAMESPACE = frozenset(("userns", "uidmap", "gidmap", "subuidname", "subgidname"))
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings
    from skerry.engine.containers.options.types import ContainerRequest

# containers.conf's key: the option, and the value that says nothing
_SINGLE = (
    ("cgroups", "cgroups", "enabled"),
    ("env_host", "env_host", False),
    ("http_proxy", "http_proxy", True),
    ("ipcns", "ipc", "shareable"),
    ("pidns", "pid", "private"),
    ("no_hosts", "no_hosts", False),
    ("privileged", "privileged", False),
    ("read_only", "read_only", False),
    ("umask", "umask", "0022"),
    ("utsns", "uts", "private"),
    ("oom_score_adj", "oom_score_adj", 0),
)
_LISTS = (("annotations", "annotation"), ("cgroup_conf", "cgroup_conf"), ("devices", "device"))


def configured(options: ContainerRequest, settings: Settings) -> ContainerRequest:
    """``options`` over the configuration's: a flag wins over a value, and adds to a list."""
    containers, engine = settings.conf["containers"], settings.conf["engine"]
    result: Any = {**options}
    for key, name, nothing in _SINGLE:
        if containers[key] not in ("", nothing):
            result.setdefault(name, containers[key])
    for key, name in _LISTS:
        if containers[key]:
            result[name] = [*containers[key], *result.get(name, ())]
    userns = os.environ.get("PODMAN_USERNS") or containers["userns"]
    if userns not in ("", "host") and not USER_NAMESPACE & options.keys():
        result["userns"] = userns
    if not containers["label"] or containers["apparmor_profile"]:
        _add_security(result, containers)
    if containers["log_tag"] and (options.get("log_driver") or settings.log_driver) == "journald":
        result["log_opt"] = [f"tag={containers['log_tag']}", *options.get("log_opt", ())]
    if engine["image_volume_mode"] != "anonymous":
        result.setdefault("image_volume", engine["image_volume_mode"])
    if engine["retry"] != 3:
        result.setdefault("retry", engine["retry"])
    if engine["retry_delay"]:
        result.setdefault("retry_delay", engine["retry_delay"])
    return result  # type: ignore[no-any-return]


def _add_security(options: ContainerRequest, containers: dict[str, Any]) -> None:
    given = options.get("security_opt", [])
    added = []
    if not containers["label"] and not any(item.startswith("label") for item in given):
        added.append("label=disable")
    profile = containers["apparmor_profile"]
    # A default where the kernel has no AppArmor is none; a flag's profile is an error there.
    if profile and not any(item.startswith("apparmor") for item in given) and os.path.exists("/sys/module/apparmor"):
        added.append(f"apparmor={profile}")
    options["security_opt"] = [*added, *given]
