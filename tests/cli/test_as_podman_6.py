"""Details of Podman 6: what its newest releases show and refuse."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import Skerry

OFF = ("--network", "none")


def test_a_template_may_ask_for_what_is_empty(skerry: Skerry, busybox: str) -> None:
    skerry("create", *OFF, "--name", "box", busybox, "true")
    ask = "{{if .State.Health}}check{{else}}none{{end}} {{.State.StoppedByUser}} {{.HostConfig.Init}} {{.Config.Timezone}}."
    assert skerry("inspect", "--format", ask, "box").lines == ["none false false ."]
    assert (
        "can't evaluate field Helath" in skerry("inspect", "--format", "{{.State.Helath}}", "box", check=False).stderr
    )


def test_limits_of_devices_are_for_block_devices(skerry: Skerry, busybox: str) -> None:
    for flag in (
        "--device-read-bps=/dev/null:1mb",
        "--device-write-iops=/dev/null:1",
        "--blkio-weight-device=/dev/null:123",
    ):
        done = skerry("create", flag, busybox, check=False)
        assert (done.code, "/dev/null: not a block device" in done.stderr) == (125, True), flag


def test_a_quota_of_cpu_time_is_lifted_again(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", *OFF, "--name", "box", "--cpus", "0.5", busybox, "sleep", "1000")
    skerry("update", "--cpu-quota", "-1", "box")
    pid = skerry("inspect", "--format", "{{.State.Pid}}", "box").lines[0]
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    groups = {name: path for line in lines for _, names, path in [line.split(":", 2)] for name in names.split(",")}
    if "cpu" in groups:
        assert Path(f"/sys/fs/cgroup/cpu{groups['cpu']}/cpu.cfs_quota_us").read_text() == "-1\n"
    else:
        assert Path(f"/sys/fs/cgroup{groups['']}/cpu.max").read_text().startswith("max ")
    skerry("run", "--rm", *OFF, "--cpu-quota", "-1", busybox, "true")


def test_a_network_that_is_not_there_may_be_ignored(skerry: Skerry) -> None:
    assert skerry("network", "rm", "none", check=False).code == 1
    assert skerry("network", "rm", "--ignore", "none").stdout == ""


def test_ports_are_given_with_commas(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "-p", "127.0.0.1:18471:80,127.0.0.1:18472:81/udp", busybox, "true")
    ports = skerry(
        "inspect", "--format", "{{range $port, $_ := .HostConfig.PortBindings}}{{$port}} {{end}}", "box"
    ).stdout
    assert ports.split() == ["80/tcp", "81/udp"]


def test_inspect_tells_the_names_that_dns_knows(skerry: Skerry, busybox: str) -> None:
    skerry("network", "create", "--subnet", "10.213.7.0/24", "names")
    box = skerry(
        "run", "-d", "--name", "box", "--hostname", "called", "--network", "names:alias=also", busybox, "sleep", "1000"
    ).id
    form = "{{range .NetworkSettings.Networks}}{{json .DNSNames}}{{end}}"
    assert skerry("inspect", "--format", form, "box").lines == [f'["box","also","{box[:12]}","called"]']
    for name in ("box", "also", box[:12], "called"):
        assert "10.213.7." in skerry("exec", "box", "nslookup", name, check=False).stdout, name
    skerry("rm", "-f", "-t", "0", "box")
    skerry("network", "rm", "names")


def test_the_hosts_name_may_be_left_out(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_text('[containers]\nhost_containers_internal_ip = "none"\n')
    words = ("run", "--rm", "--network", "host", busybox, "cat", "/etc/hosts")
    assert "host.containers.internal" in skerry(*words).stdout
    assert "host.containers.internal" not in skerry(*words, env={"CONTAINERS_CONF_OVERRIDE": str(conf)}).stdout


def test_completion_without_descriptions(skerry: Skerry) -> None:
    for shell in ("bash", "fish", "zsh"):
        described, bare = skerry("completion", shell).stdout, skerry("completion", shell, "--no-desc").stdout
        assert "__completeNoDesc" not in described
        assert bare == described.replace("__complete ", "__completeNoDesc ") != described


def test_an_image_without_a_health_check_has_the_field(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    assert skerry("image", "inspect", "-f", "{{.HealthCheck}}", busybox).lines == ["<nil>"]
    (tmp_path / "Containerfile").write_text(f"FROM {busybox}\nHEALTHCHECK CMD true\n")
    skerry("build", "-q", "-t", "checked", "--format", "docker", tmp_path)
    assert "CMD-SHELL true" in skerry("image", "inspect", "-f", "{{.HealthCheck}}", "checked").stdout
    assert skerry("image", "prune", "-f", "--external").stdout == ""
