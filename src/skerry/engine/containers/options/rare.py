"""Flags that few containers have: this is loaded when one of them is given."""

from __future__ import annotations

import os

from skerry.engine.health import has_check
from skerry.engine.units import parse_size
from skerry.errors import Invalid, NotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.containers.types import ContainerRecord, HostUser

SECCOMP_LABEL = "io.containers.seccomp.profile"
SDNOTIFY = ("conmon", "container", "healthy", "ignore")


def apply(options: ContainerRequest, image: dict[str, Any], record: ContainerRecord) -> None:
    """Put them into the record. `Invalid` and others in Podman's words."""
    config = record["config"]
    if options.get("link_local_ip"):
        raise Unsupported("--link-local-ip is not supported", hint="give the interface its address by --ip or --ip6")
    if options.get("chrootdirs"):
        config["chroot_dirs"] = [_absolute(path) for path in options["chrootdirs"]]
    config["devices"] = [*config.get("devices", ()), *(f"nvidia.com/gpu={name}" for name in options.get("gpus", ()))]
    if options.get("hosts_file"):
        record["hosts_file"] = _hosts_file(options)
    if options.get("hostuser"):
        record["host_users"] = [_host_user(name) for name in options["hostuser"]]
    if options.get("preserve_fd"):
        config["preserve_fd"] = descriptors(options["preserve_fd"])
    if options.get("rdt_class"):
        config["rdt_class"] = options["rdt_class"]
    if options.get("shm_size_systemd"):
        try:
            config["shm_size_systemd"] = parse_size(options["shm_size_systemd"], "shm-size-systemd")
        except Invalid:
            raise Invalid(
                f"unable to translate --shm-size-systemd: invalid size: '{options['shm_size_systemd']}'"
            ) from None
    _sdnotify(options, record)
    _seccomp(options, image, record)


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f'--chrootdirs "{path}" is no absolute path of a folder in the container')
    return os.path.normpath(path)


def _hosts_file(options: ContainerRequest) -> str:
    if options.get("no_hosts"):
        raise Invalid("--no-hosts and --hosts-file cannot be set together")
    text = options["hosts_file"]
    if text in ("image", "none"):
        return text
    path = os.path.abspath(text)
    if not os.path.isfile(path):
        raise NotFound(f"failed to create new hosts file: open {text}: no such file or directory")
    return path


def _host_user(text: str) -> HostUser:
    import pwd

    try:
        entry = pwd.getpwuid(int(text)) if text.isascii() and text.isdigit() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        raise NotFound(f"user: unknown user {text}", exit_code=126) from None
    return {
        "name": entry.pw_name, "uid": entry.pw_uid, "gid": entry.pw_gid, "gecos": entry.pw_gecos.split(",")[0],
        "home": entry.pw_dir,
    }  # fmt: skip


def descriptors(numbers: list[str]) -> list[int]:
    """Of ``--preserve-fd``. `Invalid` for what is no number above 2."""
    found = []
    for text in numbers:
        if not (text.isascii() and text.isdigit()) or int(text) > 1 << 20:
            raise Invalid(f'invalid argument "{text}" for "--preserve-fd" flag: it is no number of a descriptor')
        if int(text) < 3:
            raise Invalid(
                f"cannot preserve FD {text}, consider using the passthrough log-driver to pass STDIO streams into the "
                "container: invalid argument"
            )
        found.append(int(text))
    return sorted(set(found))


def _sdnotify(options: ContainerRequest, record: ContainerRecord) -> None:
    mode = options.get("sdnotify", "")
    if not mode:
        return
    if mode not in SDNOTIFY:
        raise Invalid(
            f'invalid config provided: invalid argument: invalid sdnotify value "{mode}": '
            "must be conmon, container, healthy or ignore"
        )
    if mode == "healthy" and not has_check(record["config"]):
        raise Invalid('invalid argument: sdnotify policy "healthy" requires a healthcheck to be set')
    record["sdnotify"] = mode


def _seccomp(options: ContainerRequest, image: dict[str, Any], record: ContainerRecord) -> None:
    policy = options.get("seccomp_policy") or "default"
    if policy not in ("default", "image"):
        raise Invalid(f'invalid seccomp policy "{policy}": valid policies are ["default" "image"]')
    if policy == "image":
        profile = (image.get("Labels") or {}).get(SECCOMP_LABEL, "")
        if not profile:
            raise Invalid("no seccomp policy defined by image")
        record["config"]["seccomp_profile"] = profile
