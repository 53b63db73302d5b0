"""The same flags give Podman's container and ours: what is compared is what the container could notice."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.boxes import make_config, make_settings, needs

from skerry.runtime import spec, users

pytestmark = needs("podman", "crun")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
ULIMITS = ["nofile=1024:1024", "nproc=1000:1000"]
# Podman 4.3, which Debian 12 has, lacks what Podman 6 masks as well.
NEWER_MASKS = {"/proc/interrupts", "/sys/devices/virtual/powercap"}

CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "plain": ([], {}),
    "privileged": (["--privileged"], {"privileged": True}),
    "caps": (["--cap-add", "net_admin,SYS_PTRACE", "--cap-drop", "CHOWN"], {"cap_add": ["net_admin", "SYS_PTRACE"], "cap_drop": ["CHOWN"]}),
    "caps-all": (["--cap-add", "all", "--cap-drop", "kill"], {"cap_add": ["all"], "cap_drop": ["kill"]}),
    "caps-none": (["--cap-drop", "ALL"], {"cap_drop": ["ALL"]}),
    "user": (["--user", "user"], {"user": "user"}),
    "user-caps": (["--user", "1000", "--cap-add", "net_raw"], {"user": "1000", "cap_add": ["net_raw"]}),
    "user-group": (["--user", "7:9", "--group-add", "audio"], {"user": "7:9", "groups": ["audio"]}),
    "tty": (["-t"], {"terminal": True}),
    "read-only": (["--read-only"], {"read_only": True}),
    "no-new-privileges": (["--security-opt", "no-new-privileges"], {"no_new_privileges": True}),
    "unconfined": (["--security-opt", "seccomp=unconfined"], {"seccomp": "unconfined"}),
    "mask": (["--security-opt", "mask=/proc/x:/proc/y"], {"mask": ["/proc/x:/proc/y"]}),
    "unmask": (["--security-opt", "unmask=/proc/acpi:/sys/*"], {"unmask": ["/proc/acpi:/sys/*"]}),
    "unmask-all": (["--security-opt", "unmask=ALL"], {"unmask": ["ALL"]}),
    "limits": (
        ["--memory", "64m", "--pids-limit", "77", "--cpu-shares", "512", "--cpu-period", "100000", "--cpu-quota", "50000", "--cpuset-cpus", "0"],
        {"resources": {"memory": 64 << 20, "pids_limit": 77, "cpu_shares": 512, "cpu_period": 100000, "cpu_quota": 50000, "cpuset_cpus": "0"}},
    ),
    "host-namespaces": (
        ["--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host"],
        {"namespaces": {"pid": "host", "ipc": "host", "uts": "host", "net": "host"}},
    ),
    "cgroup-namespace": (["--cgroupns", "private"], {"namespaces": {"cgroup": "private"}}),
    "device": (["--device", "/dev/loop-control:/dev/x:r"], {"devices": ["/dev/loop-control:/dev/x:r"]}),
    "device-rule": (["--device-cgroup-rule", "c 10:* rw"], {"device_cgroup_rules": ["c 10:* rw"]}),
    "sysctl": (["--sysctl", "net.ipv4.ip_forward=1"], {"sysctls": {"net.ipv4.ip_forward": "1"}}),
    "oom-score": (["--oom-score-adj", "100"], {"oom_score_adj": 100}),
    "umask": (["--umask", "0077"], {"umask": "0077"}),
    "tmpfs": (["--tmpfs", "/data"], {"mounts": [{"type": "tmpfs", "source": "tmpfs", "destination": "/data", "options": []}]}),
    "tmpfs-exec": (
        ["--tmpfs", "/data:exec,size=1m"],
        {"mounts": [{"type": "tmpfs", "source": "tmpfs", "destination": "/data", "options": ["exec", "size=1m"]}]},
    ),
    "bind": (["-v", "/usr:/data:ro"], {"mounts": [{"type": "bind", "source": "/usr", "destination": "/data", "options": ["ro"]}]}),
    "bind-proc": (["-v", "/proc:/data"], {"mounts": [{"type": "bind", "source": "/proc", "destination": "/data", "options": []}]}),
    "systemd": (["--systemd", "always"], {"systemd": True}),
    "hostname": (["--hostname", "box"], {"hostname": "box"}),
    "blkio": (["--device-read-bps", "/dev/vda:1mb"], {"resources": {"device_read_bps": [{"path": "/dev/vda", "rate": 1 << 20}]}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def podman(rootfs_template: Path) -> Any:
    top = Path(tempfile.mkdtemp(prefix="sk", dir="/tmp"))  # Podman wants a runroot of at most 50 characters
    (top / "net").mkdir()
    flags = ["--root", top / "root", "--runroot", top / "run", "--tmpdir", top / "tmp", "--network-config-dir", top / "net",
             "--volumepath", top / "vol", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]  # fmt: skip

    def call(*args: str) -> str:
        return subprocess.run(
            ["podman", *map(str, flags), *args], check=True, capture_output=True, text=True
        ).stdout.strip()

    subprocess.run(["tar", "-C", rootfs_template, "-cf", top / "box.tar", "."], check=True)
    call("import", str(top / "box.tar"), "localhost/box")
    yield call
    subprocess.run(["podman", *map(str, flags), "rm", "-af", "-t", "0"], capture_output=True, check=False)
    shutil.rmtree(top, ignore_errors=True)


def podmans(podman: Any, flags: list[str]) -> dict[str, Any]:
    network = [] if "--network" in flags else ["--network", "none"]
    name = podman("create", *network, *LIMITS, *flags, "localhost/box", "true")
    try:
        podman("init", name)
        path = podman("inspect", "--format", "{{.OCIConfigPath}}", name)
        document: dict[str, Any] = json.loads(Path(path).read_text())
        return document
    finally:
        podman("rm", "-f", "-t", "0", name)


def noticeable(document: dict[str, Any]) -> dict[str, Any]:
    """What a process in the container could tell apart, in an order that does not matter."""
    process, linux = document["process"], document["linux"]
    facts: dict[str, Any] = {
        f"cap {kind}": sorted(names or ()) for kind, names in process["capabilities"].items() if names
    }
    facts |= {
        f"process {key}": process.get(key)
        for key in ("args", "cwd", "user", "terminal", "noNewPrivileges", "apparmorProfile", "oomScoreAdj")
    }
    facts |= {f"env {name}": value for name, _, value in (entry.partition("=") for entry in process["env"])}
    facts |= {f"rlimit {row['type']}": (row["soft"], row["hard"]) for row in process.get("rlimits", ())}
    facts |= {f"mount {row['destination']}": mount_facts(row) for row in document["mounts"]}
    facts |= {f"namespace {row['type']}": True for row in linux["namespaces"]}
    facts |= {f"masked {path}": True for path in linux.get("maskedPaths") or ()}
    facts |= {f"readonly {path}": True for path in linux.get("readonlyPaths") or ()}
    facts |= {f"sysctl {name}": value for name, value in linux.get("sysctl", {}).items()}
    facts |= {
        f"device {row['path']}": tuple(row[key] for key in ("type", "major", "minor"))
        for row in linux.get("devices") or ()
    }
    facts |= {f"resource {key}": canonical(value) for key, value in linux["resources"].items() if value}
    facts["seccomp"] = seccomp_facts(linux.get("seccomp"))
    facts["root read-only"] = document["root"].get("readonly", False)
    facts["hostname"] = document.get("hostname") or None
    return facts


def mount_facts(row: dict[str, Any]) -> Any:
    options = set(row["options"]) - {"rprivate", "private", "rw", "rbind", "bind", "tmpcopyup", "mode=1777"}
    return (
        "tmpfs" if row["destination"] == "/dev/shm" else row["type"],
        tuple(sorted(o for o in options if not o.startswith("size=") or row["destination"] == "/data")),
    )


def canonical(value: Any) -> Any:
    """Zero, null and absent are the same in Go's JSON."""
    if isinstance(value, list):
        return sorted((canonical(item) for item in value), key=str)
    if isinstance(value, dict):
        return {
            key: canonical(item)
            for key, item in sorted(value.items())
            if item not in (None, 0, "", [], {}) or key == "allow"
        }
    return value


def seccomp_facts(profile: dict[str, Any] | None) -> Any:
    if not profile:
        return None
    rows = sorted(json.dumps(row, sort_keys=True) for row in profile["syscalls"])
    return profile["defaultAction"], profile.get("defaultErrnoRet"), profile["architectures"], rows


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    keys = sorted(set(theirs) | set(ours))
    return [
        f"{key}: podman {theirs.get(key)!r}, skerry {ours.get(key)!r}"
        for key in keys
        if theirs.get(key) != ours.get(key)
    ]


# Files that the engine adds; TERM, which Podman has set only with a terminal since 4.6; names made from random ids.
EVERYWHERE = {f"masked {path}" for path in NEWER_MASKS} | {
    "mount /etc/hosts", "mount /etc/resolv.conf", "mount /etc/hostname", "mount /run/.containerenv", "env TERM",
}  # fmt: skip
RANDOM = {"hostname", "env HOSTNAME"}
STANDARD_NODES = {f"device /dev/{name}" for name in ("full", "null", "ptmx", "random", "tty", "urandom", "zero")}
WANTED = {
    "privileged": STANDARD_NODES,  # the runtime makes them
    "systemd": {"mount /sys/fs/cgroup/systemd", "env container_uuid"},  # nosuid, noexec, nodev as well
    "user-group": {"env HOME"},  # "/" for a user without an entry, as Podman itself does without a group
}


def is_wanted(name: str, difference: str) -> bool:
    """The differences that we want."""
    key = difference.partition(":")[0]
    return key in EVERYWHERE or key in WANTED.get(name, ()) or (key in RANDOM and name != "hostname")


@pytest.mark.parametrize("name", CASES)
def test_a_container_looks_as_podmans(podman: Any, rootfs: Path, tmp_path: Path, name: str) -> None:
    flags, changes = CASES[name]
    theirs = noticeable(podmans(podman, flags))
    config = make_config("true", ulimits=ULIMITS, **changes)
    user = users.resolve(str(rootfs), config["user"], config.get("groups", ()))
    document = spec.generate(
        config,
        rootfs=str(rootfs),
        user=user,
        settings=make_settings(tmp_path),
        mounts=config.get("mounts", ()),
        cgroups_path="/x/y",
    )
    found = [line for line in differences(theirs, noticeable(document)) if not is_wanted(name, line)]
    assert not found, "\n".join(found)
