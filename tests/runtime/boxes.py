"""Containers on the runtime room alone: configuration, spec, conmon, runtime, clean-up."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry import fastjson
from skerry.runtime import bpf, cgroups, conmon, oci, spec, users

APPLETS = ("sh", "true", "false", "ls", "cat", "id", "sleep", "mount", "unshare", "echo", "grep", "env", "kill", "touch", "stat", "mknod", "dd",
    "mkdir")  # fmt: skip


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return pytest.mark.skipif(bool(missing) or os.geteuid() != 0, reason=f"needs root and {', '.join(programs)}")


def make_settings(runroot: Path, **changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "runtime": "crun", "runtimes": {}, "runtime_flags": [], "cgroup_manager": os.environ.get("SKERRY_TEST_CGROUP_MANAGER", "cgroupfs"), "runroot": str(runroot),
        "rootless": False, "default_caps": [], "default_ulimits": [], "default_sysctls": ["net.ipv4.ping_group_range=0 0"],
        "pids_limit": 2048, "seccomp_profile": "", "conf": {"engine": {"runtimes_flags": {}}},
    }  # fmt: skip
    return SimpleNamespace(**(values | changes))


def make_config(*args: str, **changes: Any) -> Any:
    config: dict[str, Any] = {
        "id": os.urandom(32).hex(), "args": list(args) or ["true"], "env": [], "cwd": "/", "user": "", "terminal": False,
        "namespaces": {"net": "none", "pid": "private", "ipc": "private", "uts": "private", "cgroup": "host", "user": "host"},
    }  # fmt: skip
    config["namespaces"] |= changes.pop("namespaces", {})
    return config | changes


class Box:
    """One container: created by `Launcher.create`, gone at the end of the test."""

    def __init__(self, config: Any, rootfs: Path, settings: Any, warnings: list[str]) -> None:
        self.id = config["id"]
        self.settings = settings
        self.runtime = oci.find(settings, settings.runtime)
        self.bundle = Path(settings.runroot) / "containers" / self.id
        self.bundle.mkdir(parents=True)
        self.exits = Path(settings.runroot) / "exits"
        self.exits.mkdir(exist_ok=True)
        self.placement = cgroups.place(config, settings)
        user = users.resolve(str(rootfs), config["user"], config.get("groups", ()))
        self.spec = spec.generate(
            config, rootfs=str(rootfs), user=user, settings=settings, mounts=config.get("mounts", ()),
            cgroups_path=self.placement.path, runtime=self.runtime, warn=warnings.append,
        )  # fmt: skip
        self.launch = conmon.Launch(id=self.id, runtime=self.runtime, bundle=str(self.bundle))
        self.launch.exit_dir = str(self.exits)
        self.launch.log_path = str(self.bundle / "ctr.log")
        self.launch.enter_cgroup = self.placement.enter_conmon
        self.pid = self.conmon_pid = 0

    def create(self) -> None:
        (self.bundle / "config.json").write_text(fastjson.dumps(self.spec))
        launched = conmon.launch(self.launch)
        self.pid, self.conmon_pid = launched.pid, launched.conmon_pid
        bpf.remember(self.runtime, self.id, self.spec, spec.filter_cache(self.settings))

    def start(self) -> None:
        oci.start(self.runtime, self.id)

    def wait(self, seconds: float = 10) -> int:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                return int((self.exits / self.id).read_text())
            except (FileNotFoundError, ValueError):
                time.sleep(0.002)
        raise AssertionError("the container did not end")

    @property
    def output(self) -> str:
        lines = (self.bundle / "ctr.log").read_text().splitlines()
        return "\n".join(line.split(" ", 3)[3] for line in lines)

    def remove(self) -> None:
        oci.delete(self.runtime, self.id)
        cgroups.remove(self.placement.path)


class Launcher:
    def __init__(self, rootfs: Path, settings: Any) -> None:
        self.rootfs = rootfs
        self.settings = settings
        self.warnings: list[str] = []
        self.boxes: list[Box] = []

    def create(self, *args: str, **changes: Any) -> Box:
        """A container that waits to be started. ``changes`` go into its configuration."""
        before = changes.pop("before", None)
        box = Box(make_config(*args, **changes), self.rootfs, self.settings, self.warnings)
        self.boxes.append(box)
        if before:
            before(box)
        box.create()
        return box

    def run(self, *args: str, **changes: Any) -> Box:
        """A container that ran to its end; ``box.code`` and ``box.output`` tell how."""
        box = self.create(*args, **changes)
        box.start()
        box.code = box.wait()  # type: ignore[attr-defined]
        return box
