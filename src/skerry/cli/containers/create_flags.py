"""The flags that ``create`` and ``run`` share, and how they become the engine's `ContainerRequest`."""

from __future__ import annotations

import os
import sys

from skerry.cli.containers.health_flags import HEALTH_FLAGS
from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import PLATFORM, REGISTRY_FLAGS, SIGNATURE_POLICY
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.containers.options.types import ContainerRequest

_PROCESS = (
    flag(
        "--entrypoint", kind="str", metavar="COMMAND", help="Overwrite the image's ENTRYPOINT: a program or a JSON list"
    ),
    flag(
        "-e",
        "--env",
        kind="list",
        metavar="KEY=VALUE",
        help="Set an environment variable; KEY alone takes it from here",
    ),
    flag("--env-file", kind="list", metavar="FILE", complete="files", help="Read environment variables from a file"),
    flag(
        "--env-merge",
        kind="list",
        metavar="KEY=WORD",
        help="Set a variable to a WORD with $NAMEs of the image's variables",
    ),
    flag("--env-host", help="Pass all of this environment on"),
    flag("--http-proxy", default=True, help="Pass the proxy variables of this environment on"),
    flag("--unsetenv", kind="list", metavar="KEY", help="Remove a variable that the image or the defaults set"),
    flag("--unsetenv-all", help="Remove all variables that the image and the defaults set"),
    flag("-u", "--user", kind="str", metavar="USER[:GROUP]", help="User (name or id) and group of the program"),
    flag("-w", "--workdir", kind="str", metavar="FOLDER", help="Working directory inside the container"),
    flag(
        "--group-add", kind="slice", metavar="GROUP", help="More groups for the program; keep-groups keeps the caller's"
    ),
    flag("--umask", kind="str", metavar="MASK", help="The program's umask"),
    flag("--tz", kind="str", metavar="ZONE", help="Time zone in the container; local is this host's"),
    flag("-i", "--interactive", help="Keep the program's standard input open"),
    flag("-t", "--tty", help="Give the program a terminal"),
    flag("--init", help="Run an init as process 1 that forwards signals and reaps processes"),
    flag("--init-path", kind="str", metavar="FILE", complete="files", help="The init to use"),
    flag("--stop-signal", kind="str", metavar="SIGNAL", help="What stop sends first (the image's, or TERM)"),
    flag("--stop-timeout", kind="uint", metavar="SECONDS", default=10, help="How long stop waits before it sends KILL"),
    flag("--timeout", kind="uint", metavar="SECONDS", help="Kill the container when it has run so long"),
    flag("--passwd", default=True, help="Give the user a line in /etc/passwd and /etc/group when it has none"),
    flag("--passwd-entry", kind="str", metavar="LINE", help="The line to add to /etc/passwd"),
    flag("--group-entry", kind="str", metavar="LINE", help="The line to add to /etc/group"),
    flag(
        "--systemd",
        kind="str",
        metavar="MODE",
        default="true",
        help="Prepare the container for systemd: true (when that is what it runs), always or false",
    ),
    flag(
        "--sdnotify",
        kind="str",
        metavar="MODE",
        default="container",
        help="Who tells NOTIFY_SOCKET that it is ready: container (its program), conmon, healthy (its check) or ignore",
    ),
    flag("--shm-size-systemd", kind="str", metavar="SIZE", help="Size of each tmpfs that is made for systemd"),
    flag("--hostuser", kind="slice", metavar="USER", help="Add a user of the host to /etc/passwd"),
    flag("--personality", kind="str", metavar="NAME", help="Execution domain, such as LINUX32"),
)
_IDENTITY = (
    flag("--name", kind="str", metavar="NAME", help="Name the container"),
    flag("--replace", help="Remove a container with the same name first"),
    flag("-h", "--hostname", kind="str", metavar="NAME", help="Host name inside the container"),
    flag("-l", "--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
    flag("--label-file", kind="list", metavar="FILE", complete="files", help="Read labels from a file"),
    flag("--annotation", kind="list", metavar="KEY=VALUE", help="Add an annotation for the runtime"),
    flag("--disable-content-trust", help="As Docker's: it changes nothing"),
    flag("--cidfile", kind="str", metavar="FILE", complete="files", help="Write the container's id to a file"),
    flag("--pidfile", kind="str", metavar="FILE", complete="files", help="Write the program's pid to a file"),
    flag("--conmon-pidfile", kind="str", metavar="FILE", complete="files", help="Write conmon's pid to a file"),
    flag("--requires", kind="slice", metavar="CONTAINER", complete="containers", help="Containers to start before this one"),
    flag("--rm", help="Remove the container when it ends"),
    flag("--rmi", help="Remove the image too when nothing else uses it"),
    flag("--restart", kind="str", metavar="POLICY", help="When to start it again: no, on-failure[:N], always, unless-stopped"),
    flag("--rootfs", help="The image is a folder to run from"),
    flag("--pull", kind="str", metavar="POLICY", default="missing", help="When to pull the image: always, missing, newer or never"),
)  # fmt: skip
_STORAGE = (
    flag("-v", "--volume", kind="list", metavar="[SOURCE:]TARGET[:OPTIONS]", complete="files", help="Mount a folder or a volume"),
    flag("--mount", kind="list", metavar="TYPE,KEY=VALUE,…", help="Attach a file system: bind, volume, tmpfs, image, glob, ramfs or devpts"),
    flag("--tmpfs", kind="list", metavar="TARGET[:OPTIONS]", help="Mount a tmpfs"),
    flag("--volumes-from", kind="list", metavar="CONTAINER[:OPTIONS]", complete="containers", help="Mount another container's volumes"),
    flag("--image-volume", kind="str", metavar="HOW", help="What becomes of the image's VOLUMEs: anonymous, tmpfs or ignore"),
    flag("--read-only", help="Make the root file system read-only"),
    flag("--read-only-tmpfs", default=True, help="With --read-only: tmpfs on /dev, /dev/shm, /run, /tmp and /var/tmp"),
    flag("--secret", kind="list", metavar="NAME[,OPTION=VALUE…]", complete="secrets",
         help="Give it a secret: type=mount|env, target=, uid=, gid=, mode="),
    flag("--shm-size", kind="str", metavar="SIZE", help="Size of /dev/shm (64m)"),
    flag("--chrootdirs", kind="list", metavar="FOLDER", help="Give this folder its own etc/hosts and etc/resolv.conf"),
    flag("--gpus", kind="slice", metavar="NAME", help="Add GPUs by their CDI name nvidia.com/gpu=NAME; all: every one"),
    flag("--device", kind="list", metavar="HOST[:TARGET[:rwm]]", complete="files", help="Add a host device"),
    flag("--device-cgroup-rule", kind="list", metavar="RULE", help="Allow devices, such as 'c 1:3 rwm'"),
)  # fmt: skip
_LIMITS = (
    flag("-m", "--memory", kind="str", metavar="SIZE", help="Memory limit, such as 512m"),
    flag("--memory-reservation", kind="str", metavar="SIZE", help="Memory soft limit"),
    flag("--memory-swap", kind="str", metavar="SIZE", help="Memory plus swap limit; -1: unlimited swap"),
    flag("--memory-swappiness", kind="int", metavar="PERCENT", default=-1, help="Swappiness, 0 to 100"),
    flag("--oom-kill-disable", help="Never kill its processes when memory runs out (cgroup v1)"),
    flag("--oom-score-adj", kind="int", metavar="SCORE", help="Preference of the OOM killer, -1000 to 1000"),
    flag("--cpus", kind="float", metavar="NUMBER", help="Number of CPUs, such as 1.5"),
    flag("-c", "--cpu-shares", kind="uint", metavar="WEIGHT", help="Relative weight of CPU time"),
    flag("--cpu-period", kind="uint", metavar="MICROSECONDS", help="CFS period"),
    flag("--cpu-quota", kind="int", metavar="MICROSECONDS", help="CFS quota"),
    flag("--cpu-rt-period", kind="uint", metavar="MICROSECONDS", help="Real-time period (cgroup v1)"),
    flag("--cpu-rt-runtime", kind="int", metavar="MICROSECONDS", help="Real-time budget (cgroup v1)"),
    flag("--cpuset-cpus", kind="str", metavar="LIST", help="CPUs to run on, such as 0-2,4"),
    flag("--cpuset-mems", kind="str", metavar="LIST", help="Memory nodes to use"),
    flag("--pids-limit", kind="int", metavar="NUMBER", help="Limit of processes; -1: none"),
    flag("--blkio-weight", kind="uint", metavar="WEIGHT", help="Relative weight of block I/O, 10 to 1000"),
    flag("--blkio-weight-device", kind="list", metavar="DEVICE:WEIGHT", help="The same for one device"),
    flag("--device-read-bps", kind="list", metavar="DEVICE:RATE", help="Limit reading from a device, bytes a second"),
    flag("--device-write-bps", kind="list", metavar="DEVICE:RATE", help="Limit writing to a device, bytes a second"),
    flag("--device-read-iops", kind="list", metavar="DEVICE:RATE", help="Limit reading from a device, operations a second"),
    flag("--device-write-iops", kind="list", metavar="DEVICE:RATE", help="Limit writing to a device, operations a second"),
    flag("--cgroup-conf", kind="list", metavar="KEY=VALUE", help="Write a cgroup v2 file"),
    flag("--cgroup-parent", kind="str", metavar="PATH", help="Parent cgroup"),
    flag("--cgroups", kind="str", metavar="MODE", default="enabled", help="enabled; disabled: none; no-conmon: none for conmon; split: in the group of the service that starts it"),
    flag("--ulimit", kind="list", metavar="NAME=SOFT[:HARD]", help="Set a resource limit"),
    flag("--rdt-class", kind="str", metavar="NAME", help="Class of service of cache and memory bandwidth (resctrl)"),
    flag("--sysctl", kind="list", metavar="KEY=VALUE", help="Set a namespaced kernel parameter"),
)  # fmt: skip
_SECURITY = (
    flag("--cap-add", kind="slice", metavar="CAPABILITY", help="Add a capability; ALL adds all"),
    flag("--cap-drop", kind="slice", metavar="CAPABILITY", help="Drop a capability; ALL drops all"),
    flag("--privileged", help="Give extended privileges: all capabilities and devices, no seccomp, no masks"),
    flag(
        "--security-opt",
        kind="list",
        metavar="KEY=VALUE",
        help="seccomp=, apparmor=, label=, mask=, unmask=, no-new-privileges",
    ),
    flag(
        "--seccomp-policy",
        kind="str",
        metavar="POLICY",
        default="default",
        help="default, or image: the profile in the image's label io.containers.seccomp.profile",
    ),
    flag("--pid", kind="str", metavar="MODE", help="PID namespace: private, host, container:NAME, ns:PATH"),
    flag(
        "--ipc",
        kind="str",
        metavar="MODE",
        help="IPC namespace: private, shareable, none, host, container:NAME, ns:PATH",
    ),
    flag("--uts", kind="str", metavar="MODE", help="UTS namespace: private, host, container:NAME, ns:PATH"),
    flag("--cgroupns", kind="str", metavar="MODE", help="Cgroup namespace: private, host, container:NAME, ns:PATH"),
    flag(
        "--userns",
        kind="str",
        metavar="MODE",
        help="User namespace: host, auto, keep-id, nomap, container:NAME, ns:PATH",
    ),
    flag("--uidmap", kind="list", metavar="CONTAINER:HOST:SIZE", help="Map user ids in a user namespace of its own"),
    flag("--subuidname", kind="str", metavar="NAME", help="Map the ids of this name in /etc/subuid"),
    flag("--subgidname", kind="str", metavar="NAME", help="Map the ids of this name in /etc/subgid"),
    flag("--gidmap", kind="list", metavar="CONTAINER:HOST:SIZE", help="Map group ids"),
)
_NETWORK = (
    flag("--network", "--net", kind="list", metavar="MODE", complete="networks",
         help="bridge, a network's name, none, host, pasta[:OPTIONS], container:NAME or ns:PATH"),
    flag("--network-alias", kind="slice", metavar="NAME", help="Another name in its networks"),
    flag("--ip", kind="str", metavar="ADDRESS", help="Its IPv4 address"),
    flag("--ip6", kind="str", metavar="ADDRESS", help="Its IPv6 address"),
    flag("--mac-address", kind="str", metavar="ADDRESS", help="Its MAC address"),
    flag("-p", "--publish", kind="slice", metavar="[[IP:]HOST:]PORT[/PROTOCOL]", help="Publish ports to the host"),
    flag("-P", "--publish-all", help="Publish all exposed ports to random host ports"),
    flag("--expose", kind="slice", metavar="PORT[-PORT][/PROTOCOL]", help="Declare ports"),
    flag("--dns", kind="slice", metavar="ADDRESS", help="Name servers; none leaves the image's resolv.conf"),
    flag("--dns-search", kind="slice", metavar="DOMAIN", help="Search domains"),
    flag("--dns-option", kind="slice", metavar="OPTION", help="Options of resolv.conf"),
    flag("--add-host", kind="slice", metavar="NAME:ADDRESS", help="Add a line to /etc/hosts; host-gateway is this host"),
    flag("--link-local-ip", kind="list", metavar="ADDRESS", help="Refused: not supported"),
    flag("--hosts-file", kind="str", metavar="FILE", complete="files",
         help="What /etc/hosts is based on: a file, image or none"),
    flag("--no-hosts", help="Leave the image's /etc/hosts"),
    flag("--no-hostname", help="Leave the image's /etc/hostname"),
)  # fmt: skip
_LOGGING = (
    flag("--log-driver", kind="str", metavar="DRIVER",
         help="Where output is kept: k8s-file, json-file, journald, none, passthrough or passthrough-tty"),
    flag("--log-opt", kind="list", metavar="KEY=VALUE", help="path=, max-size=, max-file=, log-rotate=; of journald tag=, label=, labels="),
    flag("-q", "--quiet", help="No progress"),
)  # fmt: skip
CREATE_FLAGS = (
    *HEALTH_FLAGS,
    *_IDENTITY, *_PROCESS, *_STORAGE, *_LIMITS, *_SECURITY, *_NETWORK, *_LOGGING, *PLATFORM, *REGISTRY_FLAGS,
    SIGNATURE_POLICY,
    flag("--kernel-memory", kind="str", metavar="SIZE", hidden=True, help="The kernel has no such limit any more"),
)  # fmt: skip
_NOT_OPTIONS = frozenset(
    (
        "quiet",
        "detach",
        "sig_proxy",
        "detach_keys",
        "attach",
        "preserve_fds",
        "preserve_fd",
        "disable_content_trust",
        "kernel_memory",
    )
)


def create_options(args: Args, out: Output) -> ContainerRequest:
    """What was typed, as the engine takes it: only what was given, so that defaults have one home."""
    options: dict[str, Any] = {
        it.key: args[it.key] for it in CREATE_FLAGS if it.key not in _NOT_OPTIONS and args.given(it.key)
    }
    if args.given("kernel_memory"):
        out.warn("The --kernel-memory flag is no longer supported. This flag is a noop.")
    if args["log_driver"] == "passthrough" and any(os.isatty(descriptor) for descriptor in (0, 1, 2)):
        raise Invalid(
            "the '--log-driver passthrough' option cannot be used on a TTY.  If you really want it, use "
            "'--log-driver passthrough-tty'"
        )
    options["report"] = lambda: _reporter(out, args["quiet"])
    options["choose"] = _chooser
    options["image"] = args.positional[0]
    options["command"] = args.positional[1:]
    options["create_command"] = list(sys.argv)
    return options  # type: ignore[return-value]


def _chooser() -> Any:
    from skerry.cli.choose import image_chooser

    return image_chooser()


def _reporter(out: Output, quiet: bool) -> Any:
    from skerry.cli.transfers import reporter

    return reporter(out, quiet=quiet)
