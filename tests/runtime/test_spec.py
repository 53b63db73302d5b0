"""What the spec says that no comparison with Podman covers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.boxes import make_config, make_settings

from skerry.errors import Invalid
from skerry.runtime import mount_options, spec
from skerry.runtime.spec_linux import sysctls

USER: Any = {"uid": 0, "gid": 0, "additional_gids": [], "home": "/root", "name": "root", "shell": ""}


def generate(tmp_path: Path, *, rootless: bool = False, **changes: Any) -> dict[str, Any]:
    passed = {
        key: changes.pop(key)
        for key in ("netns_path", "namespace_paths", "mounts", "cgroups_path", "warn")
        if key in changes
    }
    settings = make_settings(tmp_path, rootless=rootless, init_path="/usr/bin/catatonit")
    return spec.generate(
        make_config(**changes), rootfs="/r", user=USER, settings=settings, **({"cgroups_path": "/a/b"} | passed)
    )


def mount_of(document: dict[str, Any], place: str) -> dict[str, Any]:
    (found,) = [mount for mount in document["mounts"] if mount["destination"] == place]
    return dict(found)


def test_parents_are_mounted_before_what_is_inside_them(tmp_path: Path) -> None:
    mounts = [
        {"type": "tmpfs", "source": "tmpfs", "destination": place, "options": []}
        for place in ("/a/b/c", "/a", "/proc/x/y", "/a/b")
    ]
    places = [mount["destination"] for mount in generate(tmp_path, mounts=mounts)["mounts"]]
    assert places.index("/a") < places.index("/a/b") < places.index("/a/b/c")
    assert places.index("/proc") < places.index("/proc/x/y")


@pytest.mark.parametrize("place", ["/dev/shm", "/sys", "/dev", "/proc", "/run"])
def test_a_users_mount_replaces_ours(tmp_path: Path, place: str) -> None:
    mounts = [{"type": "bind", "source": "/usr", "destination": place, "options": []}]
    document = generate(tmp_path, mounts=mounts, read_only=True)
    assert mount_of(document, place)["source"] == "/usr"


def test_namespaces_that_are_joined(tmp_path: Path) -> None:
    document = generate(
        tmp_path,
        namespaces={"net": "bridge", "ipc": "container:" + "a" * 64, "pid": "ns:/proc/1/ns/pid"},
        netns_path="/run/netns/x",
        namespace_paths={"ipc": "/run/ns/ipc"},
    )
    found = {row["type"]: row.get("path") for row in document["linux"]["namespaces"]}
    assert (found["network"], found["ipc"], found["pid"]) == ("/run/netns/x", "/run/ns/ipc", "/proc/1/ns/pid")


def test_a_joined_namespace_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="does not run"):
        generate(tmp_path, namespaces={"pid": "container:" + "a" * 64})


def test_a_shared_host_name_is_the_hosts(tmp_path: Path) -> None:
    document = generate(tmp_path, namespaces={"uts": "host"})
    assert "hostname" not in document
    assert f"HOSTNAME={os.uname().nodename}" in document["process"]["env"]


def test_the_users_environment_wins(tmp_path: Path) -> None:
    env = dict(
        entry.split("=", 1) for entry in generate(tmp_path, env=["HOME=/x", "PATH=/y", "A=1=2"])["process"]["env"]
    )
    assert (env["HOME"], env["PATH"], env["A"], env["container"]) == ("/x", "/y", "1=2", "podman")


def test_an_init_program_goes_first(tmp_path: Path) -> None:
    document = generate(tmp_path, init=True)
    assert document["process"]["args"] == ["/run/podman-init", "--", "true"]
    assert mount_of(document, "/run/podman-init")["source"] == "/usr/bin/catatonit"


@pytest.mark.parametrize("zone", ["../../etc/shadow", "/etc/shadow", "No/Where"])
def test_a_time_zone_is_one_of_the_hosts(tmp_path: Path, zone: str) -> None:
    with pytest.raises(Invalid, match="unknown time zone"):
        generate(tmp_path, tz=zone)


def test_without_a_group_there_are_no_limits_and_no_path(tmp_path: Path) -> None:
    document = generate(tmp_path, cgroups_path="", warn=lambda _text: None)
    assert document["linux"]["resources"] == {}
    assert "cgroupsPath" not in document["linux"]


def test_rootless_devices_are_bound(tmp_path: Path) -> None:
    document = generate(tmp_path, rootless=True, devices=["/dev/zero:/dev/x:r"])
    assert "devices" not in document["linux"]
    assert mount_of(document, "/dev/x")["options"] == ["slave", "nosuid", "noexec", "ro", "rbind"]


def test_rootless_on_the_hosts_network_binds_sys(tmp_path: Path) -> None:
    document = generate(tmp_path, rootless=True, namespaces={"net": "host"})
    assert mount_of(document, "/sys")["type"] == "bind"
    assert "/sys/kernel" in document["linux"]["maskedPaths"]
    assert not [mount for mount in document["mounts"] if mount["destination"] == "/sys/fs/cgroup"]


def test_kept_groups_are_left_to_the_runtime(tmp_path: Path) -> None:
    assert generate(tmp_path, groups=["keep-groups"])["annotations"]["run.oci.keep_original_groups"] == "1"


def test_sysctls_of_shared_namespaces_are_refused() -> None:
    config = make_config(namespaces={"net": "host"}, sysctls={"net.ipv4.ip_forward": "1"})
    with pytest.raises(Invalid, match="can't be set since Network Namespace set to host"):
        sysctls(config, {})
    assert sysctls(make_config(namespaces={"net": "host"}), {"net.x": "1", "fs.mqueue.y": "2"}) == {"fs.mqueue.y": "2"}


@pytest.mark.parametrize("name", ["kernel.panic", "vm.swappiness", "fs.file-max"])
def test_sysctls_of_the_host_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="is not allowed"):
        sysctls(make_config(sysctls={name: "1"}), {})


words = st.lists(st.sampled_from(["ro", "rw", "exec", "noexec", "suid", "dev", "rshared", "private", "bind", "rbind", "z", "U", "nocopy", "size=1m"]), unique=True)  # fmt: skip


@given(words, st.sampled_from(["bind", "tmpfs"]))
def test_completed_options_are_complete_and_stay_so(options: list[str], kind: str) -> None:
    done = mount_options.complete(options, kind=kind, source="/")
    assert mount_options.complete(done, kind=kind, source="/") == done
    assert not set(done) & {"z", "U", "nocopy"}
    assert [option for option in options if option not in ("z", "U", "nocopy")] == done[
        : len([o for o in options if o not in ("z", "U", "nocopy")])
    ]


def test_a_bind_keeps_the_sources_restrictions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount_options, "source_flags", lambda _path: ["noexec", "nosuid", "nodev"])
    assert {"noexec", "nosuid", "nodev"} <= set(mount_options.complete([], kind="bind", source="/x"))
    assert "noexec" not in mount_options.complete(["exec"], kind="bind", source="/x")
