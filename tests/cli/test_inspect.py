"""``inspect``, ``container inspect``, ``container exists`` and ``port``, on the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

SAMPLE = [
    "Id",
    "Created",
    "Path",
    "Args",
    "State",
    "Image",
    "ImageDigest",
    "ImageName",
    "Rootfs",
    "Pod",
    "ResolvConfPath",
    "HostnamePath",
    "HostsPath",
    "StaticDir",
    "OCIConfigPath",
    "OCIRuntime",
    "ConmonPidFile",
    "PidFile",
    "Name",
    "RestartCount",
    "Driver",
    "MountLabel",
    "ProcessLabel",
    "AppArmorProfile",
    "EffectiveCaps",
    "BoundingCaps",
    "ExecIDs",
    "GraphDriver",
    "Mounts",
    "Dependencies",
    "NetworkSettings",
    "Namespace",
    "IsInfra",
    "IsService",
    "KubeExitCodePropagation",
    "lockNumber",
    "Config",
    "HostConfig",
    "UseImageHosts",
    "UseImageHostname",
]


def one(skerry: Skerry, name: str, *flags: str) -> dict[str, Any]:
    (found,) = json.loads(skerry("inspect", *flags, name).stdout)
    assert isinstance(found, dict)
    return found


def test_inspect_has_every_key_of_podman(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox, "true")
    assert set(SAMPLE) == set(one(skerry, "box"))


def test_a_created_container_has_not_run(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox, "echo", "hello")
    box = one(skerry, "box")
    assert (box["Path"], box["Args"]) == ("echo", ["hello"])
    state = box["State"]
    assert (state["Status"], state["Running"], state["Pid"]) == ("created", False, 0)
    assert state["StartedAt"] == state["FinishedAt"] == "0001-01-01T00:00:00Z"


def test_a_running_container_shows_its_process_and_files(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--network", "none", busybox, "sleep", "60")
    box = one(skerry, "box")
    assert box["State"]["Status"] == "running"
    assert box["State"]["Running"]
    assert Path(f"/proc/{box['State']['Pid']}/cmdline").read_bytes().startswith(b"sleep\0")
    assert Path(f"/proc/{box['State']['ConmonPid']}/comm").read_text() == "conmon\n"
    for key in ("ResolvConfPath", "HostsPath", "HostnamePath", "OCIConfigPath", "PidFile"):
        assert Path(box[key]).exists(), key


def test_an_ended_container_shows_its_exit_code_and_times(skerry: Skerry, busybox: str) -> None:
    assert skerry("run", "--name", "box", busybox, "sh", "-c", "exit 3", check=False).code == 3
    state = one(skerry, "box")["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)
    assert state["StartedAt"] < state["FinishedAt"]


def test_limits_are_shown_in_podman_s_units(skerry: Skerry, busybox: str) -> None:
    skerry(
        "create", "--name", "box", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "core=0:-1",
        "--cap-add", "net_admin", "--cap-drop", "chown", "--tmpfs", "/t:size=1m", "--restart", "on-failure:3", busybox,
    )  # fmt: skip
    box = one(skerry, "box")
    host = box["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 << 20, 500_000_000, 50)
    assert {"Name": "RLIMIT_CORE", "Soft": 0, "Hard": -1} in host["Ulimits"]
    assert (host["CapAdd"], host["CapDrop"]) == (["CAP_NET_ADMIN"], ["CAP_CHOWN"])
    assert "CAP_NET_ADMIN" in box["EffectiveCaps"]
    assert "CAP_CHOWN" not in box["BoundingCaps"]
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert list(host["Tmpfs"]) == ["/t"]


def test_mounts_say_where_volumes_and_binds_are(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("create", "--name", "box", "-v", "data:/d", "-v", f"{tmp_path}:/b:ro", busybox)
    mounts = {mount["Destination"]: mount for mount in one(skerry, "box")["Mounts"]}
    assert (mounts["/d"]["Type"], mounts["/d"]["Name"], mounts["/d"]["RW"]) == ("volume", "data", True)
    assert mounts["/d"]["Source"].endswith("/data/_data")
    assert (mounts["/b"]["Type"], mounts["/b"]["Source"], mounts["/b"]["RW"]) == ("bind", str(tmp_path), False)


def test_the_network_s_address_and_ports_are_shown(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "-p", "127.0.0.1::80", "--expose", "81", busybox, "sleep", "60")
    network = one(skerry, "box")["NetworkSettings"]
    assert network["IPAddress"] == network["Networks"]["podman"]["IPAddress"] != ""
    assert network["Gateway"]
    assert network["MacAddress"]
    assert network["IPPrefixLen"]
    assert network["Ports"]["81/tcp"] is None
    (binding,) = network["Ports"]["80/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    assert int(binding["HostPort"]) > 0
    assert skerry("port", "box").stdout == f"80/tcp -> 127.0.0.1:{binding['HostPort']}\n"
    assert skerry("port", "box", "80/tcp").stdout == f"127.0.0.1:{binding['HostPort']}\n"
    assert skerry("port", "-a").stdout.split("\t")[1] == f"80/tcp -> 127.0.0.1:{binding['HostPort']}\n"
    missing = skerry("port", "box", "81", check=False)
    assert (missing.code, missing.stderr) == (125, 'Error: failed to find published port "81"\n')


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}}", "box"), ("{{.State.Status}}", "created"), ("{{.HostConfig.NetworkMode}}", "none"),
        ("{{json .Config.Cmd}}", '["true"]'), ("{{.Config.StopSignal}}", "SIGTERM"),
        ('{{index .Config.Labels "a.b"}}', "c"),
    ],
)  # fmt: skip
def test_templates_reach_every_field(skerry: Skerry, busybox: str, template: str, text: str) -> None:
    skerry("create", "--name", "box", "--network", "none", "-l", "a.b=c", busybox, "true")
    assert skerry("inspect", "-f", template, "box").stdout == text + "\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{range .Mounts}}{{.Type}}:{{.Name}}:{{.SubPath}}{{end}}", "bind::"),
        (
            "{{.State.ConmonPid}} {{.State.CgroupPath}} {{.State.StoppedByUser}} {{.State.Checkpointed}}",
            "0  false false",
        ),
        (
            "{{.Config.Timezone}} {{.Config.SystemdMode}} {{.Config.Secrets}} {{.Config.ExposedPorts}}",
            " false [] map[]",
        ),
        ("{{.Config.Healthcheck}} {{.HostConfig.Init}} {{.HostConfig.IDMappings}}", "<nil> false <nil>"),
        ("{{.SizeRw}} {{.SizeRootFs}}", "<nil> 0"),
        ("{{range .NetworkSettings.Networks}}{{.SecondaryIPAddresses}}{{.SecondaryIPv6Addresses}}{{end}}", "[][]"),
    ],
)
def test_what_json_leaves_out_is_empty_in_a_template(skerry: Skerry, busybox: str, template: str, text: str) -> None:
    skerry("create", "--name", "box", "-v", "/tmp:/mnt", busybox, "true")
    assert skerry("inspect", "-f", template, "box").stdout == text + "\n"


def test_inspect_finds_every_kind_of_object(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "data")
    skerry("network", "create", "web")
    assert one(skerry, busybox)["RepoTags"] == [busybox]
    assert one(skerry, "data")["Mountpoint"]
    assert one(skerry, "web")["driver"] == "bridge"
    skerry("create", "--name", "data", busybox)
    assert "State" in one(skerry, "data")
    assert "Mountpoint" in one(skerry, "data", "--type", "volume")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("inspect", "nope"), 'no such object: "nope"'),
        (("container", "inspect", "nope"), 'no such container "nope"'),
        (("inspect", "--format", "json", "nope"), 'no such object: "nope"'),
        (
            ("inspect", "-t", "network", "nope"),
            "network nope: unable to find network with name or ID nope: network not found",
        ),
        (("inspect", "-t", "image", "nope"), "nope: image not known"),
        (("inspect", "-t", "volume", "nope"), "no such volume nope"),
    ],
)
def test_what_does_not_exist_is_an_empty_list_and_125(skerry: Skerry, words: tuple[str, ...], message: str) -> None:
    result = skerry(*words, check=False)
    assert (result.code, result.stdout, result.stderr) == (125, "[]\n", f"Error: {message}\n")


def test_what_was_found_is_shown_beside_what_was_not(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    result = skerry("inspect", "-f", "{{.Name}}", "nope", "box", check=False)
    assert (result.code, result.stdout) == (125, "box\n")


def test_an_unknown_type_is_refused(skerry: Skerry) -> None:
    result = skerry("inspect", "-t", "foo", "x", check=False)
    assert result.code == 125
    assert 'invalid type "foo": must be "image", "container", "pod", "network", "volume", or "all"' in result.stderr


def test_latest_is_the_newest_container(skerry: Skerry, busybox: str) -> None:
    for name in ("old", "new"):
        skerry("create", "--name", name, busybox)
    assert skerry("inspect", "-l", "-f", "{{.Name}}").stdout == "new\n"


def test_size_counts_what_was_written(skerry: Skerry, busybox: str) -> None:
    skerry("run", "--name", "box", busybox, "sh", "-c", "head -c 5000 /dev/zero > /f")
    skerry("run", "--name", "idle", busybox, "true")
    written, root = skerry("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "box").stdout.split()
    assert int(written) - int(skerry("inspect", "-s", "-f", "{{.SizeRw}}", "idle").stdout) == 5000
    assert int(root) > 5000


def test_exists_answers_by_its_exit_code(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--name", "box", busybox).id
    assert skerry("container", "exists", box[:8]).code == 0
    assert skerry("container", "exists", "nope", check=False).code == 1


def test_prune_removes_what_does_not_run(skerry: Skerry, busybox: str) -> None:
    gone = skerry("create", busybox).id
    stays = skerry("run", "-d", "--network", "none", busybox, "sleep", "60").id
    assert skerry("container", "prune", input="n\n").stdout.startswith("WARNING! This will remove all non running")
    assert skerry("container", "prune", "-f", "--filter", "until=1h").stdout == ""
    assert skerry("container", "prune", "-f").stdout == gone + "\n"
    assert skerry("ps", "-aq", "--no-trunc").lines == [stays]
