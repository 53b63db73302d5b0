"""What a container of ``run`` sees of its flags, from the inside."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest


@pytest.fixture
def inside(skerry, busybox):
    """``inside("-u", "1000", "id -u")``: run a shell line in a container with these flags; what it prints."""

    def run(*words: str, code: int = 0) -> str:
        *flags, line = words
        network = () if "--network" in flags else ("--network", "none")
        result = skerry("run", "--rm", *network, *flags, busybox, "sh", "-c", line, check=False)
        assert result.code == code, result.stderr
        return result.stdout

    return run


def test_output_and_exit_code_are_the_programs(skerry, busybox):
    result = skerry(
        "run", "--rm", "--network", "none", busybox, "sh", "-c", "echo out; echo err >&2; exit 7", check=False
    )
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_input_reaches_it_with_interactive_only(skerry, busybox):
    assert skerry("run", "--rm", "-i", "--network", "none", busybox, "cat", input="hello").stdout == "hello"
    assert skerry("run", "--rm", "--network", "none", busybox, "cat", input="hello").stdout == ""


@pytest.mark.parametrize(("program", "code"), [("/no/such", 127), ("nosuch", 127), ("/etc", 126), ("/etc/passwd", 126)])
def test_programs_that_cannot_run(skerry, busybox, program, code):
    assert skerry("run", "--rm", "--network", "none", busybox, program, check=False).code == code


def test_a_signal_ends_with_128_and_its_number(inside):
    inside("(kill -9 $(sh -c 'echo $PPID')); exit $?", code=137)


def test_environment(inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "env"
    file.write_text("# comment\nFROM_FILE=1\nBOTH=file\n")
    monkeypatch.setenv("FROM_HERE", "host")
    text = inside("--env-file", str(file), "-e", "BOTH=flag", "-e", "FROM_HERE", "-e", "NOT_HERE", "env")
    assert {"FROM_FILE=1", "BOTH=flag", "FROM_HERE=host", "container=podman"} <= set(text.split())
    assert "NOT_HERE" not in text


@pytest.mark.parametrize(
    ("flags", "line", "text"),
    [
        (("-u", "1000:1001"), "id -u; id -g", "1000\n1001\n"),
        (("-w", "/tmp"), "pwd", "/tmp\n"),
        (("--umask", "0077"), "umask", "0077\n"),
        (("--hostname", "named"), "hostname; cat /etc/hostname", "named\nnamed\n"),
        (("--ulimit", "nofile=64:128"), "ulimit -n; ulimit -Hn", "64\n128\n"),
        (("--shm-size", "1m"), "df /dev/shm | awk 'END{print $2}'", "1024\n"),
        (("--sysctl", "net.ipv4.ip_forward=1"), "cat /proc/sys/net/ipv4/ip_forward", "1\n"),
        (("--cap-drop", "all"), "grep CapEff /proc/self/status", "CapEff:\t0000000000000000\n"),
        (("--security-opt", "no-new-privileges"), "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n"),
        (("--security-opt", "seccomp=unconfined"), "grep '^Seccomp:' /proc/self/status", "Seccomp:\t0\n"),
        ((), "grep '^Seccomp:' /proc/self/status", "Seccomp:\t2\n"),
        (("--init",), "cat /proc/1/comm", "podman-init\n"),
        (("--tmpfs", "/t:size=1m,mode=700"), "stat -c %a /t; df /t | awk 'END{print $2}'", "700\n1024\n"),
        (("--group-add", "4242"), "id -G | grep -c 4242", "1\n"),
        (("--tz", "UTC"), "date +%Z", "UTC\n"),
        (("--oom-score-adj", "77"), "cat /proc/self/oom_score_adj", "77\n"),
        (("--device", "/dev/null:/dev/own"), "echo x > /dev/own && stat -c %t:%T /dev/own", "1:3\n"),
        (("--add-host", "a.test:10.1.2.3"), "grep a.test /etc/hosts", "10.1.2.3\ta.test\n"),
        (("--network", "host", "--dns", "10.9.8.7"), "cat /etc/resolv.conf | grep nameserver", "nameserver 10.9.8.7\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_what_a_flag_does(inside, flags, line, text):
    assert inside(*flags, line) == text


def test_a_read_only_root_has_writable_tmpfs(inside):
    inside("--read-only", "touch /x", code=1)
    assert inside("--read-only", "touch /tmp/a /run/b /var/tmp/c && echo ok") == "ok\n"
    inside("--read-only", "--read-only-tmpfs=false", "touch /tmp/a", code=1)


def test_bind_mounts(inside, tmp_path: Path):
    (tmp_path / "in").write_text("from the host\n")
    assert inside("-v", f"{tmp_path}:/mnt", "cat /mnt/in; echo back > /mnt/out") == "from the host\n"
    assert (tmp_path / "out").read_text() == "back\n"
    inside("-v", f"{tmp_path}:/mnt:ro", "touch /mnt/x", code=1)
    assert inside("--mount", f"type=bind,src={tmp_path},dst=/m,ro", "cat /m/in") == "from the host\n"


def test_a_named_volume_outlives_its_container_and_is_filled_from_the_image(skerry, inside):
    assert "root" in inside("-v", "accounts:/etc", "cat /etc/passwd")
    inside("-v", "accounts:/data", "echo mine > /data/own")
    assert inside("-v", "accounts:/data", "cat /data/own; ls /data/passwd") == "mine\n/data/passwd\n"
    skerry("volume", "rm", "accounts")


def test_anonymous_volumes_go_with_rm(skerry, inside):
    inside("-v", "/data", "touch /data/x")
    assert skerry("volume", "ls", "-q").stdout == ""


def test_limits_reach_the_control_groups(inside):
    if not Path("/sys/fs/cgroup/memory").exists():
        assert (
            inside("-m", "64m", "--pids-limit", "33", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max")
            == "67108864\n33\n"
        )
        return
    files = (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    )
    assert inside("-m", "64m", "--pids-limit", "33", "--cpus", "0.5", f"cat {files}") == "67108864\n33\n50000\n"


def test_too_much_memory_is_killed(inside):
    inside("-m", "16m", "--memory-swap", "16m", "head -c 64m /dev/zero | tail", code=137)


def test_network_none_has_only_loopback(inside):
    assert inside("ls /sys/class/net").split() == ["lo"]


def test_a_published_port_answers(skerry, busybox, eventually):
    skerry("run", "-d", "--name", "web", "-p", "127.0.0.1::80", busybox, "httpd", "-f", "-h", "/etc")
    address = skerry("port", "web", "80").stdout.strip()

    def fetched() -> bool:
        import urllib.request

        with urllib.request.urlopen(f"http://{address}/hostname", timeout=2) as answer:
            return len(answer.read()) > 5

    eventually(lambda: _quietly(fetched))


def _quietly(function):
    try:
        return function()
    except OSError:
        return False


def test_containers_share_namespaces(skerry, busybox):
    one = skerry("run", "-d", "--name", "one", "--network", "none", "--hostname", "shared", busybox, "sleep", "100").id
    for kind in ("network", "ipc", "uts", "pid"):
        file = {"network": "net"}.get(kind, kind)
        mine = skerry("exec", one, "readlink", f"/proc/self/ns/{file}").stdout
        network = () if kind == "network" else ("--network", "none")
        theirs = skerry(
            "run", "--rm", *network, f"--{kind}", "container:one", busybox, "readlink", f"/proc/self/ns/{file}"
        )
        assert theirs.stdout == mine, kind


@pytest.mark.parametrize("flag", ["ipc", "uts", "pid", "network", "cgroupns"])
def test_who_joins_a_container_that_has_the_hosts_namespace_has_it_too(skerry, busybox, flag):
    kind = {"network": "net", "cgroupns": "cgroup"}.get(flag, flag)
    words = [] if flag == "network" else ["--network", "none"]
    skerry("run", "-d", "--name", "one", *words, f"--{flag}=host", busybox, "sleep", "100")
    joined = skerry("run", "--rm", *words, f"--{flag}=container:one", busybox, "readlink", f"/proc/self/ns/{kind}")
    assert joined.stdout.strip() == os.readlink(f"/proc/self/ns/{kind}")


def test_an_ipc_namespace_of_other_mounts_has_a_shared_memory_of_its_own(skerry, busybox):
    skerry("run", "-d", "--name", "own", "--network", "none", "--ipc", "private", busybox, "sleep", "100")
    path = f"/proc/{skerry('inspect', '-f', '{{.State.Pid}}', 'own').stdout.strip()}/ns/ipc"
    joined = skerry("run", "--rm", "--network", "none", f"--ipc=ns:{path}", busybox, "readlink", "/proc/self/ns/ipc")
    assert joined.stdout.strip() == os.readlink(path)


def test_shared_memory_is_shared_with_the_ipc_namespace(skerry, busybox):
    skerry(
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "none",
        "--shm-size",
        "1m",
        busybox,
        "sh",
        "-c",
        "echo in > /dev/shm/x; sleep 100",
    )
    assert (
        skerry("run", "--rm", "--network", "none", "--ipc", "container:one", busybox, "cat", "/dev/shm/x").stdout
        == "in\n"
    )
    skerry("run", "-d", "--name", "own", "--network", "none", "--ipc", "private", busybox, "sleep", "100")
    refused = skerry("run", "--rm", "--network", "none", "--ipc", "container:own", busybox, "true", check=False)
    assert refused.code == 125
    assert "is not allowed: non-shareable IPC" in refused.stderr


def test_names_are_unique_and_replaced_on_demand(skerry, busybox):
    first = skerry("create", "--name", "box", busybox, "true").id
    again = skerry("create", "--name", "box", busybox, "true", check=False)
    assert again.code == 125
    assert f'the container name "box" is already in use by {first}' in again.stderr
    assert skerry("create", "--name", "box", "--replace", busybox, "true").id != first


def test_files_with_ids(skerry, busybox, eventually, tmp_path: Path):
    files = {name: tmp_path / name for name in ("cid", "pid", "conmon")}
    box = skerry(
        "run", "-d", "--network", "none", "--cidfile", str(files["cid"]), "--pidfile", str(files["pid"]),
        "--conmon-pidfile", str(files["conmon"]), busybox, "sleep", "100",
    ).id  # fmt: skip
    assert files["cid"].read_text() == box
    # Started means that it may execute its program now.
    eventually(lambda: Path(f"/proc/{files['pid'].read_text()}/comm").read_text() == "sleep\n")
    assert Path(f"/proc/{files['conmon'].read_text().strip()}/comm").read_text() == "conmon\n"
    skerry("rm", "-f", "-t", "0", box)
    assert not files["cid"].exists()


@pytest.mark.parametrize(("flag", "code"), [("--pidfile", 127), ("--conmon-pidfile", 126)])
def test_a_container_whose_pid_file_cannot_be_written_never_runs(skerry, busybox, flag, code):
    refused = skerry(
        "run", "-d", "--network", "none", "--name", "box", flag, "/no/such/pid", busybox, "top", check=False
    )
    assert (refused.code, "/no/such/pid" in refused.stderr) == (code, True)
    assert skerry("inspect", "--format", "{{.State.Status}} {{.State.Pid}}", "box").stdout == "created 0\n"


def test_unknown_supplemental_groups_name_the_container(skerry, busybox):
    refused = skerry("run", "--network", "none", "--name", "box", "--group-add", "nosuch", busybox, "true", check=False)
    box = skerry("inspect", "--format", "{{.Id}}", "box").stdout.strip()
    assert f"looking up supplemental groups for container {box}: unable to find group nosuch" in refused.stderr


def test_attach_beside_detach_is_accepted(skerry, busybox):
    skerry("run", "-d", "-a", "stdin", "--network", "none", "--name", "box", busybox, "sh", "-c", "cat; echo end")
    assert skerry("inspect", "--format", "{{.State.Status}}", "box").stdout in {"running\n", "exited\n"}


def test_stop_sends_the_chosen_signal_first(skerry, busybox, eventually):
    line = "trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.1; done"
    box = skerry("run", "-d", "--network", "none", "--stop-signal", "HUP", busybox, "sh", "-c", line).id
    eventually(lambda: "ready" in skerry("logs", box).stdout)
    begin = time.monotonic()
    skerry("stop", box)
    assert time.monotonic() - begin < 9
    assert skerry("inspect", "--format", "{{.State.ExitCode}}", box).stdout == "3\n"
    assert skerry("logs", box).stdout == "ready\nhup\n"


def test_on_failure_restarts_so_many_times(skerry, busybox, eventually):
    skerry("run", "-d", "--network", "none", "--name", "box", "--restart", "on-failure:2", busybox, "false")
    eventually(
        lambda: skerry("inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "box").stdout == "2 exited\n"
    )


def test_a_paused_container_stands_still(skerry, busybox):
    box = skerry("run", "-d", "--network", "none", busybox, "sleep", "100").id
    skerry("pause", box)
    assert skerry("ps", "-a", "--format", "{{.State}}").stdout == "paused\n"
    assert skerry("exec", box, "true", check=False).code == 255
    assert skerry("rm", box, check=False).code == 2
    skerry("unpause", box)
    assert skerry("exec", box, "echo", "awake").stdout == "awake\n"


def test_a_renamed_container_is_found_by_its_new_name(skerry, busybox):
    box = skerry("create", "--name", "before", busybox, "true").id
    skerry("rename", "before", "after")
    assert skerry("inspect", "--format", "{{.Id}} {{.Name}}", "after").stdout == f"{box} after\n"
    assert skerry("container", "exists", "before", check=False).code == 1


def test_a_killed_client_leaves_a_container_that_cleans_up_after_itself(skerry, busybox, eventually):
    import signal
    import subprocess

    words = ("run", "--rm", "--network", "none", "--name", "box", busybox, "sleep", "2")
    client = subprocess.Popen([*skerry.argv, *words])
    eventually(lambda: skerry("ps", "-q").stdout != "")
    client.send_signal(signal.SIGKILL)
    client.wait()
    assert skerry("ps", "--format", "{{.Names}}").stdout == "box\n"
    eventually(lambda: skerry("ps", "-aq").stdout == "")


def test_two_starts_at_once_start_it_once(skerry, busybox):
    import subprocess

    skerry("create", "--name", "box", "--network", "none", busybox, "sleep", "100")
    both = [subprocess.Popen([*skerry.argv, "start", "box"], stdout=subprocess.PIPE) for _ in range(4)]
    assert [each.wait() for each in both] == [0, 0, 0, 0]
    for each in both:
        each.stdout.close()
    assert skerry("ps", "-q").stdout.count("\n") == 1


def test_hostile_names_never_reach_a_terminal_raw(skerry, busybox):
    skerry("create", "--name", "box", "-l", "evil=\x1b[31mred\nline", busybox, "true")
    text = skerry("ps", "-a", "--format", "table {{.Names}} {{.Labels}}").stdout
    assert "\x1b" not in text
    assert text.count("\n") == 2


@pytest.mark.parametrize(
    "command", [("stop",), ("restart",), ("rm", "-f"), ("rm", "-fa"), ("stop", "-a")], ids=" ".join
)
def test_several_are_stopped_side_by_side(skerry, busybox, command, eventually):
    names = ["one", "two", "three"]
    # Each ends when it sees that the others were told to end, too.
    script = "trap 'touch /data/$0; until [ -e /data/one ] && [ -e /data/two ] && [ -e /data/three ]; do sleep 0.05; done; echo all; exit' TERM; echo up; while :; do sleep 0.05; done"
    for name in names:
        skerry("run", "-d", "--name", name, "--network", "none", "-v", "data:/data", busybox, "sh", "-c", script, name)
    for name in names:
        eventually(lambda name=name: skerry("logs", name).lines == ["up"])
    skerry(*command, "-t", "30", *(() if command[-1].endswith("a") else names))
    ends = [
        line.split()
        for line in skerry(
            "events",
            "--stream=false",
            "--since",
            "10m",
            "--filter",
            "event=died",
            "--format",
            "{{.Name}} {{.ContainerExitCode}}",
        ).lines
    ]
    assert sorted(ends)[:3] == [["one", "0"], ["three", "0"], ["two", "0"]]
