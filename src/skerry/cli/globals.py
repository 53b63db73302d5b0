"""Flags that stand before the command (and, as in Podman, may stand after it): which store, which tools, how loud."""

from __future__ import annotations

from skerry.cli.flags import flag

LOG_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")

GLOBAL_FLAGS = (
    flag("--cgroup-manager", kind="str", choices=("cgroupfs", "systemd"), help="Who makes the containers' cgroups"),
    flag("--conmon", kind="str", metavar="PATH", complete="files", help="Path of the conmon binary"),
    flag("--events-backend", kind="str", choices=("file", "journald", "none"), help="Where events are recorded"),
    flag(
        "--log-level",
        kind="str",
        metavar="LEVEL",
        default="warn",
        complete="log-levels",
        help=f"Log messages at and above this level ({', '.join(LOG_LEVELS)})",
    ),
    flag("--network-cmd-path", kind="str", metavar="PATH", complete="files", help="Path of pasta"),
    flag(
        "--network-config-dir", kind="str", metavar="PATH", complete="dirs", help="Folder of the networks' definitions"
    ),
    flag("--noout", help="Print nothing on stdout"),
    flag("--out", kind="str", metavar="PATH", complete="files", help="Send output (stdout) to a file"),
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
    flag("--storage-driver", kind="str", choices=("overlay",), help="Storage driver: overlay is the only one"),
    flag("--storage-opt", kind="list", metavar="KEY=VALUE", complete="none", help="Option of the storage driver"),
    flag("--tmpdir", kind="str", metavar="PATH", complete="dirs", help="Folder of short-lived state"),
    flag("--volumepath", kind="str", metavar="PATH", complete="dirs", help="Folder in which volumes are stored"),
)
# Not valid after the command: `podman run -v` is a volume.
TOP_FLAGS = (*GLOBAL_FLAGS, flag("-v", "--version", help="Print the version"))
