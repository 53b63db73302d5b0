"""What only takes effect at the start, checked when a container is created: nothing is made that can never start.

Each check is the very function that the start uses, so that the two cannot come to differ; a module is loaded only
for a flag that was given.
"""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unsupported
from skerry.linux.process import has_selinux

# execve(2), "Limits on size of arguments and environment": three quarters of _STK_LIM, whatever the stack's limit is.
_MAX_ARGUMENTS, _POINTER = 6 << 20, 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig


def check(engine: Engine, record: ContainerRecord) -> None:
    """`Invalid` or `NotFound`, in Podman's words, for what would fail at every start."""
    _check_process(record)
    _check_devices(engine, record)
    _check_runtime(record)
    _check_security(engine, record)
    _check_network(record)
    _check_groups(engine, record)
    _check_init(record)
    _check_seccomp(record)


def _check_groups(engine: Engine, record: ContainerRecord) -> None:
    config = record["config"]
    parent = config.get("cgroup_parent", "")
    if config["cgroups"] == "disabled":
        _check_without_groups(config, parent)
    elif parent and config["cgroups"] == "split":
        raise Invalid("cannot specify --cgroup-mode=split with a cgroup-parent: invalid argument")
    elif parent:
        from skerry.runtime.cgroups import check_parent

        check_parent(engine.settings, config)
    if config["resources"].get("cgroup_conf"):
        from skerry.linux.cgroup import is_unified

        if not is_unified():
            raise Invalid("cannot use --cgroup-conf without cgroup v2")


def _check_without_groups(config: ContainerConfig, parent: str) -> None:
    """Without a group of its own only a PID namespace of its own tells which processes are the container's."""
    pid = str(config["namespaces"]["pid"])
    if pid.startswith("container:"):
        raise Invalid("cannot join another container's PID namespace if not creating cgroups: invalid argument")
    if parent:
        raise Invalid("cannot set cgroup parent if not creating cgroups: invalid argument")
    must = "containers not creating Cgroups must create a private PID namespace"
    if pid.startswith("ns:"):
        raise Invalid(f"{must} - cannot use another: invalid argument")
    if pid == "host":
        raise Invalid(f"{must}: invalid argument")


def _check_init(record: ContainerRecord) -> None:
    path = record["config"].get("init_path", "")
    if record["config"].get("init") and path and not os.path.exists(path):
        raise Invalid(f"container-init binary not found on the host: faccessat {path}: no such file or directory")


def _check_process(record: ContainerRecord) -> None:
    config = record["config"]
    _check_size([*config["args"], *config["env"]])
    if config.get("cap_add") or config.get("cap_drop"):
        from skerry.runtime.security import merge_capabilities

        merge_capabilities((), config.get("cap_add", ()), config.get("cap_drop", ()))
    for item in config.get("ulimits", ()):
        if item != "host":
            from skerry.runtime.limits import parse_ulimit

            parse_ulimit(item)
    if config.get("sysctls"):
        from skerry.runtime.spec_linux import sysctls

        sysctls(config, {})
    umask = config.get("umask", "")
    if umask and (len(umask) > 4 or set(umask) - set("01234567")):
        raise Invalid(f"running container create option: invalid umask string {umask}: invalid argument")
    _check_zone(config.get("tz", ""))


def _check_zone(zone: str) -> None:
    path = f"/usr/share/zoneinfo/{zone}"
    if not zone or zone == "local" or (os.path.isfile(path) and not _leads_out(zone)):
        return
    if _leads_out(zone):
        problem = "time: invalid location name"
    else:
        problem = "is a directory" if os.path.isdir(path) else f"unknown time zone {zone}"
    raise Invalid(f"running container create option: finding timezone: {problem}")


def _leads_out(zone: str) -> bool:
    return zone.startswith("/") or ".." in zone.split("/")


def _check_size(words: Sequence[str]) -> None:
    """Words and variables that no kernel takes: a runtime that sorts a million of them is busy for hours, first."""
    size = sum(map(len, words)) + _POINTER * len(words)
    if size > _MAX_ARGUMENTS:
        raise Invalid(
            f"argument list too long: the command and its environment take {size >> 20} MB in {len(words)} words",
            hint="the kernel takes 6 MB at most; use a file that is mounted, or a secret",
        )


def _check_devices(engine: Engine, record: ContainerRecord) -> None:
    config = record["config"]
    if not config.get("devices") and not config.get("device_cgroup_rules"):
        return
    from skerry.runtime.devices import is_path, parse_all, parse_rule

    named = [item for item in config.get("devices", ()) if not is_path(item)]
    if named:
        from skerry.runtime.cdi import resolve

        resolve(named, engine.settings.cdi_dirs)
    parse_all(list(filter(is_path, config.get("devices", ()))))  # which says what is no device
    for rule in config.get("device_cgroup_rules", ()):
        parse_rule(rule)


def _check_runtime(record: ContainerRecord) -> None:
    """What a sandbox would silently leave undone."""
    name = os.path.basename(record["config"]["runtime"])
    if name in ("crun", "runc"):
        return
    from skerry.runtime.oci import quirks_of

    if quirks_of(name).own_processes:
        return
    for kind in ("pid", "ipc", "uts"):
        mode = str(record["config"]["namespaces"].get(kind, ""))  # type: ignore[call-overload]
        if mode == "host" or mode.startswith(("ns:", "container:")):
            raise Unsupported(
                f"{name} runs containers in a sandbox, which has a {kind} namespace of its own (--{kind}={mode})"
            )


_LABELS = ("disable", "nested", "user", "role", "type", "level", "filetype")


def _check_security(engine: Engine, record: ContainerRecord) -> None:
    """Security modules that were asked for and that this kernel has not: refused, or said."""
    profile = record["config"].get("apparmor", "")
    if profile not in ("", "unconfined"):
        from skerry.runtime import apparmor

        if not apparmor.enabled():
            raise Invalid(f'apparmor profile "{profile}" specified, but Apparmor is not enabled on this system')
        apparmor.profile(profile, rootless=engine.settings.rootless)
    labels = record["config"].get("label_opts", [])
    for label in labels:
        if label.partition(":")[0] not in _LABELS:
            raise Invalid(f'bad label option "{label}"', hint=", ".join(_LABELS))
    if not labels or has_selinux():
        return
    if "nested" in labels:
        raise Invalid("statfs /sys/fs/selinux: no such file or directory", hint="label=nested needs SELinux")
    if any(":" in label for label in labels):
        engine.warn("SELinux is not enabled on this system: labels have no effect")


def _check_seccomp(record: ContainerRecord) -> None:
    """A profile that was given is readable: what it says of capabilities and the machine is decided at the start."""
    config = record["config"]
    path, text = config.get("seccomp", ""), config.get("seccomp_profile", "")
    if text or path not in ("", "unconfined"):
        from skerry.runtime import seccomp

        profile = text.encode() if text else seccomp.read_profile(path)
        seccomp.convert(profile, bounding=(), machine=seccomp.machine(), path="" if text else path)


def check_servers(servers: Sequence[str]) -> None:
    """Name servers, or the word none. `Invalid`."""
    if not servers or list(servers) == ["none"]:
        return
    from skerry.network.addresses import is_address

    for server in servers:
        if server == "none":
            raise Invalid("none is not allowed to be specified with other DNS ip addresses")
        if not is_address(server):
            raise Invalid(f"{server} is not an ip address")


def _check_network(record: ContainerRecord) -> None:
    if record["add_hosts"]:
        from skerry.network.etc_files import parse_add_host

        for item in record["add_hosts"]:
            parse_add_host(item, "127.0.0.1")  # stands for host-gateway, which is known at the start
    check_servers(record["dns"])
    if record["dns_search"]:
        from skerry.network.etc_files import check_domain

        for domain in record["dns_search"]:
            check_domain(domain)
    for request in record["networks"]:
        if request["static_ips"] or request.get("static_mac"):
            from skerry.network.addresses import is_address, parse_mac

            for address in request["static_ips"]:
                if not is_address(address):
                    raise Invalid(f'"{address}" is not an ip address')
            if request.get("static_mac"):
                parse_mac(request["static_mac"])
