"""--device with CDI names, folders, permissions and cgroup rules, in true containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import Skerry

RUN = ("run", "--rm", "--network", "none")


@pytest.fixture
def specs(short_tmp: Path) -> Path:
    folder = short_tmp / "cdi"
    folder.mkdir()
    hook = {"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", f"echo ran >{short_tmp}/hook"]}
    edits = {
        "env": ["GPU=yes"], "additionalGids": [4711], "hooks": [hook],
        "deviceNodes": [{"path": "/dev/gpu0", "hostPath": "/dev/net/tun", "permissions": "r"}],
        "mounts": [{"hostPath": "/etc", "containerPath": "/opt/vendor", "options": ["ro", "bind"]}],
    }  # fmt: skip
    devices = [{"name": "0", "containerEdits": edits}]
    document = {"cdiVersion": "0.7.0", "kind": "vendor.com/gpu", "devices": devices}
    (folder / "gpu.json").write_text(json.dumps(document))
    return folder


def test_a_cdi_device_brings_all_that_its_vendor_wants(
    skerry: Skerry, busybox: str, specs: Path, short_tmp: Path
) -> None:
    script = "echo $GPU; id -G; : </dev/gpu0 && echo readable; (: >>/dev/gpu0) 2>&1; ls /opt/vendor/passwd"
    flags = ("--cdi-spec-dir", str(specs))
    found = skerry(*flags, *RUN, "--device", "vendor.com/gpu=0", busybox, "sh", "-c", script).lines
    assert found[0] == "yes"
    assert "4711" in found[1].split()
    assert found[2] == "readable"
    assert "not permitted" in found[3]
    assert found[4] == "/opt/vendor/passwd"
    assert (short_tmp / "hook").read_text() == "ran\n"


def test_folders_of_specs_come_from_the_configuration(
    skerry: Skerry, busybox: str, specs: Path, short_tmp: Path
) -> None:
    (short_tmp / "conf").write_text(f'[engine]\ncdi_spec_dirs = ["{specs}"]\n')
    env = {"CONTAINERS_CONF": str(short_tmp / "conf")}
    argv = (*RUN, "--device", "vendor.com/gpu=all", busybox, "sh", "-c", "echo $GPU")
    assert skerry(*argv, env=env).stdout == "yes\n"


def test_an_unknown_device_is_refused_before_anything_is_made(skerry: Skerry, busybox: str, specs: Path) -> None:
    flags = ("--cdi-spec-dir", str(specs), "create", "--name", "x")
    result = skerry(*flags, "--device", "vendor.com/gpu=7", busybox, "true", check=False)
    assert result.code == 125
    assert "unresolvable CDI devices vendor.com/gpu=7" in result.stderr
    assert skerry("ps", "-aq").stdout == ""


def test_a_stopped_container_gets_its_device_again_by_its_restart_policy(
    skerry: Skerry, busybox: str, specs: Path
) -> None:
    flags = ("--cdi-spec-dir", str(specs), "run", "-d", "--network", "none", "--restart", "on-failure:1")
    name = skerry(*flags, "--device", "vendor.com/gpu=0", busybox, "sh", "-c", "echo $GPU; exit 1").id
    skerry("wait", "--condition", "exited", name)

    def twice() -> bool:
        return skerry("logs", name).stdout == "yes\nyes\n"

    from tests.support.command import eventually

    eventually(twice)


def test_a_step_of_a_build_gets_devices_by_name_kind_or_not_at_all(
    skerry: Skerry, busybox: str, specs: Path, short_tmp: Path
) -> None:
    lines = [
        f"FROM {busybox}", "RUN --device=vendor.com/gpu=0 test $GPU = yes", "RUN --device=vendor.com/gpu test $GPU = yes",
        "RUN --device=vendor.com/gpu=* test $GPU = yes", "RUN --device=other.com/gpu test -z $GPU",
    ]  # fmt: skip
    (short_tmp / "Containerfile").write_text("\n".join(lines) + "\n")
    build = ("--cdi-spec-dir", str(specs), "build", "--no-cache", "--allow", "device", "-q", str(short_tmp))
    skerry(*build)
    (short_tmp / "Containerfile").write_text(f"FROM {busybox}\nRUN --device=other.com/gpu,required true\n")
    result = skerry(*build, check=False)
    assert "CDI device other.com/gpu is not described in" in result.stderr
    assert result.code != 0


def test_a_folder_is_all_its_devices_with_the_given_rights(skerry: Skerry, busybox: str) -> None:
    script = "ls /dev/inside; head -c1 /dev/inside/tun >/dev/null 2>&1; (: >>/dev/inside/tun) 2>&1"
    found = skerry(*RUN, "--device", "/dev/net:/dev/inside:r", busybox, "sh", "-c", script, check=False).stdout
    assert found.splitlines()[0] == "tun"
    assert "not permitted" in found


def test_a_cgroup_rule_allows_a_device_that_is_made_inside(skerry: Skerry, busybox: str) -> None:
    script = "mknod /x c 1 5 && head -c1 /x | wc -c"
    make = (*RUN, "--cap-add", "MKNOD")
    denied = skerry(*make, busybox, "sh", "-c", "mknod /x c 10 237 && head -c1 /x", check=False)
    assert denied.code != 0
    assert skerry(*make, "--device-cgroup-rule", "c 1:5 rm", busybox, "sh", "-c", script).stdout == "1\n"
