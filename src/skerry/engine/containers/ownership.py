"""``:U``, ``:z`` and ``:Z``: giving what is mounted to the container."""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unavailable
from skerry.linux.process import has_selinux
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.types import ContainerConfig
    from skerry.runtime.users import ResolvedUser

# Podman refuses to change these, and what a typing mistake makes of them.
_THE_HOSTS = frozenset(
    ("/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow", "/home", "/lib", "/lib64", "/media",
     "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log")
)  # fmt: skip


def give(source: str, owner: ResolvedUser) -> None:
    """Make ``owner`` (by the host's ids) the owner of a tree, unless its top belongs to them already: as with Podman
    what was changed below it since stays. `Invalid` for the host's own folders."""
    path = os.path.realpath(source)
    uid, gid = owner["uid"], owner["gid"]
    if path in _THE_HOSTS:
        raise Invalid(f'chowning host path "{path}" is not allowed. You can manually `chown -R {uid}:{gid} {path}`')
    try:
        status = os.lstat(path)
    except OSError as error:
        raise Unavailable(f"cannot change the owner of {source}: {error.strerror}") from error
    if (status.st_uid, status.st_gid) == (uid, gid):
        return
    done = run(["/bin/chown", "-Rh", f"{uid}:{gid}", "--", path])
    if done.code:
        raise Unavailable(f"cannot change the owner of {source}: {done.stderr.decode(errors='replace').strip()}")


def relabel(config: ContainerConfig, source: str, *, shared: bool) -> None:
    """SELinux, where it is enabled: a label that this container, or (``shared``) every container may use."""
    if config.get("privileged") or "disable" in config.get("label_opts", ()):
        return
    if not has_selinux():
        return
    from skerry.runtime.selinux import labels

    path = os.path.realpath(source)
    if path in _THE_HOSTS:
        raise Invalid(f"SELinux relabeling of {path} is not allowed")
    label = labels(config["id"], config.get("label_opts", []))[1]
    if shared:
        label = ":".join([*label.split(":")[:3], "s0"])
    done = run(["chcon", "-R", "-h", label, "--", path])
    if done.code:
        raise Unavailable(f"cannot relabel {source}: {done.stderr.decode(errors='replace').strip()}")
