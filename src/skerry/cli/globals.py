"""Flags that stand before the command (and, as in Podman, may stand after it): which store, which tools, how loud."""

from __future__ import annotations

from skerry.cli.flags import flag

LOG_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")
# One way to store, by every name that people have in their configuration (docs/decisions/047).
STORAGE_DRIVERS = ("overlay", "overlay2", "vfs", "btrfs", "zfs")

GLOBAL_FLAGS = (
    flag("--cdi-spec-dir", kind="slice", metavar="FOLDER", complete="dirs", help="Folders of CDI specifications"),
    flag("--cgroup-manager", kind="str", choices=("cgroupfs", "systemd"), help="Who makes the containers' cgroups"),
    flag("--conmon", kind="str", metavar="PATH", complete="files", help="Path of the conmon binary"),
    flag("--cpu-profile", kind="str", metavar="PATH", complete="files", hidden=True),
    # Podman 5's; 6 has one database and took the flag away, scripts did not.
    flag("--db-backend", kind="str", choices=("sqlite",), complete="none", hidden=True),
    flag("--default-mounts-file", kind="str", metavar="PATH", complete="files", hidden=True),
    flag("--events-backend", kind="str", choices=("file", "journald", "none"), help="Where events are recorded"),
    flag("--hooks-dir", kind="list", metavar="FOLDER", complete="dirs", help="Folders of OCI hooks"),
    flag(
        "--log-level",
        kind="str",
        metavar="LEVEL",
        default="warn",
        complete="log-levels",
        help=f"Log messages at and above this level ({', '.join(LOG_LEVELS)})",
    ),
    flag("--max-workers", kind="int", default=1, complete="none", hidden=True),
    flag("--memory-profile", kind="str", metavar="PATH", complete="files", hidden=True),
    flag("--module", kind="list", metavar="NAME|PATH", complete="modules", help="Load this containers.conf module"),
    flag("--network-backend", kind="str", choices=("netavark",), complete="none", hidden=True),
    flag("--network-cmd-path", kind="str", metavar="PATH", complete="files", help="Path of pasta"),
    flag(
        "--network-config-dir", kind="str", metavar="PATH", complete="dirs", help="Folder of the networks' definitions"
    ),
    flag("--noout", help="Print nothing on stdout"),
    flag("--out", kind="str", metavar="PATH", complete="files", help="Send output (stdout) to a file"),
    flag("--pull-option", kind="list", complete="none", hidden=True),
    flag("--registries-conf", kind="str", metavar="PATH", complete="files", hidden=True),
    flag(
        "--root", kind="str", metavar="PATH", complete="dirs", help="Folder in which images and containers are stored"
    ),
    flag("--runroot", kind="str", metavar="PATH", complete="dirs", help="Folder of what a reboot may empty"),
    flag("--runtime", kind="str", metavar="NAME|PATH", complete="files", help="The OCI runtime that runs containers"),
    flag(
        "--runtime-flag",
        kind="list",
        metavar="FLAG",
        complete="none",
        help="Global flag for the runtime, without dashes",
    ),
    flag(
        "--storage-driver",
        kind="str",
        choices=STORAGE_DRIVERS,
        help="Storage driver: there is one, whichever of its names is given",
    ),
    flag("--storage-opt", kind="list", metavar="KEY=VALUE", complete="none", help="Option of the storage driver"),
    flag("--syslog", help="Send log messages to the system log as well"),
    flag("--tmpdir", kind="str", metavar="PATH", complete="dirs", help="Folder of short-lived state"),
    flag("--trace", hidden=True),
    flag("--volumepath", kind="str", metavar="PATH", complete="dirs", help="Folder in which volumes are stored"),
)
# Podman's that are refused, with why.
_NO_CLIENT = "Skerry has no remote client: it works on this machine's own store"
REFUSED = {
    "connection": _NO_CLIENT, "url": _NO_CLIENT, "identity": _NO_CLIENT, "ssh": _NO_CLIENT, "remote": _NO_CLIENT,
    "tls_ca": _NO_CLIENT, "tls_cert": _NO_CLIENT, "tls_key": _NO_CLIENT,
    "tls_details": "TLS is as strict as OpenSSL's own configuration makes it",
    "host": _NO_CLIENT, "namespace": "a store has no namespaces: use several --root",
    "imagestore": "images and containers share one store (--root)",
    "transient_store": "containers outlive a reboot here, those of run --rm do not",
}  # fmt: skip
_SHORT = {"connection": ("-c",), "remote": ("-r",), "host": ("-H",)}
_REFUSED_FLAGS = tuple(
    flag(
        *_SHORT.get(name, ()),
        "--" + name.replace("_", "-"),
        kind="bool" if name in ("remote", "transient_store") else "str",
        hidden=True,
        complete="none",
        help=f"Not supported: {why.partition(':')[0]}",
    )
    for name, why in REFUSED.items()
)
# The command's own words may hold these, too. Which modules there are decides what its flags' defaults are.
INHERITED_FLAGS = tuple(it for it in GLOBAL_FLAGS if it.key != "module")
# Not valid after the command: `podman run -v` is a volume, `commit --config` a file.
TOP_FLAGS = (
    *GLOBAL_FLAGS,
    *_REFUSED_FLAGS,
    flag(
        "--config", kind="str", metavar="FOLDER", complete="dirs", help="Folder of Docker's credentials (config.json)"
    ),
    flag("--context", kind="str", default="default", complete="none", hidden=True),
    flag("-D", "--debug", hidden=True, help="The same as --log-level=debug, as Docker has it"),
    flag("-v", "--version", help="Print the version"),
)
# What help lists. What is refused, too: scripts look whether there is a --remote.
LISTED_FLAGS = tuple(
    it for it in TOP_FLAGS if not it.hidden or (it.key in REFUSED and it.key not in ("host", "namespace"))
)
