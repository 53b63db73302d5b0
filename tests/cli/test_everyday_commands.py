"""ps, run, start, stop, rm and wait: what scripts for Podman 6 see of them."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time
from pathlib import Path

import pytest
from tests.support.command import Skerry


def test_listings_filter_by_annotation(skerry: Skerry, busybox: str) -> None:
    for name, value in (("one", "a"), ("two", "b")):
        skerry("create", "--name", name, "--annotation", f"team={value}", busybox)
    skerry("create", "--name", "bare", busybox)

    def named(*filters: str) -> list[str]:
        return skerry("ps", "-a", "--format", "{{.Names}}", *(f"--filter={it}" for it in filters)).lines

    assert named("annotation=team") == ["one", "two"]
    assert named("annotation=team=b") == ["two"]
    assert named("annotation!=team=b") == ["one", "bare"]
    assert skerry("container", "prune", "-f", "--filter", "annotation=team=a").lines != []
    assert named() == ["two", "bare"]


def test_rows_of_ps_have_podmans_fields(skerry: Skerry, busybox: str) -> None:
    ports = ["--expose", "80-82", "--expose", "90/udp"]
    skerry("create", "--name", "box", "-l", "b=2", "-l", "a=1", "-v", "/data", *ports, busybox)
    row = skerry("ps", "-a", "--format", "{{.Labels}}|{{.Ports}}|{{.Mounts}}|{{.Restarts}}|{{.Namespaces.MNT}}").lines
    assert row == ["a=1,b=2|80-82/tcp, 90/udp|[/data]|0|"]
    assert len(skerry("ps", "-a", "--format", "{{.ImageID}}").lines[0]) == 12
    assert len(skerry("ps", "-a", "--no-trunc", "--format", "{{.ImageID}}").lines[0]) == 64
    sizes = skerry("ps", "-a", "--format", "{{.Size}}.")
    assert (sizes.stdout, "Size format requires --size option" in sizes.stderr) == (".\n", True)
    assert "virtual" in skerry("ps", "-a", "-s", "--format", "{{.Size}}").stdout


def test_a_template_of_json_prints_a_container_a_line(skerry: Skerry, busybox: str) -> None:
    ids = [skerry("create", busybox).id for _ in range(2)]
    rows = [json.loads(line) for line in skerry("ps", "-a", "--no-trunc", "--format", "{{json .}}").lines]
    assert [row["Id"] for row in rows] == ids


def test_a_field_that_no_container_has_is_an_error(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    for field in (".Config.Nonsense", ".State.Nonsense", ".HostConfig.Nonsense"):
        result = skerry("inspect", "--format", f"{{{{{field}}}}}", "box", check=False)
        assert result.code == 125
        assert "can't evaluate field Nonsense" in result.stderr
    assert skerry("inspect", "--format", "{{.Config.Labels.nonsense}}", "box").stdout == "<no value>\n"


def test_nothing_is_done_when_a_name_is_unknown(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "1000")
    stop = skerry("stop", "-t", "0", "box", "no-such", check=False)
    assert (stop.code, 'no container with name or ID "no-such" found' in stop.stderr) == (125, True)
    assert skerry("ps", "--format", "{{.Names}}").lines == ["box"]
    assert skerry("rm", "-f", "-t", "0", "box", "no-such", check=False).code == 0
    assert skerry("ps", "-a", "--format", "{{.Names}}").lines == []


def test_health_is_not_waited_for_without_a_check(skerry: Skerry, busybox: str) -> None:
    box = skerry("run", "-d", "--name", "box", busybox, "sleep", "1000").id
    result = skerry("wait", "--condition", "healthy", "box", check=False)
    assert (result.code, result.stderr) == (
        125, f'Error: cannot use condition "healthy": container {box} has no healthcheck\n',
    )  # fmt: skip


def test_wait_outlasts_the_restarts_of_a_policy(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "on-failure:3", busybox, "sh", "-c", "sleep 0.3; exit 3")
    began = time.monotonic()
    while skerry("inspect", "-f", "{{.State.Restarting}}", "box").lines != ["true"] and time.monotonic() - began < 20:
        pass
    assert skerry("wait", "box").lines == ["3"]


@pytest.mark.parametrize("attach", [(), ("--attach",)], ids=["background", "attached"])
def test_what_cannot_start_is_removed_if_it_was_to_be(skerry: Skerry, busybox: str, attach: tuple[str, ...]) -> None:
    skerry("create", "--rm", "--name", "gone", busybox, "/no/such")
    skerry("create", "--name", "stays", busybox, "/no/such")
    for name in ("gone", "stays"):
        assert skerry("start", *attach, name, check=False).code == 125
    assert skerry("ps", "-a", "--format", "{{.Names}}").lines == ["stays"]


def test_a_killed_container_is_not_restarted(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--restart", "always", busybox, "sleep", "1000")
    skerry("kill", "box")
    time.sleep(0.5)
    assert skerry("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "box").lines == ["exited 0"]


def test_a_paused_container_can_be_killed(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sleep", "1000")
    skerry("pause", "box")
    skerry("kill", "box")
    assert skerry("wait", "box").lines == ["137"]


def test_a_container_that_restarts_may_be_removed_in_the_end(skerry: Skerry, busybox: str) -> None:
    done = skerry("run", "--rm", "--restart", "on-failure:2", busybox, "sh", "-c", "echo run; exit 4", check=False)
    assert done.code == 4
    deadline = time.monotonic() + 20
    while skerry("ps", "-aq").lines and time.monotonic() < deadline:
        time.sleep(0.1)
    assert skerry("ps", "-aq").lines == []


@pytest.mark.parametrize(
    ("zone", "problem"),
    [("Nowhere/City", "unknown time zone Nowhere/City"), ("../etc/passwd", "time: invalid location name")],
)
def test_a_time_zone_that_cannot_be_is_refused(skerry: Skerry, busybox: str, zone: str, problem: str) -> None:
    result = skerry("create", "--tz", zone, busybox, check=False)
    assert (result.code, f"finding timezone: {problem}" in result.stderr) == (125, True)


def test_a_filter_that_does_not_exist_is_named(skerry: Skerry) -> None:
    assert "invalid filter" in skerry("ps", "--filter", "nonsense=1", check=False).stderr


def test_masked_paths_options_of_proc(skerry: Skerry, busybox: str) -> None:
    mount = skerry(
        "run", "--rm", "--security-opt", "proc-opts=nosuid,exec", busybox, "grep", " /proc proc", "/proc/mounts"
    )
    assert "noexec" not in mount.stdout
    assert "nosuid" in mount.stdout


def test_two_containers_of_one_call_cannot_share_a_port(skerry: Skerry, busybox: str) -> None:
    result = skerry("create", "-p", "8080:80", "-p", "8080:81", busybox, check=False)
    assert (result.code, "conflicting port mappings for host port 8080 (protocol tcp)" in result.stderr) == (125, True)


def test_what_is_null_is_an_empty_map_in_templates(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    format = "{{.Config.Labels}} {{json .Config.Labels}} {{.Config.Labels.nonsense}} {{len .Config.Labels}}"
    assert skerry("inspect", "--format", format, "box").stdout == "map[] null <no value> 0\n"


def test_a_module_stands_before_the_command_and_must_be_there(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    module = tmp_path / "extra.conf"
    module.write_text('[containers]\nprivileged = true\n[engine]\nnonsense = "x"\n')
    late = skerry("create", f"--module={module}", busybox, check=False)
    assert (late.code, "unknown flag: --module" in late.stderr) == (125, True)
    for command in ("no-such-command", "version"):
        missing = skerry("--module=/no/such", command, check=False)
        assert (missing.code, "could not resolve module: open /no/such: no such file" in missing.stderr) == (1, True)
    told = skerry(f"--module={module}", "--debug", "version")
    assert f"Failed to decode the keys at {module}: line 4: [engine] nonsense" in told.stderr
    skerry("run", "-d", "--name", "box", busybox, "sleep", "1000")
    rights = ("exec", "box", "grep", "CapBnd", "/proc/self/status")
    assert skerry(f"--module={module}", *rights).stdout != skerry(*rights).stdout


def test_a_program_with_our_own_stdout_says_no_id(skerry: Skerry, busybox: str) -> None:
    run = skerry("run", "-d", "--name", "box", "--log-driver", "passthrough", busybox, "true")
    assert run.stdout == ""
    attached = skerry("run", "-a", "stdout", "--log-driver", "passthrough", busybox, "true", check=False)
    assert "cannot specify --attach with --log-driver=passthrough" in attached.stderr


@pytest.mark.parametrize("driver", ["passthrough", "passthrough-tty"])
def test_a_program_with_our_own_streams_is_waited_for(skerry: Skerry, busybox: str, driver: str) -> None:
    said = skerry(
        "run", "--rm", "--log-driver", driver, busybox, "sh", "-c", "echo out; echo err >&2; exit 3", check=False
    )
    assert (said.code, said.stdout, said.stderr) == (3, "out\n", "err\n")
    assert (
        skerry("create", "--name", "box", "--log-driver", driver, busybox, "sh", "-c", "echo out; sleep 100").stdout
        == ""
    )
    running = skerry.popen("start", "-a", "box")
    assert running.stdout is not None
    assert running.stdout.readline() == b"out\n"
    refused = skerry("attach", "box", check=False)
    assert f"this container is using the '{driver}' log driver, cannot attach" in refused.stderr
    skerry("stop", "-t", "0", "box")
    assert running.wait(10) == 137


def test_an_image_that_others_use_stays_after_rmi_with_a_word(skerry: Skerry, busybox: str) -> None:
    skerry("tag", busybox, "extra")
    skerry("create", "--name", "box", busybox)
    kept = skerry("run", "--rmi", "extra", "true")
    assert kept.stderr == ""  # its name went, the image has another
    skerry("untag", busybox, "extra", check=False)
    told = skerry("run", "--rmi", busybox, "true")
    assert "Failed to remove image" in told.stderr
    assert "image is in use by a container" in told.stderr
    refused = skerry("run", "--rmi", "--rm=false", "no-such-image", "true", check=False)
    assert (refused.code, refused.stderr) == (125, "Error: the --rmi option does not work without --rm\n")


@pytest.mark.parametrize("command", ["build .", "pull a", "push a", "search a", "manifest push a", "run a", "create a"])
def test_a_named_file_of_credentials_must_be_there(skerry: Skerry, command: str) -> None:
    words = command.split()
    result = skerry(*words[:-1], "--authfile", "/no/such", words[-1], check=False)
    text = "Error: credential file is not accessible: faccessat /no/such: no such file or directory\n"
    assert (result.code, result.stderr) == (125, text)


def test_pruning_what_is_others_is_nothing_else(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", busybox).id
    assert skerry("system", "prune", "--external").stdout == ""
    assert skerry("ps", "-aq", "--no-trunc").lines == [box]
    refused = skerry("system", "prune", "--external", "--all", check=False)
    assert (refused.code, "cannot be combined with other options" in refused.stderr) == (125, True)
    filtered = skerry("ps", "-a", "--external", "--filter", "annotation=a", check=False)
    assert "filter annotation is not applicable for external containers" in filtered.stderr


def test_a_host_user_that_does_not_exist_cannot_be_executed_as(skerry: Skerry, busybox: str) -> None:
    done = skerry("run", "--rm", "--hostuser", "nobody-of-that-name", busybox, "true", check=False)
    assert (done.code, done.stderr) == (126, "Error: user: unknown user nobody-of-that-name\n")


def test_a_limit_that_the_kernel_has_no_more_is_told(skerry: Skerry, busybox: str) -> None:
    told = skerry("run", "--rm", "--kernel-memory", "100", busybox, "true")
    assert "The --kernel-memory flag is no longer supported. This flag is a noop." in told.stderr


@pytest.mark.skipif(not os.path.isfile("/usr/share/zoneinfo/Europe/Berlin"), reason="this host has no zones")
def test_a_time_zone_is_a_link_where_the_image_has_the_zones(skerry: Skerry, busybox: str) -> None:
    place = "/usr/share/zoneinfo/Europe"
    skerry("run", "--name", "base", busybox, "mkdir", "-p", place)
    skerry("cp", f"{place}/Berlin", f"base:{place}/Berlin")
    skerry("commit", "-q", "base", "zones")
    for flags in ([], ["--read-only"], ["--uidmap", "0:100000:1000"]):
        run = skerry(
            "run", "--rm", *flags, "--tz", "Europe/Berlin", "zones", "sh", "-c", "readlink /etc/localtime; date +%Z"
        )
        assert run.lines[0] == "../usr/share/zoneinfo/Europe/Berlin"
        assert run.lines[1] in ("CET", "CEST")
    assert skerry("run", "--rm", "--tz", "Europe/Berlin", busybox, "date", "+%Z").lines[0] in ("CET", "CEST")
    assert skerry("run", "--rm", "--tz", "Europe/Berlin", busybox, "readlink", "/etc/localtime", check=False).code == 1


def test_a_variable_of_an_image_without_a_value_is_refused(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("save", "-q", "-o", tmp_path / "image.tar", busybox)
    with tarfile.open(tmp_path / "image.tar") as archive:
        archive.extractall(tmp_path / "image")
    manifest = json.loads((tmp_path / "image/manifest.json").read_text())
    config = tmp_path / "image" / manifest[0]["Config"]
    content = json.loads(config.read_text())
    content["config"]["Env"] = [*content["config"].get("Env", []), "HOST*"]
    config.unlink()
    text = json.dumps(content).encode()
    manifest[0]["Config"] = hashlib.sha256(text).hexdigest() + ".json"
    manifest[0]["RepoTags"] = ["localhost/leaky:1"]
    (tmp_path / "image" / manifest[0]["Config"]).write_bytes(text)
    (tmp_path / "image/manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(tmp_path / "leaky.tar", "w") as archive:
        for path in sorted((tmp_path / "image").rglob("*")):
            archive.add(path, path.relative_to(tmp_path / "image"), recursive=False)
    skerry("load", "-q", "-i", tmp_path / "leaky.tar")
    run = skerry("run", "--rm", "leaky:1", "true", check=False)
    assert (run.code, 'invalid image env variable "HOST*"' in run.stderr) == (125, True)


def test_an_unfinished_line_of_a_log_gets_no_end(skerry: Skerry, busybox: str) -> None:
    skerry("run", "--name", "box", busybox, "printf", "unfinished")
    assert skerry("logs", "box").stdout == "unfinished"


def test_a_label_names_the_capabilities_that_are_needed(skerry: Skerry, busybox: str) -> None:
    label = "io.containers.capabilities=chown,kill"
    skerry("create", "--name", "base", "-l", label, busybox)
    skerry("commit", "-q", "-c", f"LABEL {label}", "base", "needs")
    run = skerry("run", "--name", "box", "needs", "grep", "CapBnd", "/proc/self/status")
    assert run.stdout.split() == ["CapBnd:", f"{1 << 0 | 1 << 5:016x}"]
    for name in ("base", "box"):
        assert skerry("inspect", "-f", "{{.EffectiveCaps}}", name).stdout == "[CAP_CHOWN CAP_KILL]\n"
    refused = skerry("create", "--name", "more", "-l", "io.containers.capabilities=sys_admin", busybox)
    assert 'not allowed by default: "CAP_SYS_ADMIN"' in refused.stderr
    assert "CAP_NET_BIND_SERVICE" in skerry("inspect", "-f", "{{.EffectiveCaps}}", "more").stdout


def test_an_empty_entrypoint_of_an_image_is_none(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "base", busybox)
    skerry("commit", "-q", "-c", 'ENTRYPOINT [""]', "-c", 'CMD ["echo", "x"]', "base", "empty")
    assert skerry("run", "--rm", "empty").lines == ["x"]


def test_a_tag_needs_a_log_that_has_tags(skerry: Skerry, busybox: str) -> None:
    result = skerry("create", "--log-driver", "k8s-file", "--log-opt", "tag=x", busybox, check=False)
    assert (result.code, "log tags can only be used with the journald log driver" in result.stderr) == (125, True)


def test_rotation_of_logs_is_conmons(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    files = ["--log-driver", "k8s-file", "--log-opt", "max-size=1mb"]
    skerry("create", "--name", "five", *files, "--log-opt", "max-file=5", busybox)
    assert skerry("inspect", "-f", "{{json .HostConfig.LogConfig.Config}}", "five").stdout == (
        '{"log-rotate":"true","max-file":"5"}\n'
    )
    skerry("create", "--name", "one", *files, "--log-opt", "log-rotate=true", busybox)
    assert skerry("inspect", "-f", '{{index .HostConfig.LogConfig.Config "log-rotate"}}', "one").lines == ["true"]
    for options, problem in (
        (["max-file=5", "log-rotate=false"], "conflicting log options"),
        (["max-file=0"], "invalid value for log option"),
        (["label=TEAM=a"], "log labels can only be used with journald log driver"),
        (["label=team=a"], 'log label "team" contains invalid characters'),
    ):
        flags = [word for option in options for word in ("--log-opt", option)]
        refused = skerry("create", *flags, busybox, check=False)
        assert (refused.code, problem in refused.stderr) == (125, True)
    # Older ones refuse these: all that is to be seen is that they are given.
    conmon = tmp_path / "conmon"
    conmon.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/args\nexit 1\n')
    conmon.chmod(0o755)
    skerry("--conmon", conmon, "start", "five", check=False)
    assert "--log-rotate --log-max-files 5" in (tmp_path / "args").read_text()
    label = ["--label", "team=payments", "--log-opt", "labels=team", "--log-opt", "label=KIND=web"]
    skerry("create", "--name", "journal", "--log-driver", "journald", *label, busybox)
    skerry("--conmon", conmon, "start", "journal", check=False)
    assert "--log-label TEAM=payments --log-label KIND=web" in (tmp_path / "args").read_text()


def test_a_log_whose_folder_is_missing_is_named(skerry: Skerry, busybox: str) -> None:
    refused = skerry("run", "--log-opt", "path=/no/such/x.log", busybox, "true", check=False)
    assert (refused.code, refused.stderr) == (
        126,
        "Error: cannot write the log /no/such/x.log: its folder does not exist\n",
    )
    assert skerry("run", "--log-driver", "none", "--log-opt", "path=/no/such/x.log", busybox, "true").stderr == ""


def test_the_help_of_push_shows_the_compression_that_is_configured(
    skerry: Skerry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert '(default "gzip")' in skerry("push", "--help").stdout
    (tmp_path / "containers.conf").write_text('[engine]\ncompression_format = "zstd"\ncompression_level = 3\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    text = skerry("push", "--help").stdout
    assert '(default "zstd")' in text
    assert "(default 3)" in text
