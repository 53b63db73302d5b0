"""What RUN steps run with, of the flags of ``build``."""

from __future__ import annotations

import os

from skerry.build.options import RunOptions
from skerry.build.volume_text import join_volume, split_volume
from skerry.cli.flags import UsageError
from skerry.engine.containers.options.check import check_servers
from skerry.engine.containers.options.mount_words import checked
from skerry.engine.containers.options.resources import resources
from skerry.engine.containers.options.security import apply_security
from skerry.engine.containers.options.volume_flag import check_overlay
from skerry.engine.units import parse_size
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.config.settings import Settings

_LIMITS = ("memory", "memory_swap", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems")
_NAMESPACES = {"cgroupns": "cgroup", "ipc": "ipc", "pid": "pid", "uts": "uts", "userns": "user"}
_ID_MAPS = {
    "userns_uid_map": "uidmap", "userns_gid_map": "gidmap",
    "userns_uid_map_user": "subuidname", "userns_gid_map_group": "subgidname",
}  # fmt: skip
_ISOLATIONS = ("", "default", "oci", "rootless", "chroot")
_CHROOT = {"pid": "host", "ipc": "host", "cgroup": "host"}  # what Buildah's chroot does not separate, with the network
_ONLY_OF_CONTAINERS = ("copy", "nocopy", "nocreate", "no-dereference", "idmap")
_ENTITLEMENTS = ("security.insecure", "network.host", "device")


def run_options(args: Args, settings: Settings) -> RunOptions:
    """`UsageError`, `Invalid`."""
    given: Any = {name: args[name] for name in _LIMITS if args.given(name)}
    security: dict[str, Any] = {}
    apply_security({"security_opt": _security(args["security_opt"])}, security)  # type: ignore[arg-type]
    _check(args)
    # As Podman: without the flag what BUILDAH_ISOLATION says.
    isolation = args["isolation"] if args.given("isolation") else os.environ.get("BUILDAH_ISOLATION", "")
    if isolation.lower() not in _ISOLATIONS:
        raise UsageError(f'unrecognized isolation type "{isolation}"')
    chroot = isolation.lower() == "chroot"
    if chroot and args["network"] not in ("", "host"):
        raise UsageError("cannot set --network other than host with --isolation chroot")
    return RunOptions(
        network="host" if chroot else _network(args["network"]),
        hosts=[_host(item) for item in args["add_host"]],
        mounts=[_mount(item) for item in args["mount"]],
        dns=args["dns"],
        dns_search=args["dns_search"],
        dns_options=args["dns_option"],
        no_hosts=args["no_hosts"],
        no_hostname=args["no_hostname"],
        cap_add=args["cap_add"],
        cap_drop=args["cap_drop"],
        ulimits=args["ulimit"],
        resources=dict(resources(given, settings)),
        cgroup_parent=args["cgroup_parent"],
        shm_size=parse_size(args["shm_size"], "shm-size") if args["shm_size"] else 0,
        seccomp=security.get("seccomp", ""),
        apparmor=security.get("apparmor", ""),
        label_opts=security.get("label_opts", []),
        no_new_privileges=security.get("no_new_privileges", False),
        mask=security.get("mask", []),
        unmask=security.get("unmask", []),
        namespaces={**_namespaces(args), **(_CHROOT if chroot else {})},
        id_maps=_id_maps(args),
        groups=args["group_add"],
        devices=[*settings.conf["containers"]["devices"], *args["device"]],
        volumes=_volumes(args["volume"], settings),
        runtime=args["runtime"],
        runtime_flags=args["runtime_flag"],
        hooks_dirs=args["hooks_dir"],
        stdin=args["stdin"],
        compat_volumes=args["compat_volumes"],
        insecure="security.insecure" in args["allow"],
    )


def _check(args: Args) -> None:
    """What excludes each other."""
    if "keep-groups" in args["group_add"] and len(args["group_add"]) > 1:
        raise UsageError("the '--group-add keep-groups' option is not allowed with any other --group-add options")
    if args["no_hosts"] and args["add_host"]:
        raise UsageError("--no-hosts and --add-host conflict, can not be used together")
    for name in ("dns", "dns-option", "dns-search"):
        if args["network"] == "none" and args[name.replace("-", "_")]:
            raise UsageError(f"the --{name} option cannot be used with --network=none")
    check_servers(args["dns"])
    for entitlement in args["allow"]:
        if entitlement.partition("=")[0] not in _ENTITLEMENTS:
            raise UsageError(f'unknown entitlement "{entitlement}": {", ".join(_ENTITLEMENTS)} are known')


def _security(items: list[str]) -> list[str]:
    for item in items:
        if item.startswith("proc-opts"):
            raise UsageError(f'--security-opt "{item}" is not supported in builds')
    return items


def _mount(text: str) -> str:
    from skerry.build.language.mounts import MountError, parse_mount

    try:
        parse_mount(text, lambda value: value)
    except MountError as error:
        raise UsageError(f'invalid --mount "{text}": {error}') from None
    return text


def _network(text: str) -> str:
    if text in ("", "bridge", "default"):
        return "default"
    if text == "container":  # Buildah's word for one of its own
        return "private"
    if text.startswith("/"):
        text = f"ns:{text}"
    if text == "container":  # Buildah's word for a namespace of its own
        return "private"
    if text.partition(":")[0] == "slirp4netns":
        raise UsageError("--network slirp4netns is not supported: use pasta")
    if text.startswith("container:"):
        raise UsageError("--network container:… is not supported in builds: use ns:PATH")
    return text


def _host(item: str) -> str:
    """NAME:ADDRESS; Docker also has NAME=ADDRESS."""
    colon, equals = item.find(":"), item.find("=")
    if equals > 0 and (colon < 0 or equals < colon):
        item = item[:equals] + ":" + item[equals + 1 :]
    name, separator, address = item.partition(":")
    if not separator or not name or not address:
        raise Invalid(f"bad format for add-host: {item!r}")
    return item


def _namespaces(args: Args) -> dict[str, str]:
    found: dict[str, str] = {}
    for flag, kind in _NAMESPACES.items():
        value: str = args[flag]
        if not value:
            continue
        value = "private" if value == "container" else f"ns:{value}" if value.startswith("/") else value
        if kind == "user" and value.partition(":")[0] == "auto":
            found[kind] = value
            continue
        if value not in ("host", "private") and not value.startswith("ns:"):
            more = ", auto[:OPTIONS]" if kind == "user" else ""
            raise UsageError(f'invalid --{flag} "{value}": host, private{more} or ns:PATH are possible in builds')
        if value.startswith("ns:") and not os.path.exists(value[3:]):
            raise Invalid(f"checking {kind} namespace: stat {value[3:]}: no such file or directory")
        found[kind] = value
    if _id_maps(args):
        if found.get("user", "private") != "private":
            mode = "host's user namespace" if found["user"] == "host" else f"--userns={found['user']}"
            raise UsageError(f"can not specify ID mappings while using {mode}")
        found["user"] = "private"
    return found


def _id_maps(args: Args) -> dict[str, Any]:
    for kind in ("uid", "gid"):
        if args[f"userns_{kind}_map"]:
            from skerry.engine.containers.options.userns import id_maps

            id_maps(args[f"userns_{kind}_map"], f"userns-{kind}-map", kind)
    return {ours: args[key] for key, ours in _ID_MAPS.items() if args[key]}


def _volumes(given: list[str], settings: Settings) -> list[str]:
    """Those of containers.conf, but where one is given for the same place."""
    volumes = [_volume(item) for item in given]
    taken = {split_volume(item)[1] for item in volumes}
    configured = [_volume(item) for item in settings.conf["containers"]["volumes"] if item.startswith("/")]
    return [*(item for item in configured if split_volume(item)[1] not in taken), *volumes]


def _volume(item: str) -> str:
    """FOLDER:TARGET[:OPTIONS]; the folder as seen from here."""
    source, target, words = (*split_volume(item), "", "")[:3]
    if not target.startswith("/"):
        raise UsageError(f'invalid --volume "{item}": FOLDER:TARGET[:OPTIONS] is wanted, with an absolute TARGET')
    given = checked([word for word in words.split(",") if word])
    keys = {word.partition("=")[0] for word in given}
    for word in _ONLY_OF_CONTAINERS:
        if word in keys:
            raise UsageError(f'invalid --volume "{item}": the option {word} is not supported in builds')
    if "O" in given and "ro" in given:
        raise UsageError(
            f'invalid --volume "{item}": what is written with the option O is forgotten, with ro nothing is'
        )
    if keys & {"upperdir", "workdir"}:
        check_overlay(given)
    path = os.path.abspath(source)
    if not os.path.exists(path):
        raise Invalid(f"--volume {item}: {source}: no such file or directory")
    return join_volume([path, target, *([",".join(given)] if given else [])])
