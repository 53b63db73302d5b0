"""Options + image → `ContainerRecord`."""

from __future__ import annotations

import os
import time

from skerry.engine.containers.options.configured import USER_NAMESPACE
from skerry.engine.containers.options.mounts import mounts
from skerry.engine.containers.options.names import check_name
from skerry.engine.containers.options.namespaces import namespaces
from skerry.engine.containers.options.ports import exposed, published
from skerry.engine.containers.options.process import (
    entrypoint_and_command,
    environment,
    key_values,
    labels,
    working_directory,
)
from skerry.engine.containers.options.resources import resources
from skerry.engine.containers.options.restart import restart_policy
from skerry.engine.containers.options.security import apply_security, reduce_capabilities
from skerry.engine.containers.state import find
from skerry.engine.units import parse_size
from skerry.errors import CommandNotFound, Invalid, NotFound
from skerry.linux.signals import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.runtime.types import ContainerConfig

_COPIED = (
    "group_add", "umask", "read_only", "oom_score_adj", "device_cgroup_rule", "cgroup_parent", "init_path",
    "personality", "preserve_fds",
)  # fmt: skip
# Flags that few containers have, in a module of their own.
_RARE = frozenset((
    "chrootdirs", "gpus", "hosts_file", "hostuser", "link_local_ip", "preserve_fd", "rdt_class", "sdnotify",
    "seccomp_policy", "shm_size_systemd",
))  # fmt: skip
# What Podman takes for systemd as the container's program.
_SYSTEMD = ("/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init")
_CONFIG_KEYS = {"group_add": "groups", "device_cgroup_rule": "device_cgroup_rules"}


def build_record(engine: Engine, options: ContainerRequest, image: ImageRecord | None) -> ContainerRecord:
    """Decide everything about a container. Nothing is written; errors are `Invalid` or `NotFound`."""
    _refuse_conflicts(options)
    image_config: dict[str, Any] = image["config"] if image else {}
    container_id = os.urandom(32).hex()
    config = _config(engine, options, image_config, container_id)
    entrypoint, command = _program(engine, options, image_config, config)
    from skerry.engine.containers.options.networks import network_mode

    mode, networks, network_options = network_mode(engine, options)
    config["namespaces"]["net"] = mode
    if image:
        by_platform = engine.settings.conf["engine"]["platform_to_oci_runtime"]
        config["runtime"] = by_platform.get(f"{image['os']}/{image['architecture']}", config["runtime"])
    record: ContainerRecord = {
        "id": container_id,
        "name": config["name"],
        "image": (image["names"][0] if image["names"] else image["id"]) if image else "",
        "image_id": image["id"] if image else "",
        "layers": image["layers"] if image else [],
        "pod": "",
        "created_ns": time.time_ns(),
        "config": config,
        "entrypoint": entrypoint,
        "command": command,
        "networks": networks,
        "network_options": network_options,
        "ports": published(engine, options, image_config, mode),
        "exposed": exposed(options, image_config),
        "volumes": [mount["name"] for mount in config["mounts"] if mount["type"] == "volume"],
        "volumes_from": list(options.get("volumes_from", ())),
        "auto_remove": options.get("rm", False) or options.get("rmi", False),
        "remove_image": options.get("rmi", False),
        "publish_all": options.get("publish_all", False),
        "restart": restart_policy(
            options.get("restart", ""),
            removes_itself=options.get("rm", False),
            where="running container create option: ",
        ),
        "create_command": options.get("create_command", []),
    }
    if options.get("requires"):
        record["requires"] = _required(engine, options["requires"])
    _add_files(options, record, engine.settings.conf["containers"])
    if _RARE & options.keys():
        from skerry.engine.containers.options import rare

        rare.apply(options, image_config, record)
    if record.get("sdnotify") != "ignore" and os.environ.get("NOTIFY_SOCKET"):
        record["notify_socket"] = os.environ["NOTIFY_SOCKET"]
    if options.get("secret"):
        from skerry.engine.containers.options.secrets import secrets

        record["secrets"] = secrets(engine, options["secret"])
    if USER_NAMESPACE & options.keys():
        from skerry.engine.containers.options import userns

        userns.apply(engine, options, image, record)
    return record


def _refuse_conflicts(options: ContainerRequest) -> None:
    if options.get("uts") == "host" and options.get("hostname"):
        raise Invalid(
            "invalid config provided: cannot set hostname when running in the host UTS namespace: invalid configuration"
        )
    if options.get("no_hosts") and options.get("add_host"):
        raise Invalid("--no-hosts and --add-host cannot be set together")
    if "none" in options.get("dns", ()):
        for key, name in (("dns_search", "DNSSearch"), ("dns_option", "DNSOption")):
            if options.get(key):
                raise Invalid(f"invalid config provided: UseImageResolvConf and {name} are mutually exclusive options")
    if options.get("rmi") and options.get("rm") is False:
        raise Invalid("the --rmi option does not work without --rm")
    groups = options.get("group_add", ())
    if "keep-groups" in groups and len(groups) > 1:
        raise Invalid("the '--group-add keep-groups' option is not allowed with any other --group-add options")
    if options.get("name"):
        try:
            check_name(_name(options))
        except Invalid as error:
            raise Invalid(f"running container create option: {error.message.partition(': ')[2]}") from None


def _shm_size(text: str) -> int:
    try:
        return parse_size(text, "")
    except Invalid:
        raise Invalid(f"unable to translate --shm-size: invalid size: '{text}'") from None


def _required(engine: Engine, names: list[str]) -> list[str]:
    """The ids of the containers that are to run before it."""
    found = []
    for name in names:
        try:
            found.append(find(engine, name)[0]["id"])
        except NotFound as error:
            raise NotFound(
                f'"{name}" is not a valid container, cannot be used as a dependency: {error.message}'
            ) from None
    return found


def _name(options: ContainerRequest) -> str:
    return options.get("name", "").removeprefix("/")  # as Docker shows names


def _program(
    engine: Engine, options: ContainerRequest, image: dict[str, Any], config: ContainerConfig
) -> tuple[list[str], list[str]]:
    """Entrypoint and command, both of them put into ``config`` with what depends on them."""
    entrypoint, command = entrypoint_and_command(options, image)
    config["args"] = [*entrypoint, *command]
    if not config["args"] and options.get("rootfs"):
        raise CommandNotFound(
            f"{os.path.basename(engine.settings.runtime)}: executable file `` not found in $PATH: No such file or directory: "
            "OCI runtime attempted to invoke a command that was not found",
            hint="a command is needed after the folder",
        )
    if not config["args"]:
        raise Invalid("no command or entrypoint provided, and no CMD or ENTRYPOINT from image")
    config["systemd"] = _for_systemd(options.get("systemd") or "true", config["args"][0])
    if config["systemd"] and not options.get("stop_signal"):
        config["stop_signal"] = parse_signal("RTMIN+3")  # what systemd shuts down on
    return entrypoint, command


def _add_files(options: ContainerRequest, record: ContainerRecord, conf: dict[str, Any]) -> None:
    """What concerns files: those in /etc that are made for the container, and those that tell about it outside."""
    if conf["container_name_as_hostname"] and not options.get("hostname"):
        record["hostname_is_name"] = record["config"]["hostname"] == record["id"][:12]
    record["no_hosts"] = options.get("no_hosts", False)
    record["no_hostname"] = options.get("no_hostname", False)
    record["workdir_given"] = bool(options.get("workdir"))
    record["passwd"] = options.get("passwd", True)
    record["passwd_entry"] = options.get("passwd_entry", "")
    record["group_entry"] = options.get("group_entry", "")
    record["dns"] = list(options.get("dns", ()))
    record["dns_search"] = list(options.get("dns_search", ()))
    record["dns_options"] = list(options.get("dns_option", ()))
    record["add_hosts"] = list(options.get("add_host", ()))
    for key, name in (("cidfile", "cid_file"), ("pidfile", "pid_file"), ("conmon_pidfile", "conmon_pid_file")):
        if options.get(key):
            record[name] = os.path.abspath(options[key])  # type: ignore[literal-required]


def _config(engine: Engine, options: ContainerRequest, image: dict[str, Any], container_id: str) -> ContainerConfig:
    settings = engine.settings
    config: ContainerConfig = {
        "id": container_id,
        "name": _name(options),
        "env": environment(options, image, settings),
        "cwd": working_directory(options, image),
        "user": options.get("user", "") or image.get("User") or "",
        "terminal": options.get("tty", False),
        "stdin_open": options.get("interactive", False),
        "labels": labels(options, image),
        "annotations": key_values(options.get("annotation", []), "annotations must be formatted KEY=VALUE"),
        "sysctls": key_values(
            options.get("sysctl", []), "{} is invalid, sysctl values must be in the form of KEY=VALUE"
        ),
        "ulimits": list(options.get("ulimit", ())),
        "devices": list(options.get("device", ())),
        "mounts": mounts(engine, options, list(image.get("Volumes") or ())),
        "resources": resources(options, settings),
        "namespaces": namespaces(engine, options, settings.cgroupns),
        "read_only_tmpfs": options.get("read_only_tmpfs", True),
        "shm_size": _shm_size(options["shm_size"]) if options.get("shm_size") else settings.shm_size,
        "stop_signal": parse_signal(options.get("stop_signal") or image.get("StopSignal") or "SIGTERM"),
        "stop_timeout_s": options.get("stop_timeout", settings.stop_timeout),
        "timeout_s": options.get("timeout", 0),
        "cgroups": options.get("cgroups") or "enabled",  # type: ignore[typeddict-item]
        "cgroup_manager": settings.cgroup_manager,
        "runtime": settings.runtime,
        "hostname": _hostname(options, container_id),
    }
    if config["resources"].get("blkio_weight"):
        from skerry.runtime.limits import weight_is_possible

        if not weight_is_possible():
            engine.warn("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.")
            del config["resources"]["blkio_weight"]
    if settings.runtime_flags:
        config["runtime_flags"] = settings.runtime_flags
    apply_security(options, config)
    reduce_capabilities(engine, config)
    if image.get("Healthcheck") or any("health" in key for key in options):
        from skerry.engine.health.config import apply as apply_health

        apply_health(options, image, config)
    for key in _COPIED:
        if options.get(key):
            config[_CONFIG_KEYS.get(key, key)] = options[key]  # type: ignore[literal-required]
    if options.get("unsetenv") or options.get("unsetenv_all"):
        config["unset_env"] = ["*"] if options.get("unsetenv_all") else list(options["unsetenv"])
    config["init"] = options.get("init", settings.init)
    if options.get("tz") or settings.tz:
        config["tz"] = options.get("tz") or settings.tz
    if config["cgroups"] not in ("enabled", "disabled", "no-conmon", "split"):
        raise Invalid(
            f'running container create option: invalid cgroup mode "{config["cgroups"]}": invalid argument',
            hint="enabled, disabled, no-conmon or split",
        )
    if options.get("rootfs"):
        from skerry.engine.containers.options.rootfs import apply as apply_rootfs

        apply_rootfs(options["image"], config)
    from skerry.engine.containers.options import logs  # not needed where the image is missing

    logs.apply(engine, options, config)
    folder = settings.conf["containers"]["log_path"]
    if folder and "log_path" not in config and config["log_driver"] in ("k8s-file", "json-file"):
        config["log_path"] = f"{os.path.abspath(folder)}/{container_id}/ctr.log"
    return config


def _for_systemd(mode: str, program: str) -> bool:
    if mode == "always":
        return True
    if mode.lower() in ("false", "0", "f"):
        return False
    if mode.lower() not in ("true", "1", "t"):
        raise Invalid(
            'invalid config provided: --systemd values must be one of "true, false, always": invalid configuration'
        )
    return program in _SYSTEMD or program.rpartition("/")[2] == "systemd"


def _hostname(options: ContainerRequest, container_id: str) -> str:
    name = options.get("hostname", "")
    if name:
        if (
            len(name) > 64
            or not name.isascii()
            or not name.replace("-", "a").replace(".", "a").replace("_", "a").isalnum()
        ):
            raise Invalid(f'invalid hostname "{name[:80]}"', hint="letters, digits, dots and hyphens, 64 at most")
        return name
    if options.get("uts") == "host" or (options.get("network") or [""])[0] == "host":
        return os.uname().nodename
    return container_id[:12]
