"""What Buildah's own suite for ``build`` found out about ours, by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry
from tests.support.containerfile import write

BASE = "FROM localhost/busybox\n"


def inspect(engine: Skerry, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine("image", "inspect", name).stdout)[0]
    return found


def test_a_cross_build_is_for_the_platform_that_was_asked_for(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM --platform=$BUILDPLATFORM localhost/busybox\nRUN true\n")
    engine("build", "--platform", "linux/arm/v7", "-t", "cross", tmp_path)
    found = inspect(engine, "cross")
    assert (found["Architecture"], found["Os"]) == ("arm", "linux")


def test_several_platforms_need_no_name(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\nCOPY Containerfile /\n")
    done = engine("build", "--platform", "linux/amd64,linux/arm64", tmp_path)
    assert inspect(engine, done.lines[-1])["Architecture"] == "amd64"


def test_a_bad_name_ends_the_build_before_it_begins(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN true\n")
    done = engine("build", "-t", "good", "-t", "Bad/Name", tmp_path, check=False)
    assert done.code == 125
    assert done.stderr == "Error: tag Bad/Name: invalid reference format: repository name must be lowercase\n"
    assert "STEP" not in done.stdout


def test_without_inherited_annotations_nothing_is_said_of_the_base(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    engine("build", "--inherit-annotations=false", "--created-annotation=false", "-t", "bare", tmp_path)
    assert not inspect(engine, "bare")["Annotations"]
    engine("build", "--unsetannotation", "org.opencontainers.image.base.digest", "-t", "unset", tmp_path)
    assert "org.opencontainers.image.base.digest" not in inspect(engine, "unset")["Annotations"]
    engine("build", "--unsetannotation", "org.opencontainers.image.created", "-t", "unset", tmp_path)
    assert "org.opencontainers.image.created" not in inspect(engine, "unset")["Annotations"]


def test_steps_of_several_stages_have_the_stages_numbers_and_heredocs_their_first_lines(
    engine: Skerry, tmp_path: Path
) -> None:
    write(tmp_path, BASE + "RUN <<EOF\necho one\necho two\nEOF\n" + BASE + "COPY <<a <<b /\nin a\na\nin b\nb\n")
    done = engine("build", "--skip-unused-stages=false", "--jobs=1", tmp_path)
    assert "[1/2] STEP 2/2: RUN <<EOF (echo one...)" in done.lines
    assert "[2/2] STEP 2/2: COPY <<a <<b / (in a) (in b)" in done.lines


def test_options_of_dns_and_no_network_exclude_each_other(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    for flag in ("dns", "dns-option", "dns-search"):
        done = engine("build", f"--{flag}=192.0.2.1", "--network=none", tmp_path, check=False)
        assert done.code == 125
        assert f"the --{flag} option cannot be used with --network=none" in done.stderr


def test_an_argument_without_a_value_is_warned_about(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "ARG MISSING\nARG EMPTY=\nARG GIVEN\nARG TARGETARCH\nARG HTTP_PROXY\n")
    done = engine("build", "--build-arg", "GIVEN=", tmp_path)
    missing = [line for line in done.stderr.splitlines() if "missing " in line]
    assert len(missing) == 1
    assert "MISSING=<VALUE>" in missing[0]


def test_a_stage_may_be_called_as_a_platform(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE.strip() + " AS for-arm/v7\nENV a=b\n")
    engine("build", "--target", "for-arm/v7", "-t", "named", tmp_path)
    assert "a=b" in inspect(engine, "named")["Config"]["Env"]


def test_a_context_stands_for_the_stage_of_its_name_by_the_stages_number_too(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", "of the context", "what")
    write(
        tmp_path,
        BASE.strip() + " AS first\nRUN echo of the stage > /what\n" + BASE + "COPY --from=0 what /\nRUN cat /what\n",
    )
    done = engine("build", "--build-context", f"first={tmp_path / 'other'}", tmp_path)
    assert "of the context" in done.stdout


def test_from_alone_names_the_base(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM localhost/busybox AS x\nFROM x\n")
    base = inspect(engine, "localhost/busybox")["Id"]
    done = engine("build", "-t", "renamed", tmp_path)
    assert done.lines[-2:] == ["Successfully tagged localhost/renamed:latest", base]
    for flag in ("--label=a=b", "--env=a=b", "--annotation=a=b", "--unsetenv=PATH", "--timestamp=1", "--squash-all"):
        assert engine("build", flag, tmp_path).lines[-1] != base


def test_a_name_is_found_by_the_variant_too_or_without(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path, "FROM localhost/busybox\nARG TARGETPLATFORM TARGETVARIANT\nRUN echo $TARGETPLATFORM $TARGETVARIANT\n"
    )
    done = engine("build", "--platform", "linux/amd64/v2", "-t", "v2", tmp_path)
    assert "linux/amd64/v2 v2" in done.lines
    assert engine("build", "--platform", "/", tmp_path).code == 0


def test_what_ocis_format_cannot_hold_is_said_in_podmans_words(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + 'SHELL ["/bin/sh", "-x"]\nONBUILD RUN true\nHEALTHCHECK CMD true\n')
    said = engine("build", tmp_path).stderr
    assert "SHELL is not supported for OCI image format, [/bin/sh -x] will be ignored. Must use `docker` format" in said
    assert "HEALTHCHECK is not supported for OCI image format and will be ignored" in said
    assert "ONBUILD is not supported for OCI image format, [RUN true] will be ignored" in said


def test_a_file_that_the_ignore_file_leaves_out_is_said_to_be(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    write(tmp_path, "gone\n", ".dockerignore")
    write(tmp_path, BASE + "COPY gone /\n")
    said = engine("build", tmp_path, check=False).stderr
    assert f'no items matching glob "gone" copied (1 filtered out using {tmp_path}/.dockerignore)' in said
    assert said.rstrip().endswith("no such file or directory")


def test_from_is_shown_as_it_was_understood(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "ARG WHAT=none\nFROM localhost/$WHAT AS Base\n")
    done = engine("build", "--build-arg", "WHAT=busybox", tmp_path)
    assert done.lines[0] == "STEP 1/1: FROM localhost/busybox AS Base"


def test_run_reads_standard_input_when_it_may(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN cat; echo end\n")
    done = engine("build", "--stdin", "--no-cache", tmp_path, input="typed\n")
    assert {"typed", "end"} <= set(done.lines)
    assert "typed" not in engine("build", "--no-cache", tmp_path, input="typed\n").lines


def test_compat_volumes_forgets_what_run_writes_into_them(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path, BASE + "RUN mkdir /vol && echo old > /vol/file\nVOLUME /vol /made/for/it\n"
        "RUN echo new > /vol/file && touch /vol/more /made/for/it/x\nRUN cat /vol/file\nRUN ls /vol\n",
    )  # fmt: skip
    flags = ("--no-cache", "-t", "volumes", "--compat-volumes")
    assert "old" in engine("build", *flags, tmp_path).lines
    assert engine("run", "--rm", "volumes", "ls", "/vol").lines == ["file"]
    write(tmp_path, BASE + "RUN mkdir /vol\nVOLUME /vol\nRUN touch /vol/more\nRUN ls /vol\n")
    assert "more" in engine("build", "--no-cache", tmp_path).lines


def test_volumes_of_run(engine: Skerry, tmp_path: Path) -> None:
    folder = tmp_path.parent / "shared"
    folder.mkdir()
    (folder / "old").write_text("old\n")
    write(
        tmp_path,
        BASE + "RUN cat /v/old; echo new > /v/new; rm /v/old; ls /v; grep ' /v ' /proc/self/mountinfo\nRUN ls /v\n",
    )
    lines = engine("build", "--no-cache", "-v", f"{folder}:/v:O", tmp_path).lines
    assert lines.count("old") == 2  # the second step sees the folder as it is
    assert lines.count("new") == 1
    assert [path.name for path in folder.iterdir()] == ["old"]
    done = engine("build", "--no-cache", "-v", f"{folder}/old:/v:O", tmp_path, check=False)
    assert (done.code, "is no folder" in done.stderr) == (125, True)
    write(tmp_path, BASE + "RUN grep ' /v ' /proc/self/mountinfo; ls /v\n")
    subprocess.run(["mount", "--bind", "--make-shared", folder, folder], check=True)
    try:
        lines = engine("build", "--no-cache", "-v", f"{folder}:/v:ro,slave", tmp_path).lines
        assert any(" ro," in line and "master:" in line for line in lines)
        lines = engine("build", "--no-cache", "-v", f"{folder}:/v", tmp_path).lines
        assert not any("master:" in line or "shared:" in line for line in lines)
    finally:
        subprocess.run(["umount", folder], check=True)
    conf = engine.top / "volumes.conf"
    conf.write_text(f'[containers]\nvolumes = ["{folder}:/v:ro", "named:/n"]\n')
    assert "old" in engine("build", "--no-cache", tmp_path, env={"CONTAINERS_CONF_OVERRIDE": str(conf)}).lines


def test_propagation_of_a_bind_mount(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN --mount=type=bind,target=/v,bind-propagation=rslave ls /v\n")
    assert "Containerfile" in engine("build", "--no-cache", tmp_path).lines
    write(tmp_path, BASE + "RUN --mount=type=bind,target=/v,bind-propagation=salve ls /v\n")
    done = engine("build", tmp_path, check=False)
    assert (done.code, "bind-propagation" in done.stderr and "slave" in done.stderr) == (125, True)


def test_a_log_for_each_platform(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\nARG TARGETARCH\nCOPY Containerfile /$TARGETARCH\n")
    log = tmp_path.parent / "log"
    engine("build", "--logfile", log, "--logsplit", "--platform", "linux/amd64,linux/arm64", tmp_path)
    for arch in ("amd64", "arm64"):
        text = log.with_name(f"log_linux_{arch}").read_text()
        assert f"[linux/{arch}] STEP 3/3: COPY" in text
        assert text.count("STEP 3/3") == 1


def test_flags_for_the_runtime_reach_it(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN true\n")
    done = engine("build", "--no-cache", "--runtime-flag", "no-such-flag", tmp_path, check=False)
    assert done.code != 0
    assert "no-such-flag" in done.stderr
    engine("build", "--no-cache", "--runtime-flag", "debug", tmp_path)


def test_isolation_by_chroot_shares_network_processes_and_ipc(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN for n in net pid ipc mnt; do readlink /proc/self/ns/$n; done\n")
    shown = engine("build", "--no-cache", "--isolation=chroot", tmp_path).lines
    assert {os.readlink(f"/proc/self/ns/{name}") for name in ("net", "pid", "ipc")} <= set(shown)
    assert os.readlink("/proc/self/ns/mnt") not in shown
    done = engine("build", "--isolation=chroot", "--network=none", tmp_path, check=False)
    assert "cannot set --network other than host with --isolation chroot" in done.stderr


def test_an_error_directive_of_the_preprocessor_is_a_warning(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "#ifndef WANTED\n#error no such thing\n#endif\nENV a=b\n", "Containerfile.in")
    done = engine("build", "-f", "Containerfile.in", tmp_path)
    assert "Ignoring" in done.stderr
    assert "no such thing" in done.stderr
    done = engine("build", "-f", "Containerfile.in", tmp_path, env={"BUILDAH_CPPFLAGS": "-DWANTED"})
    assert "Ignoring" not in done.stderr


def test_a_folder_in_the_place_of_the_containerfile(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").mkdir()
    done = engine("build", tmp_path, check=False)
    assert (done.code, done.stderr.count("\n")) == (125, 1)
    assert "is not a file" in done.stderr


def test_a_link_to_nothing_yet_leads_to_a_folder_that_is_made(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path, BASE + "RUN ln -s /real /link && ln -s ../far/away /etc/link && ln -s loop /loop\n"
        "COPY Containerfile /link/\nWORKDIR /etc/link/below\nRUN test -s /real/Containerfile && test -d /far/away/below\n",
    )  # fmt: skip
    engine("build", tmp_path)
    write(tmp_path, BASE + "RUN ln -s loop /loop\nCOPY Containerfile /loop/\n")
    assert "Too many levels of symbolic links" in engine("build", tmp_path, check=False).stderr


@pytest.mark.parametrize("transport", ["dir", "oci", "oci-archive", "docker-archive"])
def test_an_image_goes_where_a_transport_says(engine: Skerry, tmp_path: Path, transport: str) -> None:
    write(tmp_path, f"FROM scratch\nCOPY Containerfile /{transport}\n")
    place = tmp_path / "out"
    done = engine("build", "-t", f"{transport}:{place}", tmp_path)
    assert f"COMMIT {transport}:{place}" in done.lines
    assert place.exists()
    assert engine("image", "exists", done.lines[-1], check=False).code == 1  # it is there, and not here
    assert engine("pull", "-q", f"{transport}:{place}").lines[-1] == done.lines[-1]


def test_added_capabilities_are_in_reach_of_set_uid_programs_alone(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "USER 3267\nRUN grep ^Cap /proc/self/status\n")
    shown = dict(
        line.split(":\t")
        for line in engine("build", "--no-cache", "--cap-add=sys_ptrace", tmp_path).lines
        if line[:3] == "Cap"
    )
    assert shown["CapEff"] == shown["CapAmb"] == shown["CapPrm"] == "0" * 16
    assert int(shown["CapBnd"], 16) & 1 << 19


def test_pull_false_pulls_nothing(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM localhost:1/not/here\n")
    done = engine("build", "--pull=false", tmp_path, check=False)
    assert done.code == 125
    assert "localhost:1/not/here: image not known" in done.stderr


def test_a_stage_is_from_another_by_its_number(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "ENV first=yes\nFROM 0\nRUN echo first=$first\n")
    assert "first=yes" in engine("build", "--no-cache", tmp_path).lines


def test_features_of_the_system_are_added_and_taken_away(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\n")
    flags = ("--os-feature", "gone", "--os-feature", "gone-", "--os-feature", "win32k")
    engine("build", *flags, "-t", f"dir:{tmp_path / 'out'}", tmp_path)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    config = json.loads((tmp_path / "out" / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["os.features"] == ["win32k"]


def test_what_hosts_and_networks_exclude(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    done = engine("build", "--no-hosts", "--add-host", "a:192.0.2.1", tmp_path, check=False)
    assert "--no-hosts and --add-host conflict" in done.stderr
    done = engine("build", "--network", "slirp4netns", tmp_path, check=False)
    assert "slirp4netns is not supported" in done.stderr


def test_hooks_of_a_folder_run_in_a_build(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    hook = {"version": "1.0.0", "hook": {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {tmp_path}/state"]},
            "when": {"always": True}, "stages": ["prestart"]}  # fmt: skip
    (tmp_path / "hooks/one.json").write_text(json.dumps(hook))
    write(tmp_path, BASE + "RUN true\n")
    engine("build", "--no-cache", "--hooks-dir", tmp_path / "hooks", tmp_path)
    assert json.loads((tmp_path / "state").read_text())["ociVersion"]


def test_variables_of_env_are_there_from_the_first_step_on_and_env_overrides_them(
    engine: Skerry, tmp_path: Path
) -> None:
    write(
        tmp_path,
        BASE + "RUN echo a=$a b=$b\nENV a=file\nRUN echo a=$a b=$b\nFROM localhost/busybox\nRUN echo second=$b\n",
    )
    done = engine(
        "build", "--no-cache", "--skip-unused-stages=false", "--env", "a=1", "--env", "b=2", "-t", "env", tmp_path
    )
    assert {"a=1 b=2", "a=file b=2", "second=2"} <= set(done.lines)
    assert {"a=1", "b=2"} <= set(inspect(engine, "env")["Config"]["Env"])


def test_keywords_are_shown_in_capitals(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "from localhost/busybox\nrun echo  in  blanks\n")
    assert "STEP 2/2: RUN echo  in  blanks" in engine("build", tmp_path).lines


def test_a_tmpfs_may_begin_with_what_is_below_it(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path, BASE + "RUN mkdir /d && echo below > /d/file\n"
        "RUN --mount=type=tmpfs,target=/d,tmpcopyup grep below /d/file && rm /d/file\n"
        "RUN --mount=type=tmpfs,target=/d [ ! -e /d/file ]\nRUN grep below /d/file\n",
    )  # fmt: skip
    engine("build", "--no-cache", tmp_path)


def test_an_agent_that_listens_late_is_waited_for(engine: Skerry, tmp_path: Path) -> None:
    agent = "import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[-1])\ntime.sleep(0.3)\ns.listen()\ntime.sleep(60)\n"
    add = "import os, socket\nsocket.socket(socket.AF_UNIX).connect(os.environ['SSH_AUTH_SOCK'])\n"
    for name, text in (("ssh-agent", agent), ("ssh-add", add)):
        write(tmp_path, f"#!{sys.executable}\n{text}", name).chmod(0o755)
    write(tmp_path, "not looked at", "key")
    write(tmp_path, BASE)
    engine("build", "--ssh", f"default={tmp_path / 'key'}", tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})


def test_all_platforms_are_those_that_all_bases_have(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\nCOPY Containerfile /\n")
    for name, platforms in (
        ("three", "linux/amd64,linux/arm64,linux/386"),
        ("two", "linux/386,linux/arm64,linux/s390x"),
    ):
        engine("build", "--platform", platforms, "-t", name, tmp_path)
    write(tmp_path, "FROM localhost/three AS a\nFROM localhost/two\nCOPY --from=a Containerfile /again\n")
    engine("build", "--all-platforms", "-t", "common", tmp_path)
    found = json.loads(engine("manifest", "inspect", "common").stdout)["manifests"]
    assert [entry["platform"]["architecture"] for entry in found] == ["arm64", "386"]
    write(tmp_path, "FROM scratch\nCOPY Containerfile /\n")
    assert "there is no base image" in engine("build", "--all-platforms", tmp_path, check=False).stderr


def test_1970_is_a_time(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN touch /x\n")
    engine("build", "--timestamp=0", "-t", "epoch", tmp_path)
    assert inspect(engine, "epoch")["Created"] == "1970-01-01T00:00:00Z"
    shown = engine("images", "--format", "{{.CreatedSince}} {{.CreatedAt}}", "epoch").stdout
    assert "years ago 1970-01-01 00:00:00" in shown
    assert "years ago" in engine("history", "--format", "{{.CreatedSince}}", "epoch").lines[0]


def test_the_time_that_is_given_is_an_argument_once_it_is_declared(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path,
        BASE + "RUN echo before=$SOURCE_DATE_EPOCH\nARG SOURCE_DATE_EPOCH\nRUN echo after=$SOURCE_DATE_EPOCH\n",
    )
    for flags, env in ((("--source-date-epoch=60",), None), ((), {"SOURCE_DATE_EPOCH": "60"})):
        assert {"before=", "after=60"} <= set(engine("build", "--no-cache", *flags, tmp_path, env=env).lines)


def test_a_mount_of_the_command_line_is_there_in_every_step(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "f").write_text("1")
    (tmp_path / "Containerfile").write_text(
        "FROM localhost/busybox\nRUN cat /m/f /s > /seen; test ! -e /bar/x\nRUN cat /s\n"
    )
    words = [
        "--secret",
        f"id=it,src={tmp_path}/secret",
        "--mount",
        "type=secret,id=it,target=/s",
        "--mount",
        "target=/m",
    ]
    engine("build", "-q", "-t", "mounted", *words, tmp_path)
    assert engine("run", "--rm", "--network", "none", "mounted", "cat", "/seen").stdout == "1hidden"
    assert "Using cache" in engine("build", "-t", "mounted", *words, tmp_path).stdout
    (tmp_path / "f").write_text("2")
    engine("build", "-q", "-t", "mounted", *words, tmp_path)
    assert engine("run", "--rm", "--network", "none", "mounted", "cat", "/seen").stdout == "2hidden"
    done = engine("build", "--mount", "type=nonsense,target=/x", tmp_path, check=False)
    assert done.code == 125
    assert 'invalid --mount "type=nonsense,target=/x"' in done.stderr


def test_run_finds_the_folder_of_a_volume_wherever_links_lead(engine: Skerry, tmp_path: Path) -> None:
    write(
        tmp_path,
        BASE + "RUN mkdir /data && ln -s /data/log /link\nVOLUME /link/inner /vol/sub\n"
        "RUN chmod 711 /vol/sub && echo 1 > /data/log/there && stat -c %a /vol /data/log/inner\n",
    )
    done = engine("build", "-t", "volumes", tmp_path)
    assert done.lines.count("755") == 2
    look = engine("run", "--rm", "--network", "none", "volumes", "sh", "-c", "stat -c %a /vol/sub; cat /data/log/there")
    assert look.lines == ["711", "1"]
    engine(
        "build", "--compat-volumes", "-t", "kept", write(tmp_path, BASE + "VOLUME /v\nRUN chmod 711 /v; >/v/x\n").parent
    )
    assert engine("run", "--rm", "--network", "none", "kept", "sh", "-c", "stat -c %a /v; ls /v").lines == ["755"]
    write(tmp_path, BASE + "RUN ln -s /round/and /round\nVOLUME /round/and\nRUN true\n")
    done = engine("build", tmp_path, check=False)
    assert done.code == 125
    assert 'building at STEP "RUN true": open /round/and: too many levels of symbolic links' in done.stderr


def test_the_history_says_in_full_what_it_is_from(engine: Skerry, tmp_path: Path) -> None:
    engine("tag", "busybox", "registry.example/of/mine:5")
    write(tmp_path, "FROM of/mine:5\nENV A=1\nENV B=2\n")
    engine("build", "-q", "-t", "full", tmp_path)
    history = engine("history", "--format", "{{.Comment}}", "full").stdout.splitlines()
    assert [line for line in history if line] == ["FROM registry.example/of/mine:5"]
    engine("untag", "busybox", "registry.example/of/mine:5")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY --chown=$NONE:$NONE Containerfile /", 'looking up UID/GID for ":": can\'t find uid for user'),
        ("COPY --chown=nosuch Containerfile /", 'looking up UID/GID for "nosuch": can\'t find uid for user nosuch:'),
        ("COPY --chown=0:nosuch Containerfile /", "can't find gid for group nosuch: unable to find group nosuch"),
        (
            "COPY --chown 1:2 Containerfile /",
            "missing a value on flag: --chown (COPY only supports the --chmod=<permissions> ",
        ),
        ("ADD --checksum x Containerfile /", "and --checksum=<checksum> --exclude=<pattern> flags"),
        ("FROM scratch AS me\nCOPY --from=me /a /", "COPY --from=me: no stage or image found with that name"),
        ("RUN --network=foo true", 'unsupported value "foo" for "RUN --network"'),
    ],
)
def test_mistakes_in_podmans_words(engine: Skerry, tmp_path: Path, line: str, words: str) -> None:
    write(tmp_path, BASE + line + "\n")
    done = engine("build", tmp_path, check=False)
    assert done.code == 125
    assert words in done.stderr


def test_run_finds_its_hosts_name_in_a_file_unless_the_images_shall_stay(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN hostname; cat /etc/hostname\n")
    shown = engine("build", "--no-cache", "-t", "name", tmp_path).lines
    assert shown.count("buildkitsandbox") == 2
    assert os.uname().nodename in engine("build", "--no-cache", "--uts=host", tmp_path).lines
    done = engine("build", "--no-cache", "--no-hostname", tmp_path, check=False)
    assert (done.code, "buildkitsandbox" in done.stdout) == (1, True)
    write(tmp_path, BASE + "COPY Containerfile /etc/hostname\nRUN cat /etc/hostname\n")
    assert "COPY Containerfile /etc/hostname" in engine("build", "--no-cache", "--no-hostname", tmp_path).lines
    look = engine("run", "--rm", "--no-hostname", "--network", "none", "name", "ls", "/etc")
    assert "hostname" not in look.lines


def test_what_is_in_the_way_of_a_tree_is_replaced(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "first/place/deep").mkdir(parents=True)
    (tmp_path / "first/place/deep/f").write_text("f")
    (tmp_path / "second").mkdir()
    (tmp_path / "second/place").symlink_to("/nowhere")
    write(tmp_path, BASE + "COPY first /a\nCOPY second /a\nCOPY second /b\nCOPY first /b\n")
    engine("build", "-t", "replaced", tmp_path)
    look = engine("run", "--rm", "--network", "none", "replaced", "sh", "-c", "readlink /a/place; cat /b/place/deep/f")
    assert look.stdout == "/nowhere\nf"


def test_a_file_is_copied_to_where_a_link_to_nothing_yet_leads(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN ln -s /far/away /link\nCOPY Containerfile /link\n")
    engine("build", "-t", "far", tmp_path)
    look = engine(
        "run", "--rm", "--network", "none", "far", "sh", "-c", "readlink /link; test -f /far/away && echo there"
    )
    assert look.lines == ["/far/away", "there"]


def test_an_image_from_scratch_has_a_path(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM scratch\nENV A=$PATH:/mine\n")
    engine("build", "-t", "pathed", tmp_path)
    usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert inspect(engine, "pathed")["Config"]["Env"] == [f"PATH={usual}", f"A={usual}:/mine"]
    engine("build", "--unsetenv", "PATH", "-t", "pathed", tmp_path)
    assert inspect(engine, "pathed")["Config"]["Env"] == [f"A={usual}:/mine"]


def test_a_name_server_is_an_address(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\nRUN cat /etc/resolv.conf\n")
    done = engine("build", "--dns", "bogus", tmp_path, check=False)
    assert (done.code, done.stderr) == (125, "Error: bogus is not an ip address\n")
    assert "nameserver 192.0.2.7" in engine("build", "--no-cache", "--dns", "192.0.2.7", tmp_path).stdout
