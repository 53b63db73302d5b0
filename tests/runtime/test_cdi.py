"""CDI: which file describes a device, what its edits do to config.json, and what is said about broken files."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from skerry.errors import SkerryError, Unsupported
from skerry.runtime import cdi, cdi_edits


def write(folder: Path, name: str, edits: dict[str, Any], *, kind: str = "vendor.com/device", **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    devices = [{"name": "one", "containerEdits": edits}]
    document = {"cdiVersion": "0.8.0", "kind": kind, "devices": devices, **more}
    (folder / name).write_text(json.dumps(document))
    return folder / name


def env(folders: list[Path], *names: str) -> list[str]:
    return [item for edits in cdi.resolve(names, [str(folder) for folder in folders]) for item in edits.env]


def applied(tmp_path: Path, edits: dict[str, Any], *, bind: bool = False, uid: int = 0) -> Any:
    write(tmp_path / "specs", "a.json", edits)
    document: Any = {
        "process": {"env": ["A=old", "B=kept"], "user": {"uid": uid, "gid": uid}},
        "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []}],
        "linux": {"resources": {"devices": [{"allow": False, "access": "rwm"}]}},
    }
    cdi_edits.apply(document, cdi.resolve(["vendor.com/device=one"], [str(tmp_path / "specs")]), bind_nodes=bind)
    return document


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vendor.com/class=name", True), ("v/c=0", True), ("v/c=a:b.c-d_e", True), ("/dev/x=y", False), ("a=b", False),
        ("1v/c=d", False), ("v/c=", False), ("v/c=d/", False), ("v/c/e=d", False), ("v/c=-d", False), ("v/c", False),
    ],
)  # fmt: skip
def test_a_name_is_vendor_class_and_device(text: str, name: bool) -> None:
    assert cdi.is_name(text) is name


def test_a_later_folder_hides_a_device_and_edits_of_the_spec_come_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "a.json", {"env": ["A=1"]})
    assert env([first, second], "vendor.com/device=one") == ["A=1"]
    devices = [{"name": name, "containerEdits": {"env": [f"{name}=1"]}} for name in ("one", "two")]
    write(second, "b.json", {}, devices=devices, containerEdits={"env": ["S=1"]})
    assert env([first, second], "vendor.com/device=one", "vendor.com/device=two") == ["S=1", "one=1", "two=1"]


def test_all_is_a_device_or_else_every_device_of_the_kind(tmp_path: Path) -> None:
    devices = [{"name": name, "containerEdits": {"env": [f"{name}=1"]}} for name in ("x", "y")]
    write(tmp_path, "b.json", {}, devices=devices)
    assert env([tmp_path], "vendor.com/device=all") == ["x=1", "y=1"]
    write(tmp_path, "b.json", {}, devices=[*devices, {"name": "all", "containerEdits": {"env": ["all=1"]}}])
    assert env([tmp_path], "vendor.com/device=all") == ["all=1"]


def test_yaml_is_read_with_numbers_as_names(tmp_path: Path) -> None:
    (tmp_path / "gpu.yaml").write_text(
        "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: 0\n  containerEdits:\n    env: [A=1]\n"
    )
    assert env([tmp_path], "nvidia.com/gpu=0") == ["A=1"]


def test_two_files_of_one_folder_must_not_describe_the_same_device(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"env": ["A=1"]})
    write(tmp_path, "b.json", {"env": ["A=2"]})
    with pytest.raises(SkerryError, match=r'conflicting device "vendor.com/device=one" \(specs .*a.json.*b.json'):
        env([tmp_path], "vendor.com/device=one")


def test_a_device_that_nobody_describes_is_named_with_the_files_that_are_broken(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("cdiVersion: 0.5.0\nkind: [\n")
    with pytest.raises(SkerryError) as caught:
        env([tmp_path], "vendor.com/device=one", "vendor.com/device=two")
    text = str(caught.value)
    assert "unresolvable CDI devices vendor.com/device=one, vendor.com/device=two" in text
    assert f"{tmp_path}/bad.yaml: line 3" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cdiVersion": "9.0.0"}, 'invalid version "9.0.0"'),
        ({"kind": "nothing"}, 'invalid kind "nothing"'),
        ({"devices": []}, "no devices"),
        ({"surprise": 1}, 'unknown field "surprise" in a CDI spec'),
        ({"devices": [{"name": "a", "containerEdits": {}}]}, 'device "a": empty device edits'),
        ({"devices": [{"name": "a/b"}]}, 'invalid device name "a/b"'),
        ({"containerEdits": {"env": ["nothing"]}}, 'invalid environment variable "nothing"'),
        ({"containerEdits": {"deviceNodes": [{"path": "dev/x"}]}}, "invalid device path 'dev/x'"),
        ({"containerEdits": {"deviceNodes": [{"path": "/d", "type": "x"}]}}, 'device "/d": invalid type "x"'),
        ({"containerEdits": {"deviceNodes": [{"path": "/d", "permissions": "q"}]}}, 'invalid permissions "q"'),
        ({"containerEdits": {"mounts": [{"hostPath": "/x"}]}}, "invalid mount, container path ''"),
        ({"containerEdits": {"hooks": [{"hookName": "never", "path": "/x"}]}}, 'invalid hook name "never"'),
        ({"containerEdits": {"additionalGids": ["x"]}}, "invalid additional gid 'x'"),
        ({"containerEdits": {"novelty": []}}, 'unknown field "novelty" in containerEdits'),
    ],
)
def test_a_broken_spec_is_one_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = write(tmp_path, "x.json", {"env": ["A=1"]}, **change)
    with pytest.raises(SkerryError) as caught:
        cdi.read(str(path))
    assert caught.value.message.startswith(f"{path}: ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_environment_groups_hooks_and_cache_allocation_are_added(tmp_path: Path) -> None:
    hook = {"hookName": "createContainer", "path": "/bin/true", "args": ["true"], "timeout": 2}
    document = applied(
        tmp_path,
        {"env": ["A=new"], "additionalGids": [44], "hooks": [hook], "intelRdt": {"closID": "c", "enableCMT": True}},
    )
    assert document["process"]["env"] == ["A=new", "B=kept"]
    assert document["process"]["user"]["additionalGids"] == [44]
    assert document["hooks"] == {"createContainer": [{"path": "/bin/true", "args": ["true"], "timeout": 2}]}
    assert document["linux"]["intelRdt"] == {"closID": "c", "enableCMT": True}


def test_mounts_replace_and_stay_behind_their_parents(tmp_path: Path) -> None:
    mounts = [{"hostPath": "/lib", "containerPath": "/dev/lib"}, {"hostPath": "/etc", "containerPath": "/dev"}]
    document = applied(tmp_path, {"mounts": mounts})
    assert [(it["destination"], it["source"], it["options"]) for it in document["mounts"]] == [
        ("/dev", "/etc", ["rbind"]), ("/dev/lib", "/lib", ["rbind"]),
    ]  # fmt: skip


def test_a_node_is_like_the_hosts_unless_the_spec_says_otherwise(tmp_path: Path) -> None:
    nodes = [
        {"path": "/dev/zero2", "hostPath": "/dev/zero", "permissions": "r"},
        {"path": "/dev/made", "type": "c", "major": 10, "minor": 200, "fileMode": 0o640, "uid": 3, "gid": 4},
    ]
    linux = applied(tmp_path, {"deviceNodes": nodes}, uid=7)["linux"]
    assert linux["devices"] == [
        {"path": "/dev/zero2", "type": "c", "major": 1, "minor": 5, "uid": 7, "gid": 7},
        {"path": "/dev/made", "type": "c", "major": 10, "minor": 200, "fileMode": 0o640, "uid": 3, "gid": 4},
    ]
    assert linux["resources"]["devices"][1:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"},
        {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rwm"},
    ]


def test_where_nodes_cannot_be_made_the_hosts_are_bound(tmp_path: Path) -> None:
    document = applied(tmp_path, {"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/null"}]}, bind=True)
    assert "devices" not in document["linux"]
    assert document["mounts"][-1]["destination"] == "/dev/x"
    assert document["mounts"][-1]["source"] == "/dev/null"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"path": "/dev/no-such-node"}, "failed to stat CDI host device"),
        ({"path": "/dev/x", "hostPath": "/etc"}, "is not a device node"),
        ({"path": "/dev/x", "hostPath": "/dev/null", "type": "b"}, r"host type mismatch \(b, c\)"),
    ],
)
def test_a_node_that_the_host_has_not_is_refused(tmp_path: Path, node: dict[str, Any], words: str) -> None:
    with pytest.raises(SkerryError, match=words):
        applied(tmp_path, {"deviceNodes": [node]})


def test_network_devices_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="netDevices need a runtime"):
        applied(tmp_path, {"netDevices": [{"hostInterfaceName": "x", "name": "y"}]})


def test_a_fifo_is_a_node_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    node = applied(tmp_path, {"deviceNodes": [{"path": "/dev/p", "hostPath": str(tmp_path / "pipe")}]})["linux"]
    assert node["devices"] == [{"path": "/dev/p", "type": "p", "major": 0, "minor": 0}]
    assert len(node["resources"]["devices"]) == 1
