"""Details that scripts written for Podman rely on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile

import pytest


@pytest.fixture
def box(skerry, busybox):
    return skerry("run", "-d", "--network", "none", "--name", "box", "-l", "x=42", busybox, "sleep", "1000").id


def test_a_label_is_asked_for_by_name(skerry, box):
    assert skerry("ps", "--format", '{{.Label "x"}} {{.Label "none"}}.').stdout == "42 .\n"


def test_names_may_be_written_with_a_slash(skerry, box):
    assert skerry("ps", "-q", "--no-trunc", "--filter", "name=^/box$").lines == [box]
    assert skerry("rm", "-f", "-t", "0", "/box").stdout == "/box\n"


def test_stop_says_when_it_had_to_kill(skerry, box):
    result = skerry("stop", "-t", "1", "box")
    assert 'level=warning msg="StopSignal SIGTERM failed to stop container box in 1 seconds, resorting to SIGKILL"' in (
        result.stderr
    )


def test_rm_with_depend_names_what_went_along(skerry, box, busybox):
    other = skerry("create", "--network", "container:box", busybox, "true").id
    assert skerry("rm", "--depend", "-f", "-t", "0", "box").lines == [other, "box"]


def test_a_missing_cidfile_is_an_error_or_ignored(skerry):
    result = skerry("stop", "--cidfile", "/no/such", check=False)
    assert (result.code, result.stderr) == (125, "Error: reading CIDFile: open /no/such: no such file or directory\n")
    assert skerry("stop", "--cidfile", "/no/such", "--ignore").stdout == ""


def test_exec_without_a_command(skerry, box):
    result = skerry("exec", "box", check=False)
    assert result.code == 125
    assert "must provide a non-empty command to start an exec session" in result.stderr


def test_a_timeout_ends_with_255_and_shows_minus_one(skerry, busybox):
    assert (
        skerry("run", "--network", "none", "--name", "late", "--timeout", "1", busybox, "sleep", "60", check=False).code
        == 255
    )
    assert skerry("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "late").stdout == "exited -1\n"


@pytest.mark.parametrize("policy", ["always", "on-failure"])
def test_wait_does_not_wait_through_restarts(skerry, busybox, policy):
    skerry("run", "-d", "--network", "none", "--name", "again", "--restart", policy, busybox, "false")
    assert skerry("wait", "again", timeout=20).stdout == "1\n"
    skerry("rm", "-f", "-t", "0", "again")


def test_an_unknown_flag_of_the_runtime_is_shown(skerry, busybox):
    result = skerry("--runtime-flag", "invalidflag", "run", "--rm", "--network", "none", busybox, "true", check=False)
    assert result.code == 126
    assert "invalidflag" in result.stderr


def test_discarded_ports_are_said_before_the_output(skerry, busybox):
    result = skerry("run", "--rm", "-p", "8080", "--network", "none", busybox, "echo", "out")
    assert result.stdout == "out\n"
    assert result.stderr == (
        'Port mappings have been discarded because "none" network namespace mode does not support them\n'
    )


def test_noout_prints_nothing(skerry, box):
    assert skerry("--noout", "stop", "-t", "0", "box").stdout == ""


def test_a_lost_conmon_is_an_error_of_stop(skerry, box):
    pid = int(skerry("inspect", "--format", "{{.State.ConmonPid}}", "box").stdout)
    os.kill(pid, signal.SIGKILL)
    result = skerry("stop", "-t", "0", "box", check=False)
    assert result.code == 125
    assert "conmon exited prematurely, exit code could not be retrieved" in result.stderr
    assert skerry("inspect", "--format", "{{.State.Status}}", "box").stdout == "exited\n"


def test_an_interrupt_reaches_the_program_of_a_scripts_background_job(skerry, busybox, eventually):
    script = "trap 'echo bye; exit 3' INT; echo ready; while :; do sleep 0.1; done"
    # A shell without job control ignores SIGINT in what it starts with `&`.
    ignoring = subprocess.Popen(
        [*skerry.argv, "run", "-i", "--network", "none", "--name", "job", busybox, "sh", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert ignoring.stdout is not None
    assert ignoring.stdout.readline() == b"ready\n"
    ignoring.send_signal(signal.SIGINT)
    assert ignoring.communicate(timeout=20)[0] == b"bye\n"
    assert ignoring.returncode == 3


def test_a_working_directory_may_come_with_a_mount_below_it(skerry, busybox, tmp_path):
    (tmp_path / "note").write_text("here\n")
    box = ["--rm", "--network", "none", "-v", f"{tmp_path}/note:/away/note", "-w", "/away", busybox]
    assert skerry("run", *box, "cat", "note").stdout == "here\n"


def test_mtab_is_there_though_the_image_has_none(skerry, busybox):
    result = skerry("run", "--network", "none", "--name", "box", busybox, "readlink", "/etc/mtab")
    assert result.stdout == "/proc/mounts\n"
    assert "mtab" not in skerry("diff", "box").stdout


def test_the_runtimes_path_is_shown_as_it_was_given(skerry, busybox):
    path = shutil.which("crun")
    skerry("--runtime", path, "create", "--name", "box", busybox)
    assert skerry("inspect", "-f", "{{.OCIRuntime}}", "box").stdout == f"{path}\n"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("b 7:* rmX", "invalid device access in device-access-add: X"),
        ("b 7:2", 'invalid device cgroup rule requires type, major:Minor, and access rules: "b 7:2"'),
        ("x 7:* rmw", "invalid device type in device-access-add: x"),
        ("a a:* rmw", 'strconv.ParseUint: parsing "a": invalid syntax'),
    ],
)
def test_a_wrong_device_rule_is_refused_in_podmans_words(skerry, busybox, rule, message):
    result = skerry("create", "--device-cgroup-rule", rule, busybox, check=False)
    assert result.code == 125
    assert result.stderr.startswith(f"Error: {message}")


def test_a_device_rule_without_a_minor_number_means_all_of_them(skerry, busybox):
    skerry("run", "--rm", "--network", "none", "--device-cgroup-rule", "c 7 rmw", busybox, "true")


def test_log_sizes_are_decimal(skerry, busybox):
    box = skerry("create", "--log-opt", "max-size=3.003m", busybox).id
    assert skerry("inspect", "-f", "{{.HostConfig.LogConfig.Size}}", box).stdout == "3.003MB\n"


def test_none_is_the_restart_policy_of_who_has_none(skerry, busybox):
    box = skerry("create", "--network", "none", busybox, "true").id
    other = skerry("create", "--network", "none", "--restart", "always", busybox, "true").id
    assert skerry("start", "--filter", "restart-policy=none", box, other).stdout == f"{box}\n"


def test_spaces_in_a_tables_format_are_columns(skerry, busybox):
    lines = skerry("images", "--format", "table {{.Repository}} {{ .Tag }}").lines
    assert lines == ["REPOSITORY         TAG", "localhost/busybox  latest"]


def test_input_arrives_in_whole_blocks(skerry, box, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(1536000))
    with open(tmp_path / "big", "rb") as big:
        copy = skerry.popen("exec", "-i", "box", "dd", "of=/big", "bs=512", stdin=big)
    assert b"3000+0 records in" in copy.communicate(timeout=30)[1]


def test_names_that_an_image_had_are_its_history(skerry, busybox):
    skerry("tag", busybox, "second")
    skerry("rmi", "second")
    skerry("tag", busybox, "third")
    skerry("rmi", "third")
    names = [busybox, "localhost/third:latest", "localhost/second:latest"]
    assert skerry("images", "--format", "{{.History}}").stdout == ", ".join(names) + "\n"
    assert skerry("image", "inspect", "-f", "{{.NamesHistory}}", busybox).stdout == f"[{' '.join(names)}]\n"


def test_image_mount_of_all_names_each(skerry, busybox):
    path = skerry("image", "mount", busybox).stdout
    assert skerry("image", "mount", "-a").stdout == f"{busybox}  {path}"
    skerry("image", "unmount", "-f", busybox)
    assert skerry("image", "unmount", busybox).stdout == ""


def test_a_load_is_recorded_with_its_archive(skerry, busybox, busybox_archive):
    events = skerry("events", "--stream=false", "--filter", "event=loadfromarchive", "--format", "{{.Name}}").stdout
    assert events == f"{busybox_archive}\n"


def test_waiting_for_who_never_ran_ends_at_once(skerry, busybox):
    box = skerry("create", busybox, "true").id
    assert skerry("wait", box, timeout=10).stdout == "0\n"


def test_the_same_mount_twice_is_one(skerry, busybox, tmp_path):
    twice = ["-v", f"{tmp_path}:/v", "-v", f"{tmp_path}:/v"]
    skerry("run", "--rm", "--network", "none", *twice, busybox, "true")
    other = skerry("create", *twice, "--tmpfs", "/v", busybox, check=False)
    assert (other.code, other.stderr) == (125, "Error: /v: duplicate mount destination\n")


def test_keep_groups_stands_alone(skerry, busybox):
    result = skerry("create", "--group-add", "keep-groups,7", busybox, check=False)
    assert result.code == 125
    assert "'--group-add keep-groups' option is not allowed with any other --group-add options" in result.stderr


def test_flags_answer_to_their_former_names(skerry, box):
    assert skerry("mount", "box").stdout
    assert skerry("mount", "--notruncate").stdout.startswith(box)
    skerry("umount", "box")


def test_a_terminal_that_is_none_is_warned_of(skerry, busybox):
    result = skerry("run", "-it", "--rm", "--network", "none", busybox, "true")
    assert 'level=warning msg="The input device is not a TTY.' in result.stderr


def test_containers_conf_says_what_becomes_of_an_images_volumes(skerry, busybox, tmp_path):
    (tmp_path / "c.conf").write_text('[engine]\nimage_volume_mode="tmpfs"\nevents_logfile_max_size=10000\n')
    box = skerry("create", busybox).id
    skerry("commit", "-q", "-c", "VOLUME /data", box, "with")
    env = {"CONTAINERS_CONF_OVERRIDE": str(tmp_path / "c.conf")}
    assert (
        "tmpfs" in skerry("run", "--rm", "--network", "none", "with", "grep", " /data ", "/proc/mounts", env=env).stdout
    )


def test_rmi_of_a_digest_that_it_was_pulled_by_leaves_the_tag(skerry, busybox):
    digest = skerry("image", "inspect", "-f", "{{.Digest}}", busybox).stdout.strip()
    with sqlite3.connect(skerry.root / "skerry.db") as db:  # as `pull NAME@DIGEST` records it
        db.execute("INSERT INTO image_names SELECT ?, image, 0 FROM image_names", (f"localhost/busybox@{digest}",))
    assert len(skerry("images").lines) == 2
    assert skerry("image", "inspect", "-f", "{{.RepoTags}}", busybox).stdout == f"[{busybox}]\n"
    assert skerry("rmi", f"localhost/busybox@{digest}").stdout == f"Untagged: localhost/busybox@{digest}\n"
    assert skerry("images", "-q").lines


def test_a_folder_to_run_from_may_be_left_as_it_is(skerry, busybox):
    folder = skerry("image", "mount", busybox).stdout.strip()  # read-only
    result = skerry(
        "run", "--name", "box", "--network", "none", "--rootfs", f"{folder}:O", "sh", "-c", "touch /new; ls /bin/sh"
    )
    assert result.stdout == "/bin/sh\n"
    assert "A /new" in skerry("diff", "box").lines
    assert skerry("inspect", "-f", "{{.Rootfs}}", "box").stdout == f"{folder}\n"
    skerry("rm", "box")
    skerry("image", "unmount", busybox)


def test_containers_are_listed_oldest_first(skerry, busybox):
    for name in ("z", "a", "m"):
        skerry("create", "--name", name, "-l", "k=v", busybox)
    assert skerry("ps", "-a", "--format", "{{.Names}}").lines == ["z", "a", "m"]
    assert skerry("ps", "-n", "2", "--format", "{{.Names}} {{.Labels}}").lines == ["a k=v", "m k=v"]


def test_variables_that_every_container_has_can_be_taken_away(skerry, busybox):
    box = ["run", "--rm", "--network", "none"]
    assert "PATH=" not in skerry(*box, "--unsetenv", "PATH", busybox, "/bin/busybox", "env").stdout
    names = skerry(*box, "-t", "--unsetenv-all", "-e", "TERM=abc", busybox, "/bin/busybox", "env").lines
    assert [line.partition("=")[0] for line in names] == ["HOME", "HOSTNAME", "TERM"]


def test_interactive_alone_does_not_attach_a_start(skerry, busybox):
    box = skerry("create", "-i", "--network", "none", busybox, "echo", "hi").id
    assert skerry("start", "-i", box).stdout == f"{box}\n"


def test_exec_with_a_missing_env_file(skerry, box):
    result = skerry("exec", "--env-file", "/no/such", "box", "true", check=False)
    assert (result.code, result.stderr) == (
        125, 'Error: parsing file "/no/such": open /no/such: no such file or directory\n',
    )  # fmt: skip


def test_a_references_wildcard_stands_for_no_slash(skerry, busybox):
    skerry("tag", busybox, "quay.io/team/app:1")

    def listed(pattern: str) -> list[str]:
        return skerry("images", "--filter", f"reference={pattern}", "--format", "{{.Repository}}").lines

    assert listed("quay.io/*") == []
    assert listed("quay.io/*/app") == listed("*/a*:1") == listed("app*") == ["localhost/busybox", "quay.io/team/app"]


def test_sets_in_templates_are_printed_as_gos(skerry, busybox):
    box = skerry("create", busybox).id
    skerry("commit", "-q", "-c", "EXPOSE 80", box, "with")
    assert skerry("image", "inspect", "-f", "{{.Config.ExposedPorts}}", "with").stdout == "map[80/tcp:{}]\n"


def test_names_that_cannot_be_are_refused(skerry, busybox):
    box = skerry("create", busybox).id
    for words in (("save", "-o", "a:b", busybox), ("export", "-o", "a:b", box)):
        result = skerry(*words, check=False)
        assert (result.code, result.stderr) == (125, "Error: invalid filename (should not contain ':') \"a:b\"\n")
    assert "tag by digest not supported" in skerry("tag", busybox, "sha256:abc", check=False).stderr
    assert "cannot be used together" in skerry("container", "diff", "-l", box, check=False).stderr


def test_a_start_that_fails_in_the_background_is_125(skerry, busybox):
    box = skerry("create", "--network", "none", busybox, "/no/such").id
    assert skerry("start", box, check=False).code == 125
    assert skerry("start", "-a", box, check=False).code == 125


def test_rm_of_what_runs_says_so_in_podmans_words_alone(skerry, box):
    result = skerry("rm", "box", check=False)
    assert (result.code, result.stderr) == (
        2,
        f"Error: cannot remove container {box} as it is running - running or paused containers cannot be removed "
        "without force: container state improper\n",
    )


def test_a_program_without_arguments_has_none(skerry, busybox):
    for words, args in ((["top"], "[]"), (["top", "-b"], "[-b]")):
        made = skerry("create", busybox, *words).id
        assert skerry("inspect", made, "--format", "{{.Path}} {{.Args}}").stdout == f"top {args}\n"


def test_died_says_whether_the_kernel_killed_for_want_of_memory(skerry, busybox):
    greedy = "x=a; while :; do x=$x$x$x$x; done"
    skerry("run", "--network", "none", "--name", "big", "--memory", "20m", busybox, "sh", "-c", greedy, check=False)
    told = ("events", "--stream=false", "--filter", "event=died", "--format", "{{.OOMKilled}}", "--filter")
    assert skerry(*told, "container=big").stdout == "true\n"
    skerry("run", "--network", "none", "--name", "small", busybox, "true")
    assert skerry(*told, "container=small").stdout == "false\n"


def test_labels_of_volumes_are_attributes_of_their_events(skerry):
    skerry("volume", "create", "--label", "l1=v 1", "labelled")
    skerry("volume", "rm", "labelled")
    told = skerry("events", "--stream=false", "--filter", "volume=labelled", "--format", "{{.Status}} {{.Attributes}}")
    assert told.lines == ["create map[l1:v 1]", "remove map[l1:v 1]"]


def test_an_exported_tar_can_be_changed_by_tar(skerry, busybox, tmp_path):
    skerry("create", "--name", "box", busybox)
    for extra in range(20):  # whatever the archive's length is
        (tmp_path / "more").write_bytes(b"x" * 512 * extra)
        skerry("cp", tmp_path / "more", "box:/more")
        skerry("export", "-o", tmp_path / "x.tar", "box")
        assert (tmp_path / "x.tar").stat().st_size % 10240 == 0
    subprocess.run(["tar", "--delete", "-f", tmp_path / "x.tar", "more"], check=True)
    subprocess.run(["tar", "-C", tmp_path, "-rf", tmp_path / "x.tar", "more"], check=True)
    names = subprocess.run(["tar", "-tf", tmp_path / "x.tar"], capture_output=True, text=True, check=True).stdout
    assert names.splitlines()[-1] == "more"


def test_conmon_has_the_clients_environment_but_not_what_systemd_told_it(skerry, busybox):
    env = {"SOME_VARIABLE": "here", "NOTIFY_SOCKET": "/no/such", "LISTEN_PID": "1"}
    box = skerry("--syslog", "run", "-d", "--sdnotify=ignore", "--network", "none", busybox, "sleep", "100", env=env).id
    pid = skerry("inspect", box, "--format", "{{.State.ConmonPid}}").stdout.strip()
    with open(f"/proc/{pid}/environ", "rb") as file:
        found = file.read().split(b"\0")
    assert b"SOME_VARIABLE=here" in found
    assert not any(item.startswith((b"NOTIFY_SOCKET=", b"LISTEN_")) for item in found)
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        assert b"--exit-command-arg\0--syslog\0" in file.read()


def test_history_shows_local_time(skerry, busybox):
    shown = [
        skerry("history", "--format", "{{.CreatedAt}}", busybox, env={"TZ": zone}).lines[0]
        for zone in ("UTC", "Asia/Tokyo")
    ]
    assert shown[0].endswith("Z")
    assert shown[1].endswith("+09:00")


def test_an_idmapped_volume_stays_whose_it_is_under_another_mapping(skerry, busybox):
    mounted = skerry("image", "mount", busybox).stdout.strip()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as top:  # tmp_path is closed to other users
        os.chmod(top, 0o755)
        subprocess.run(["cp", "-a", mounted, f"{top}/root"], check=True)
        skerry("image", "unmount", busybox)
        os.mkdir(f"{top}/root/volume")
        subprocess.run(["chown", "-R", "1000:1000", f"{top}/root"], check=True)
        for first in (1000, 2000):
            words = (f"--uidmap=0:{first}:10000", "-v", "v1:/volume:idmap", "--rootfs", f"{top}/root")
            result = skerry("run", "--rm", "--network", "none", *words, "stat", "-c", "%u:%g", "/volume")
            assert result.stdout == "0:0\n"


def test_what_a_precreate_hook_sets_is_there_for_exec(skerry, busybox, tmp_path):
    (tmp_path / "hook.sh").write_text('#!/bin/sh\nsed \'s/"env": *\\[/&"FROM_HOOK=here",/\'\n')
    (tmp_path / "hook.sh").chmod(0o755)
    hook = {"version": "1.0.0", "when": {"always": True}, "hook": {"path": f"{tmp_path}/hook.sh"}}
    (tmp_path / "hook.json").write_text(json.dumps({**hook, "stages": ["precreate"]}))
    run = ("run", "-d", "--network", "none", "--name", "box", "--hooks-dir", tmp_path, busybox, "sleep", "100")
    skerry(*run)
    assert skerry("exec", "box", "sh", "-c", "echo $FROM_HOOK").stdout == "here\n"
    assert skerry("exec", "-e", "FROM_HOOK=mine", "box", "sh", "-c", "echo $FROM_HOOK").stdout == "mine\n"
