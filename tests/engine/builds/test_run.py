"""What a step sees, may do, and leaves."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

import pytest
from tests.engine.builds import builder
from tests.support.terminal import Terminal

from skerry.engine.builds.errors import Interrupted
from skerry.engine.builds.types import RunRequest, StepMount
from skerry.errors import CommandNotFound, Invalid, NotFound
from skerry.linux.mount import mount, umount

BUILDER = builder.__file__


def test_a_step_gives_its_exit_code_and_both_streams(engine, base):
    seen = []
    with engine.builds.open_root(base) as root:
        request = RunRequest(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], network="none")
        request.output = lambda fd, data: seen.append((fd, data))
        assert root.run(request) == 7
    assert sorted(seen) == [(1, b"out\n"), (2, b"err\n")]


def test_a_signal_is_128_and_its_number(shell):
    assert shell("sh -c 'kill -9 $$'; exit $?")[0] == 137


def test_a_program_that_is_not_there_is_told_apart_from_one_that_fails(engine, base):
    with engine.builds.open_root(base) as root, pytest.raises(CommandNotFound):
        root.run(RunRequest(["/nothing"], network="none"))


def test_a_step_that_changes_nothing_makes_no_layer(layer_of, base):
    assert layer_of(base, "true") is None


@pytest.mark.parametrize("network", ["none", "default", "host"])
def test_what_the_runtime_mounts_over_is_in_no_layer(layer_of, tree, base, network):
    mounts = [StepMount("tmpfs", "/a/b/c"), StepMount("secret", "/run/secrets/x", data=b"x"),
              StepMount("bind", "/src", "/etc")]  # fmt: skip
    layer = layer_of(base, "echo > /file", mounts=mounts, network=network)
    assert tree(layer) == {"file": "f"}


def test_what_is_mounted_over_a_link_leaves_nothing_either(layer_of, tree, base):
    link = layer_of(base, "rm -rf /srv; mkdir -p /real; ln -s /real /srv")
    layer = layer_of([*base, link], "echo > /file", mounts=[StepMount("tmpfs", "/srv/deep/er")])
    assert tree(layer) == {"file": "f"} or tree(layer) == {"file": "f", "real": "d"}


def test_a_place_that_a_layer_removed_leaves_nothing_but_its_folder(layer_of, tree, base):
    made = layer_of(base, "mkdir -p /m/x; echo > /m/y")
    gone = layer_of([*base, made], "rm -r /m/x")
    layer = layer_of([*base, made, gone], "echo > /file", mounts=[StepMount("tmpfs", "/m/x")])
    assert {path: kind for path, kind in tree(layer).items() if path != "m"} == {"file": "f"}


def test_what_a_step_puts_where_a_mount_was_stays(layer_of, tree, base):
    layer = layer_of(base, "echo > /d/kept", mounts=[StepMount("tmpfs", "/d/m")])
    assert tree(layer) == {"d": "d", "d/kept": "f"}


def test_a_step_runs_as_its_user_in_its_folder(shell):
    code, text = shell("id -u; id -g; pwd", user="12:34", cwd="/some/where")
    assert (code, text.split()) == (0, ["12", "34", "/some/where"])


def test_an_unknown_user_is_refused(shell):
    with pytest.raises(NotFound, match="unable to find user nobody-here"):
        shell("true", user="nobody-here")


def test_the_environment_is_what_was_given(shell):
    _, text = shell("env", env=["A=b c", "PATH=/bin"])
    found = dict(line.split("=", 1) for line in text.splitlines())
    assert found["A"] == "b c"
    assert found["PATH"] == "/bin"
    assert found["HOME"]
    assert "container" not in found


def test_a_sandbox_has_neither_rights_nor_devices_and_insecure_has(shell):
    _, sandbox = shell("grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; ls /dev | wc -l")
    _, insecure = shell("grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; ls /dev | wc -l",
                        security="insecure")  # fmt: skip
    assert "Seccomp:\t2" in sandbox
    assert "Seccomp:\t0" in insecure
    assert int(sandbox.split()[1], 16) < int(insecure.split()[1], 16)
    assert int(sandbox.split()[-1]) < int(insecure.split()[-1])


def test_other_words_for_security_are_refused(shell):
    with pytest.raises(Invalid, match="security"):
        shell("true", security="some")


def test_capabilities_can_be_added_and_dropped(shell):
    _, text = shell("grep CapEff /proc/self/status", cap_drop=["all"], cap_add=["SYS_TIME"])
    assert int(text.split()[1], 16) == 1 << 25


def test_limits_are_set(shell):
    code, text = shell("ulimit -n; df -k /dev/shm | tail -1", ulimits=["nofile=77:88"], shm_size=1 << 20)
    assert code == 0
    assert text.split()[0] == "77"
    assert "1024" in text


def test_memory_is_limited(shell):
    code, text = shell("cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true",
                       resources={"memory": 64 << 20})  # fmt: skip
    assert code == 0
    assert str(64 << 20) in text


def test_masked_paths_are_masked(shell):
    assert shell("cat /proc/kcore 2>/dev/null | head -c1 | wc -c")[1].strip() == "0"


def test_without_a_network_there_is_only_loopback_and_no_namespace_of_ours(shell, engine, monkeypatch):
    monkeypatch.setattr("skerry.linux.netns.create", lambda *_: pytest.fail("made a namespace"))
    assert shell("ls /sys/class/net")[1].split() == ["lo"]


def test_the_default_network_has_an_address_and_a_route(shell):
    code, text = shell("ip route; ip -4 addr show eth0", network="default")
    assert code == 0
    assert "default via" in text
    assert "inet 10." in text


def test_a_named_network_is_joined(shell, engine):
    engine.networks.create("builders")
    assert "eth0" in shell("ls /sys/class/net", network="builders")[1]


def test_an_unknown_network_is_refused_and_leaves_nothing(shell):
    with pytest.raises(NotFound, match="no-such-net"):
        shell("true", network="no-such-net")


def test_hosts_and_name_servers_are_those_that_were_asked_for(shell):
    _, text = shell("cat /etc/hosts /etc/resolv.conf", hosts=["far:192.0.2.7"], dns=["192.0.2.53"], dns_search=["here"])
    assert "192.0.2.7\tfar" in text
    assert "nameserver 192.0.2.53" in text
    assert "search here" in text
    assert "127.0.0.1\tlocalhost" in text


def test_a_secret_is_a_file_with_an_owner_that_never_touches_the_disk(shell, skerry):
    mounts = [StepMount("secret", "/run/secrets/token", data=b"hush", uid=5, gid=6, mode=0o440)]
    _, text = shell("cat /run/secrets/token; stat -c ' %u %g %a' /run/secrets/token; grep token /proc/mounts",
                    mounts=mounts)  # fmt: skip
    assert text.startswith("hush 5 6 440\n")
    assert "tmpfs" in text
    assert " ro," in text


def test_an_agent_is_reached_by_another_user(shell, short_tmp):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(short_tmp / "agent"))
    os.chmod(short_tmp / "agent", 0o600)
    server.listen()

    def answer():
        client, _ = server.accept()
        client.sendall(client.recv(100).upper())
        client.close()

    threading.Thread(target=answer, daemon=True).start()
    mounts = [StepMount("agent", "/run/agent", str(short_tmp / "agent"), uid=1000, gid=1000, mode=0o600)]
    code, text = shell("stat -c '%F %u %a' /run/agent", mounts=mounts, user="1000")
    assert (code, text) == (0, "socket 1000 600\n")
    server.close()


def test_a_missing_agent_is_told(shell):
    with pytest.raises(NotFound, match="ssh agent"):
        shell("true", mounts=[StepMount("agent", "/a", "/nowhere/agent")])


def test_bind_mounts_can_be_read_only(shell, short_tmp):
    mounts = [StepMount("bind", "/in", str(short_tmp), readonly=True)]
    assert shell("echo > /in/x", mounts=mounts)[0] != 0
    assert shell("echo > /in/x", mounts=[StepMount("bind", "/in", str(short_tmp))])[0] == 0
    assert (short_tmp / "x").exists()


def test_what_a_step_leaves_running_is_killed(shell):
    start = time.monotonic()
    code, text = shell("sleep 997 & echo ok")
    assert (code, text) == (0, "ok\n")
    assert time.monotonic() - start < 5
    assert not running("sleep\x00997")


def running(words):
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if words.encode() in file.read():
                    return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("network", ["none", "default"])
def test_a_cancelled_step_is_gone_within_a_second(engine, base, network):
    started = threading.Event()
    cancelled = threading.Event()
    took = []

    def cancel():
        assert started.wait(10)
        took.append(time.monotonic())
        cancelled.set()

    threading.Thread(target=cancel).start()
    with engine.builds.open_root(base) as root, pytest.raises(Interrupted):
        root.run(
            RunRequest(
                ["/bin/sh", "-c", "trap '' TERM INT; (trap '' TERM; sleep 996) & echo; sleep 996"], network=network,
                output=lambda *_: started.set(), cancelled=cancelled.is_set,
            )
        )  # fmt: skip
    assert time.monotonic() - took[0] < 1
    assert not running("sleep\x00996")


def test_an_error_of_who_reads_the_output_ends_the_step(engine, base):
    def broken(_fd, _data):
        raise BrokenPipeError("gone")

    with engine.builds.open_root(base) as root, pytest.raises(BrokenPipeError):
        root.run(RunRequest(["/bin/sh", "-c", "echo; sleep 995"], network="none", output=broken))
    assert not running("sleep\x00995")


def test_much_output_is_whole(shell):
    _, text = shell("dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\\0' x; echo end")
    assert len(text) == (8 << 20) + 4
    assert text.endswith("end\n")


def test_another_runtime_runs_steps_as_well(shell):
    assert shell("echo hello", runtime="runc") == (0, "hello\n")


def test_standard_input_is_empty_or_what_was_given(shell):
    assert shell("cat | wc -c")[1].strip() == "0"
    read, write = os.pipe()
    os.write(write, b"given")
    os.close(write)
    assert shell("cat", stdin=read)[1] == "given"
    os.close(read)


def test_a_tree_that_is_mounted_beside_goes_with_its_own_mounts(shell, short_tmp):
    (short_tmp / "inner").mkdir()
    mount("tmpfs", str(short_tmp / "inner"), "tmpfs")
    try:
        mounts = [StepMount("bind", "/in", str(short_tmp))]
        assert shell("grep -c ' /in/inner ' /proc/mounts", mounts=mounts)[1].strip() == "1"
    finally:
        umount(str(short_tmp / "inner"))


def test_a_shell_in_a_failed_step_has_its_files_mounts_user_and_environment(engine, skerry, busybox):
    argv = [sys.executable, str(BUILDER), str(skerry.top), "shell", busybox]
    with Terminal(argv, rows=33, columns=99) as terminal:
        terminal.expect(b"failed 4")
        terminal.expect(b"$ ")
        terminal.type(b"id -u; cat /tmp/left /s; echo =$A=; tty\r")
        for text in (b"7", b"left", b"hush", b"=b=", b"/dev/pts/"):
            terminal.expect(text)
        terminal.type(b"sleep 100\r")
        time.sleep(0.3)
        terminal.type(b"\x03")
        terminal.type(b"exit 5\r")
        terminal.expect(b"shell 5")
        terminal.wait()
        assert terminal.is_as_before()


def test_what_is_left_running_in_the_hosts_pid_namespace_is_killed_too(engine, base):
    with engine.builds.open_root(base) as root:
        request = RunRequest(["/bin/sh", "-c", "sleep 994 & echo"], network="none", namespaces={"pid": "host"})
        assert root.run(request) == 0
    assert not running("sleep\x00994")


def test_with_ids_of_its_own_a_step_leaves_no_trace_of_its_mounts_either(layer_of, tree, base):
    mounts = [StepMount("tmpfs", "/a/b/c"), StepMount("secret", "/run/secrets/x", data=b"x"),
              StepMount("bind", "/src", "/etc", ours=True)]  # fmt: skip
    ids = {"namespaces": {"user": "private"}, "id_maps": {"uidmap": ["0:100000:1000"]}}
    layer = layer_of(base, "[ $(stat -c %u /etc /run/secrets/x | uniq) = 0 ] && echo > /file", mounts=mounts, **ids)
    assert tree(layer) == {"file": "f"}


def test_the_callers_umask_changes_nothing(engine, layer_of):
    before = os.umask(0o077)
    try:
        with engine.builds.open_root([]) as root:
            os.chmod(root.path, os.stat(root.path).st_mode)
            assert os.stat(root.path).st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_old_kernels_ways_to_mount_do_not_depend_on_the_working_directory(engine, base, monkeypatch, shell):
    def too_old(*_, **__):
        raise OSError(38, "not in this kernel")

    monkeypatch.setattr("skerry.store.overlay._mount_new", too_old)
    monkeypatch.setattr("os.chdir", lambda _: pytest.fail("changed the directory of all threads"))
    assert shell("echo works") == (0, "works\n")
