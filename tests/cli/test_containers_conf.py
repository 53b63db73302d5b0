"""containers.conf and the global flags, as a container feels them."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from tests.support.command import Skerry


class Configured:
    """The command under a containers.conf of its own."""

    def __init__(self, skerry: Skerry, folder: Path) -> None:
        self.skerry = skerry
        self.path = folder / "containers.conf"

    def set(self, text: str) -> dict[str, str]:
        """The environment in which ``text`` is the configuration."""
        self.path.write_text(text)
        return {"CONTAINERS_CONF": str(self.path)}


@pytest.fixture
def conf(skerry: Skerry, short_tmp: Path) -> Configured:
    return Configured(skerry, short_tmp)


RUN = ("run", "--rm", "--network", "none")


def test_defaults_for_every_container(skerry: Skerry, busybox: str, conf: Configured) -> None:
    env = conf.set("""[containers]
        umask = "0027"
        annotations = ["a=from-conf", "b=kept"]
        read_only = true
        utsns = "host"
        env_host = true
        volumes = ["/etc:/conf:ro", "/usr:/taken:ro"]
        oom_score_adj = 500
    """)
    env["FROM_HOST"] = "yes"
    script = "umask; echo $FROM_HOST; touch /x 2>&1; cat /proc/self/oom_score_adj; hostname; ls /conf/passwd; ls /taken"
    found = skerry(*RUN, "-v", "/dev:/taken", busybox, "sh", "-c", script, env=env).lines
    assert found[0] == "0027"
    assert found[1] == "yes"
    assert "Read-only" in found[2]
    assert found[3] == "500"
    assert found[4] == os.uname().nodename
    assert found[5] == "/conf/passwd"
    assert "null" in found
    name = skerry("create", "--annotation", "a=flag", busybox, "true", env=env).id
    annotations = json.loads(skerry("inspect", name).stdout)[0]["Config"]["Annotations"]
    assert annotations["a"] == "flag"
    assert annotations["b"] == "kept"


def test_a_flag_wins_over_the_configuration(skerry: Skerry, busybox: str, conf: Configured) -> None:
    env = conf.set('[containers]\numask = "0027"\nread_only = true\nuserns = "auto"\nprivileged = true\n')
    flags = ("--umask", "0002", "--read-only=false", "--userns", "host", "--privileged=false")
    script = "umask; touch /x && echo written; cut -d: -f2 /proc/self/uid_map; grep CapEff /proc/self/status"
    found = skerry(*RUN, *flags, busybox, "sh", "-c", script, env=env).stdout
    assert "0002\nwritten\n" in found
    assert "00000000800405fb" in found


def test_the_containers_name_is_its_host_name(skerry: Skerry, busybox: str, conf: Configured) -> None:
    env = conf.set("[containers]\ncontainer_name_as_hostname = true\n")
    assert skerry(*RUN, "--name", "my_box.1", busybox, "hostname", env=env).stdout == "mybox.1\n"
    assert skerry(*RUN, "--hostname", "given", busybox, "hostname", env=env).stdout == "given\n"
    name = skerry("run", "-d", "--network", "none", busybox, "hostname", env=env).id
    skerry("wait", name)
    generated = skerry("inspect", "--format", "{{.Name}}", name).stdout.strip()
    assert skerry("logs", name).stdout.strip() == generated.replace("_", "")


def test_logs_go_to_a_folder_of_each_container(skerry: Skerry, busybox: str, conf: Configured, short_tmp: Path) -> None:
    env = conf.set(f'[containers]\nlog_driver = "k8s-file"\nlog_path = "{short_tmp}/logs"\n')
    name = skerry("run", "-d", "--network", "none", busybox, "echo", "hello", env=env).id
    skerry("wait", name)
    assert "hello" in (short_tmp / "logs" / name / "ctr.log").read_text()
    assert skerry("logs", name).stdout == "hello\n"


def test_volumes_are_filled_when_the_container_is_created(skerry: Skerry, busybox: str, conf: Configured) -> None:
    skerry("create", "-v", "later:/bin", busybox, "true")
    assert not os.listdir(skerry.top / "vol" / "later" / "_data")
    env = conf.set("[containers]\nprepare_volume_on_create = true\n")
    skerry("create", "-v", "now:/bin", busybox, "true", env=env)
    assert "busybox" in os.listdir(skerry.top / "vol" / "now" / "_data")


def test_ports_are_published_on_the_default_addresses(skerry: Skerry, busybox: str, conf: Configured) -> None:
    env = conf.set('[network]\ndefault_host_ips = ["127.0.0.2", "127.0.0.3"]\n')
    name = skerry("create", "-p", "8080:80", "-p", "127.0.0.9:81:81", busybox, "true", env=env).id
    bindings = json.loads(skerry("inspect", name).stdout)[0]["HostConfig"]["PortBindings"]
    assert [item["HostIp"] for item in bindings["80/tcp"]] == ["127.0.0.2", "127.0.0.3"]
    assert [item["HostIp"] for item in bindings["81/tcp"]] == ["127.0.0.9"]


def test_default_addresses_that_a_bridge_cannot_serve_are_not_worth_a_word(
    skerry: Skerry, busybox: str, conf: Configured
) -> None:
    env = conf.set('[network]\ndefault_host_ips = ["127.0.0.1", "::1"]\n')
    assert skerry("create", "-p", "8080:80", busybox, "true", env=env).stderr == ""
    assert "[::1] cannot be reached" in skerry("create", "-p", "[::1]:8081:80", busybox, "true", env=env).stderr


def test_info_and_debug_tell_keys_without_effect(skerry: Skerry, conf: Configured) -> None:
    env = conf.set("[engine]\nnum_locks = 4096\n[containers]\ncolour = 1\n")
    found = json.loads(skerry("info", "--format", "json", env=env).stdout)["host"]["configuration"]
    assert found["files"] == [str(conf.path)]
    assert list(found["noEffect"]) == ["engine.num_locks"]
    assert found["unknownKeys"] == [f"{conf.path}: line 4: [containers] colour"]
    told = skerry("--log-level", "debug", "ps", env=env).stderr
    assert "engine.num_locks has no effect: locks are files" in told
    assert "line 4: [containers] colour" in told


def test_a_module_is_loaded_and_given_to_the_exit_command(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    module = short_tmp / "mine.conf"
    module.write_text('[containers]\numask = "0007"\n')
    assert skerry("--module", str(module), *RUN, busybox, "sh", "-c", "umask").stdout == "0007\n"
    name = skerry("--module", str(module), "run", "-d", "--network", "none", busybox, "sleep", "60").id
    (conmon,) = skerry("inspect", "--format", "{{.State.ConmonPid}}", name).lines
    assert f"--exit-command-arg\0--module\0--exit-command-arg\0{module}" in Path(f"/proc/{conmon}/cmdline").read_text()


@pytest.mark.parametrize(
    "flags", [("--remote",), ("-c", "x"), ("--url", "ssh://x"), ("--imagestore", "/x"), ("--transient-store",)]
)
def test_flags_for_another_machine_or_store_are_refused(skerry: Skerry, flags: tuple[str, ...]) -> None:
    result = skerry(*flags, "ps", check=False)
    assert result.code == 125
    assert "is not supported: " in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_a_container_host_elsewhere_is_refused(skerry: Skerry) -> None:
    result = skerry("ps", env={"CONTAINER_HOST": "ssh://root@elsewhere/run/x"}, check=False)
    assert result.code == 125
    assert "CONTAINER_HOST is set to ssh://root@elsewhere" in result.stderr
    skerry("ps", env={"CONTAINER_HOST": "unix:///run/podman/podman.sock"})


def test_syslog_gets_log_lines_and_the_error(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skerry.cli import syslog
    from skerry.cli.output import Output

    monkeypatch.setattr(syslog, "SOCKET", str(short_tmp / "log"))
    out = Output()
    out.use_syslog()
    out.warn("nobody listens")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(short_tmp / "log"))
        server.settimeout(5)
        out.warn("look out")
        out.error("it broke")
        assert server.recv(200) == f"<12>skerry[{os.getpid()}]: look out".encode()
        assert server.recv(200) == f"<11>skerry[{os.getpid()}]: it broke".encode()


def test_a_flag_brings_back_the_hosts_file(skerry: Skerry, busybox: str, conf: Configured) -> None:
    env = conf.set("[containers]\nno_hosts=true\n")
    refused = skerry("create", "--add-host", "a:1.2.3.4", busybox, env=env, check=False)
    assert (refused.code, refused.stderr) == (125, "Error: --no-hosts and --add-host cannot be set together\n")
    words = ("--name", "box", "--no-hosts=false", "--add-host", "a:1.2.3.4")
    assert "1.2.3.4\ta" in skerry(*RUN, *words, busybox, "cat", "/etc/hosts", env=env).stdout


def test_the_size_of_shared_memory_counts_in_thousands_in_the_file_alone(
    skerry: Skerry, busybox: str, conf: Configured
) -> None:
    env = conf.set('[containers]\nshm_size="201k"\n')
    words = (busybox, "grep", " /dev/shm ", "/proc/mounts")
    assert "size=200k" in skerry(*RUN, *words, env=env).stdout
    assert "size=204k" in skerry(*RUN, "--shm-size=201k", *words, env=env).stdout
    assert "size=64000k" in skerry(*RUN, *words).stdout
