"""``info``, ``system df``, ``system prune`` and ``system reset``, on the real command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine
from tests.support.command import Skerry

from skerry.cli.system.yaml import dump


def test_info_has_podman_s_sections_and_keys(skerry: Skerry) -> None:
    report = json.loads(skerry("info", "-f", "json").stdout)
    assert list(report) == ["host", "store", "registries", "plugins", "version"]
    host = report["host"]
    assert {
        "arch", "cgroupManager", "cgroupVersion", "cgroupControllers", "conmon", "cpus", "cpuUtilization", "distribution",
        "eventLogger", "hostname", "idMappings", "kernel", "logDriver", "memFree", "memTotal", "networkBackend",
        "ociRuntime", "os", "remoteSocket", "security", "swapFree", "swapTotal", "uptime", "linkmode", "pasta",
        "networkBackendInfo",
    } <= set(host)  # fmt: skip
    assert host["kernel"] == os.uname().release
    assert host["conmon"]["version"].startswith("conmon version")
    assert report["store"]["graphRoot"] == str(skerry.root)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Host.OS}} {{.Host.Hostname}}", f"linux {os.uname().nodename}"), ("{{.Host.EventLogger}}", "file"),
        ("{{.Store.GraphDriverName}} {{.Store.ContainerStore.Number}}", "overlay 0"),
        ("{{.Host.Security.Rootless}}", "false"), ('{{index .Store.GraphStatus "Supports d_type"}}', "true"),
        ("{{.Host.CgroupsVersion}}", "v2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "v1"),
        ("{{.Host.EmulatedArchitectures}}{{.Host.Distribution.Variant}}", "[]"),
        ("{{slice .Host.Security.DefaultCapabilities 0 4}}", "CAP_"),
    ],
)  # fmt: skip
def test_info_answers_templates(skerry: Skerry, template: str, text: str) -> None:
    assert skerry("info", "--format", template).stdout == text + "\n"


def test_what_info_does_not_have_is_a_mistake(skerry: Skerry) -> None:
    result = skerry("info", "--format", "{{.Host.CgroupVersions}}", check=False)
    assert (result.code, result.stdout) == (125, "")
    assert "can't evaluate field CgroupVersions" in result.stderr


def test_info_counts_containers_by_state(skerry: Skerry, busybox: str) -> None:
    skerry("create", busybox)
    skerry("run", "-d", "--network", "none", busybox, "sleep", "60")
    counts = json.loads(skerry("info", "-f", "{{json .Store.ContainerStore}}").stdout)
    assert counts == {"number": 2, "paused": 0, "running": 1, "stopped": 1}
    assert skerry("info", "-f", "{{.Store.ImageStore.Number}}").stdout == "1\n"


def test_info_is_yaml_without_a_format(skerry: Skerry) -> None:
    lines = skerry("info").lines
    assert (lines[0] == "host:" and "  cgroupManager: cgroupfs" in lines) or "  cgroupManager: systemd" in lines
    assert f"  graphRoot: {skerry.root}" in lines


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": None}, "a: null\nb: 1\n"), ({"a": {}, "b": []}, "a: {}\nb: []\n"),
        ({"a": ["x", "z"]}, "a:\n- x\n- z\n"), ({"a": "12", "b": "true", "c": ""}, 'a: "12"\nb: "true"\nc: ""\n'),
        ({"a": "x: y"}, "a: 'x: y'\n"), ({"a": "one\ntwo"}, "a: |-\n  one\n  two\n"),
        ({"a": [{"c": 1, "b": 2}]}, "a:\n- b: 2\n  c: 1\n"), ({"a": {"b": {"c": False}}}, "a:\n  b:\n    c: false\n"),
        ({"a": "\x1b[31m"}, 'a: "\\u001b[31m"\n'), ({"a": "*x"}, "a: '*x'\n"),
    ],
)  # fmt: skip
def test_yaml_is_written_as_podman_writes_it(value: object, text: str) -> None:
    assert dump(value) == text


def usage(skerry: Skerry) -> dict[str, tuple[int, int, int, int]]:
    rows = json.loads(skerry("system", "df", "--format", "json").stdout)
    return {row["Type"]: (row["Total"], row["Active"], row["RawSize"], row["RawReclaimable"]) for row in rows}


def test_df_of_an_empty_store_is_zero(skerry: Skerry) -> None:
    assert skerry("system", "df").lines[1].split() == ["Images", "0", "0", "0B", "0B", "(0%)"]


def test_df_counts_what_is_written_and_what_could_go(skerry: Skerry, busybox: str) -> None:
    size = usage(skerry)["Images"][2]
    assert usage(skerry)["Images"] == (1, 0, size, size)
    skerry("run", "--name", "box", "-v", "data:/d", busybox, "sh", "-c", "head -c 3000 /dev/zero | tee /f > /d/f")
    found = usage(skerry)
    assert found["Images"] == (1, 1, size, 0)
    written = 3000 + len("/proc/mounts")  # its /etc/mtab
    assert found["Containers"] == (1, 0, written, written)
    assert found["Local Volumes"] == (1, 1, 3000, 0)
    skerry("rm", "box")
    assert usage(skerry)["Local Volumes"] == (1, 0, 3000, 3000)


def test_df_counts_a_shared_layer_once(skerry: Skerry, busybox: str) -> None:
    before = usage(skerry)["Images"]
    skerry("tag", busybox, "other:1")
    assert usage(skerry)["Images"] == before
    verbose = skerry("system", "df", "-v").stdout
    assert "Images space usage:\n\nREPOSITORY" in verbose
    assert "SHARED SIZE" in verbose


def test_df_shows_what_builds_keep_but_not_to_scripts(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    assert len(skerry("system", "df").lines) == 4
    (tmp_path / "Containerfile").write_text(f"FROM {busybox}\nRUN head -c 5000 /dev/zero > /f\n")
    skerry("build", "-t", "built", tmp_path)
    row = skerry("system", "df").lines[-1].split()
    assert row[:3] == ["Build", "Cache", row[2]]
    assert row[-3:] == ["0B", "0B", "(0%)"]  # the layer is the image's
    skerry("rmi", "built")
    row = skerry("system", "df").lines[-1].split()
    assert row[-3:] == [row[-2], row[-2], "(100%)"]  # size, and what a prune would free of it
    assert row[-2] != "0B"
    assert "Build cache usage:" in skerry("system", "df", "-v").lines
    assert len(usage(skerry)) == 3


def test_df_takes_no_format_with_verbose(skerry: Skerry) -> None:
    result = skerry("system", "df", "-v", "--format", "json", check=False)
    assert (result.code, "cannot combine --format and --verbose flags" in result.stderr) == (125, True)


def test_prune_external_leaves_what_is_known_here(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    assert skerry("system", "prune", "--external", "-f").stdout == ""
    assert skerry("container", "exists", "box").code == 0
    refused = skerry("system", "prune", "--external", "--all", check=False)
    assert (refused.code, "--external cannot be combined with other options" in refused.stderr) == (125, True)


def test_prune_removes_in_one_go_what_nothing_uses(skerry: Skerry, busybox: str) -> None:
    gone = skerry("run", "-d", "-v", "data:/d", busybox, "true").id
    skerry("wait", gone)
    skerry("network", "create", "unused")
    assert "- all dangling images\n\t- all dangling build cache\n\n" in skerry("system", "prune", input="n\n").stdout
    asked = skerry("system", "prune", "-a", "--volumes", input="n\n").stdout
    assert "one container\n\t- all volumes not used by at least one container\n\t- all images without" in asked
    assert "\t- all build cache\n\n" in asked
    assert skerry("container", "exists", gone).code == 0
    report = skerry("system", "prune", "-af", "--volumes").lines
    assert report[:2] == ["Deleted Containers", gone]
    assert report[2:4] == ["Deleted Volumes", "data"]
    assert report[4] == "Deleted Images"
    assert report[6:8] == ["Deleted Networks", "unused"]
    assert report[8].startswith("Total reclaimed space: ")
    assert not report[8].endswith(" 0B")
    assert skerry("images", "-q").stdout == ""


def test_prune_takes_the_steps_that_no_image_is_made_of(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    file = tmp_path / "Containerfile"
    file.write_text(f"FROM {busybox}\nRUN echo a > /a\n")
    skerry("build", "-q", "-t", "kept", "--network=none", tmp_path)
    assert skerry("system", "prune", "-f").lines == ["Total reclaimed space: 0B"]
    file.write_text(f"FROM {busybox}\nRUN echo b > /b\n")
    skerry("build", "-q", "-t", "gone", "--network=none", tmp_path)
    skerry("rmi", "gone")
    assert skerry("system", "prune", "-f", "--filter", "label!=x").lines == ["Total reclaimed space: 0B"]
    first, *steps, total = skerry("system", "prune", "-f").lines
    assert (first, bool(steps)) == ("Deleted build cache objects", True)
    assert not total.endswith(" 0B")
    file.write_text(f"FROM {busybox}\nRUN echo a > /a\n")
    assert "Using cache" in skerry("build", "-t", "again", "--network=none", tmp_path).stdout


def test_prune_leaves_what_is_in_use_and_volumes(skerry: Skerry, busybox: str) -> None:
    box = skerry("run", "-d", "--network", "none", busybox, "sleep", "60").id
    skerry("volume", "create", "data")
    assert skerry("system", "prune", "-af").lines == ["Total reclaimed space: 0B"]
    assert skerry("ps", "-q", "--no-trunc").lines == [box]
    assert skerry("volume", "exists", "data").code == 0


def test_reset_asks_first(skerry: Skerry, busybox: str) -> None:
    assert "all containers" in skerry("system", "reset", input="n\n").stdout
    assert skerry("image", "exists", busybox).code == 0


def test_reset_removes_everything_but_what_is_not_its_own(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "-p", "127.0.0.1::80", "-v", "data:/d", busybox, "sleep", "60")
    skerry("run", "-d", "--rm", "--network", "none", busybox, "sleep", "60")
    skerry("network", "create", "web")
    (skerry.root / "mine").write_text("x")
    partial = skerry.root / "partial"  # what a pull that was cut left
    partial.mkdir(exist_ok=True)
    (partial / ("0" * 64)).write_text("half")
    skerry("system", "reset", "-f")
    left = {str(path.relative_to(skerry.top)) for path in skerry.top.rglob("*")}
    assert left == {"root", "root/mine"}
    assert skerry("ps", "-aq").stdout == ""


def test_reset_leaves_other_stores_alone(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    box = skerry("run", "-d", "-p", "127.0.0.1::80", busybox, "sleep", "60").id
    other = Skerry(short_tmp / "o")
    other("volume", "create", "x")
    other("system", "reset", "-f")
    assert skerry("inspect", "-f", "{{.State.Running}} {{len .NetworkSettings.Ports}}", box).stdout == "true 1\n"


def test_reset_works_without_a_database(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "-p", "127.0.0.1::80", "--name", "a", busybox, "sleep", "60")
    skerry("run", "-d", "--network", "none", "--name", "b", busybox, "sleep", "60")
    pids = [int(skerry("inspect", "-f", "{{.State.Pid}}", name).stdout) for name in "ab"]
    for path in skerry.root.glob("skerry.db*"):
        path.write_bytes(os.urandom(8192))
    assert skerry("system", "check", check=False).code == 125
    skerry("system", "reset", "-f")
    assert not skerry.root.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_reset_of_nothing_is_fine(skerry: Skerry) -> None:
    assert skerry("system", "reset", "-f").code == 0


def test_migrate_stops_everything_and_may_change_the_runtime(skerry: Skerry, busybox: str) -> None:
    words = ("run", "-d", "--network", "none", "--init", busybox, "sleep", "100")
    ids = [skerry(*words).stdout.strip() for _ in range(2)]
    skerry("create", "--name", "never", busybox)
    done = skerry("system", "migrate", "--new-runtime", "nonsense", check=False)
    assert done.code == 125
    assert len(skerry("ps", "-q").lines) == 2
    done = skerry("system", "migrate", "--new-runtime", "runc")
    assert sorted(done.stderr.splitlines()) == sorted(f"stopped {container_id}" for container_id in ids)
    assert skerry("ps", "-q").stdout == ""
    assert skerry("inspect", "-f", "{{.OCIRuntime}}", "never", *ids).lines == ["runc"] * 3
    assert skerry("start", "-a", "never", check=False).code == 0
    assert skerry("system", "renumber").stdout == ""


def test_an_empty_template_shows_nothing(skerry: Skerry) -> None:
    for command in ("info", "version"):
        assert skerry(command, "-f", "").stdout == "\n"


@pytest.mark.parametrize(
    "words", [("info",), ("version",), ("images",), ("volume", "ls"), ("events", "--stream=false")]
)
def test_json_without_a_dot_is_json_as_well(cli: CommandLine, words: tuple[str, ...]) -> None:
    cli("volume", "create", "one")
    found = cli(*words, "--format", "{{json }}")
    assert (found.code, found.err) == (0, "")
    if words[0] not in ("info", "events"):  # they tell of this moment
        assert found.out == cli(*words, "--format", "json").out
    assert found.out[0] in "[{"


@pytest.mark.parametrize("template", ["{{.Version}}", "{{.Client.Version}}", "{{.Server.Version}}"])
def test_version_answers_templates_of_all_times(cli: CommandLine, template: str) -> None:
    result = cli("version", "--format", template)
    assert (result.code, result.out) == (0, cli("version", "-f", "{{.Client.Version}}").out)


def test_only_a_whole_action_is_json(cli: CommandLine) -> None:
    for command in ("info", "version"):
        assert cli(command, "--format", "{{json .").code == 125
        assert cli(command, "--format", "json . }}").out == "json . }}\n"


def test_info_tells_of_the_network_and_the_devices(skerry: Skerry, tmp_path: Path) -> None:
    device = {"name": "one", "containerEdits": {"env": ["A=1"]}}
    (tmp_path / "cdi.json").write_text(json.dumps({"cdiVersion": "0.3.0", "kind": "my.com/kind", "devices": [device]}))
    template = (
        "{{.Client}} {{.Host.NetworkBackendInfo.DefaultNetwork}} {{.Host.CDISpecDirs}} {{.Host.DiscoveredDevices}}"
    )
    seen = skerry("--cdi-spec-dir", str(tmp_path), "info", "--format", template).stdout
    assert seen.startswith(f"<nil> podman [{tmp_path}]")
    assert "my.com/kind=one" in seen
