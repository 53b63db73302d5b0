"""``build`` as it is typed, and what it prints."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Skerry

from skerry.cli.builds.flags import REFUSALS

BASE = "FROM localhost/busybox\n"


@pytest.fixture
def context(busybox: str, tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    return folder


def write(context: Path, text: str) -> Path:
    (context / "Containerfile").write_text(text)
    return context


def test_lines_are_podmans_and_the_id_is_the_last(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "RUN echo out; echo err >&2\nCOPY Containerfile /c\n")
    done = skerry("build", "--network", "none", "-t", "app", context)
    assert done.lines[0] == "STEP 1/3: FROM localhost/busybox"
    assert "STEP 2/3: RUN echo out; echo err >&2" in done.lines
    assert "out" in done.lines
    assert done.stderr == "err\n"
    image = skerry("image", "inspect", "-f", "{{.Id}}", "app").id
    end = ["COMMIT app", f"--> {image[:12]}", "Successfully tagged localhost/app:latest", image]
    assert done.lines[-5:] == ["STEP 3/3: COPY Containerfile /c", *end]  # as Podman: nothing of the last step
    again = skerry("build", "--network", "none", "-t", "app", context)
    assert sum(line.startswith("--> Using cache") for line in again.lines) == 2
    assert again.lines[-1] == done.lines[-1]
    whole = skerry("build", "--network", "none", "--progress=plain", "--no-cache", context)
    assert "(the cache is not used (--no-cache))" in whole.lines[-4]


def test_quiet_prints_the_id_and_what_programs_complain_about(skerry: Skerry, context: Path) -> None:
    done = skerry("build", "-q", "--network", "none", write(context, BASE + "RUN echo noise; echo more >&2\n"))
    assert (len(done.id), done.stderr) == (64, "more\n")


def test_a_failing_step_shows_its_place_and_has_its_exit_code(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "ENV A=1\nRUN echo before; \\\n  exit 7\nRUN true\n")
    done = skerry("build", "--network", "none", context, check=False)
    assert done.code == 7
    assert "before" in done.lines
    assert "  > 3 | RUN echo before; \\" in done.stderr
    assert "  > 4 |   exit 7" in done.stderr
    assert (
        done.stderr.splitlines()[-1]
        == 'Error: building at STEP "RUN echo before;   exit 7": while running runtime: exit status 7'
    )
    quiet = skerry("build", "-q", "--network", "none", context, check=False)
    assert (quiet.code, quiet.stdout) == (7, "")
    assert "before" in quiet.stderr


@pytest.mark.parametrize("words", [["build"], ["image", "build"], ["builder", "build"], ["buildx", "build"]])
def test_it_has_four_names(skerry: Skerry, context: Path, words: list[str]) -> None:
    assert len(skerry(*words, "-q", write(context, BASE)).id) == 64


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_honoured_is_refused_in_one_line(skerry: Skerry, tmp_path: Path, name: str) -> None:
    done = skerry("build", f"--{name}=1", tmp_path, check=False)
    assert done.code == 125
    assert done.stderr.startswith(f"Error: --{name} is not supported: ")


@pytest.mark.parametrize(
    "flags",
    [["--rm=false"], ["--isolation", "chroot", "--network", "none"], ["--squash", "--squash-all"], ["--platform", "a", "--arch", "b"],
     ["--timestamp", "1", "--source-date-epoch", "2"], ["--disable-compression=false"], ["--userns", "keep-id"], ["--isolation", "bogus"],
     ["--secret", "id=x,src=/none"], ["--secret", "src=x"], ["--ssh", "k=/none"], ["--build-context", "x"],
     ["--cache-to", "type=gha"], ["--network", "container:x"], ["-v", "relative"], ["--label", "=x"], ["--progress", "tty"]],
)  # fmt: skip
def test_what_does_not_go_together(skerry: Skerry, context: Path, flags: list[str]) -> None:
    done = skerry("build", *flags, write(context, "FROM scratch\n"), check=False)
    assert done.code == 125
    assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize("flag", ["--compress", "--force-rm", "--rm", "-D", "--disable-content-trust", "--load"])
def test_what_is_so_anyway_is_taken(skerry: Skerry, context: Path, flag: str) -> None:
    skerry("build", "-q", flag, write(context, BASE))


def test_arguments_labels_and_variables(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    (tmp_path / "args").write_text("# comment\nA=file\nB=file\n")
    write(context, BASE + "ARG A\nARG B\nARG C\nLABEL l=$A-$B-$C gone=1\n")
    skerry(
        "build", "-q", "-t", "app", "--build-arg-file", tmp_path / "args", "--build-arg", "B=flag", "--build-arg", "C",
        "--label", "own=2", "--env", "E=3", context, env={"C": "from here"},
    )  # fmt: skip
    assert json.loads(skerry("image", "inspect", "-f", "{{json .Labels}}", "app").stdout) == {
        "l": "file-flag-from here", "gone": "1", "own": "2",
    }  # fmt: skip
    write(context, "FROM localhost/app\n")
    skerry("build", "-q", "-t", "next", "--unsetlabel", "gone", "--unsetenv", "E", context)
    assert "gone" not in skerry("image", "inspect", "-f", "{{json .Config}}", "next").stdout
    skerry("build", "-q", "-t", "bare", "--inherit-labels=false", context)
    assert skerry("image", "inspect", "-f", "{{json .Labels}}", "bare").id in ("null", "{}")


def test_secrets_reach_the_step_and_nothing_else(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("geheim")
    write(
        context,
        BASE
        + "RUN --mount=type=secret,id=f --mount=type=secret,id=V,env=V cat /run/secrets/f > /n; wc -c < /n; echo ${#V}\n",
    )
    done = skerry(
        "build", "--network", "none", "-t", "app", "--secret", f"id=f,src={tmp_path}/s", "--secret", "id=V,env=MINE",
        context, env={"MINE": "verborgen"},
    )  # fmt: skip
    assert "6" in done.lines
    assert "9" in done.lines
    kept = skerry("image", "inspect", "app").stdout + skerry("history", "--no-trunc", "app").stdout
    assert "verborgen" not in kept
    assert "geheim" not in kept


def test_ssh_keys_get_an_agent(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    write(context, BASE + "RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo agent\n")
    assert "agent" in skerry("build", "--network", "none", "--ssh", f"default={tmp_path}/key", context).lines
    done = skerry("build", "--network", "none", "--ssh", "default", context, check=False, env={"SSH_AUTH_SOCK": ""})
    assert "SSH_AUTH_SOCK is not set" in done.stderr


def test_check_only_checks(skerry: Skerry, context: Path) -> None:
    write(context, "from localhost/busybox as Stage\nRUN exit 1\n")
    done = skerry("build", "--check", context, check=False)
    assert done.code == 1
    assert "StageNameCasing" in done.stdout
    assert skerry("build", "--call", "check", write(context, BASE + 'CMD ["x"]\n')).code == 0


OFFERS = """# VERSION is of the compiler
ARG VERSION=1.22
ARG UNUSED
# base is what others stand on
FROM scratch AS base
FROM golang:${VERSION} AS build
ARG VERSION
# MODE says how
ARG MODE=fast-$VERSION
RUN --mount=type=secret,id=tok,required=true --mount=type=ssh --mount=type=cache,target=/c true
# release is shipped
FROM base AS release
COPY --from=build /x /x
FROM scratch AS Last
"""


def test_call_tells_what_a_containerfile_offers(skerry: Skerry, context: Path) -> None:
    write(context, OFFERS)
    targets = skerry("build", "--call", "targets", context).lines
    assert targets == [
        "TARGET           DESCRIPTION", "base             is what others stand on", "build", "release          is shipped",
        "last (default)",
    ]  # fmt: skip
    outline = skerry("build", "--call=outline", "--target=release", "--build-arg", "VERSION=2", context).lines
    assert outline == [
        "TARGET:        release", "DESCRIPTION:   is shipped", "",
        "BUILD ARG   VALUE    DESCRIPTION", "VERSION     2        is of the compiler", "MODE        fast-2   says how", "",
        "SECRET   REQUIRED", "tok      true", "", "SSH       REQUIRED", "default",
    ]  # fmt: skip
    document = json.loads(skerry("build", "--call=outline,format=json", "--target=base", context).stdout)
    assert document["name"] == "base"
    assert not document.keys() & {"args", "secrets", "ssh", "cache"}  # those are of other stages
    assert base64.b64decode(document["sources"][0]).decode() == OFFERS


def test_checks_as_json(skerry: Skerry, context: Path) -> None:
    write(context, OFFERS)
    done = skerry("build", "--call=check,format=json", context, check=False)
    assert done.code == 1
    (warning,) = json.loads(done.stdout)["warnings"]
    assert warning["ruleName"] == "StageNameCasing"
    assert warning["url"].endswith("/rule/stage-name-casing/")
    assert warning["location"]["ranges"][0]["start"]["line"] == 14
    assert skerry("build", "--call=check,ignorestatus", context).code == 0
    for wrong in ("chekc", "check,format=xml"):
        assert skerry("build", "--call", wrong, context, check=False).code == 125


def test_checks_that_are_errors_and_what_is_no_containerfile(skerry: Skerry, context: Path) -> None:
    write(context, "# check=error=true\n" + BASE + "CMD a\n")
    done = skerry("build", "--call=check,ignorestatus", context, check=False)
    assert (done.code, done.stderr) == (1, "Error: lint violation found for rules: JSONArgsRecommended\n")
    assert done.lines[0] == "Check complete, 1 warning has been found!"
    assert "   3 | >>> CMD a" in done.lines
    done = skerry("build", "--check", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=false", context, check=False)
    assert (done.code, done.stderr) == (1, "")
    document = json.loads(skerry("build", "--call=check,format=json", context, check=False).stdout)
    assert document["buildError"]["message"] == "lint violation found for rules: JSONArgsRecommended"
    done = skerry("build", "--check", write(context, BASE + "RUM a\n"), check=False)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: unknown instruction: RUM\n")
    assert "   2 | >>> RUM a" in done.stderr.splitlines()


def test_without_a_target_all_stages_are_checked(skerry: Skerry, context: Path) -> None:
    write(context, BASE.strip() + " AS unused\nWORKDIR rel\nFROM scratch AS last\nCOPY Containerfile /\n")
    assert "WorkdirRelativePath" in skerry("build", "--check", context, check=False).stdout
    assert skerry("build", "--check", "--target", "last", context).stdout == "Check complete, no warnings found.\n"


def test_explain_says_why_and_does_nothing(skerry: Skerry, context: Path) -> None:
    (context / "f").write_text("1\n")
    write(context, BASE + "COPY f /f\nRUN cat /f\n")
    skerry("build", "-q", "--network", "none", context)
    before = skerry("images", "-aq").lines
    (context / "f").write_text("1\n2\n")
    done = skerry("build", "--network", "none", "--explain", context)
    assert any("f changed" in line and "+2" in line for line in done.lines)
    events = [json.loads(line) for line in skerry("build", "--network", "none", "--explain=json", context).lines]
    assert any(event["event"] == "StepDone" and event["reason"] for event in events)
    assert skerry("images", "-aq").lines == before


def test_progress_as_json_is_buildkits_on_stderr(skerry: Skerry, context: Path) -> None:
    text = BASE.replace("FROM", "from") + "RUN echo x; echo y >&2\nENV A=b\n"
    argv = ("build", "--progress", "rawjson", "--network", "none", write(context, text))
    done = skerry(*argv)
    assert len(done.id) == 64
    found: dict[str, list[dict[str, Any]]] = {"vertexes": [], "logs": [], "warnings": []}
    for line in done.stderr.splitlines():
        for kind, parts in json.loads(line).items():
            found[kind] += parts
    run = [vertex for vertex in found["vertexes"] if "RUN echo x" in vertex["name"]]
    assert [set(vertex) for vertex in run] == [
        {"digest", "inputs", "name", "started"}, {"digest", "inputs", "name", "started", "completed", "reason"},
    ]  # fmt: skip
    assert run[0]["inputs"] == [found["vertexes"][0]["digest"]]
    assert {(log["stream"], base64.b64decode(log["data"])) for log in found["logs"]} == {(1, b"x\n"), (2, b"y\n")}
    assert {log["vertex"] for log in found["logs"]} == {run[0]["digest"]}
    assert b"ConsistentInstructionCasing" in base64.b64decode(found["warnings"][0]["short"])
    assert found["warnings"][0]["range"] == [{"start": {"line": 1}, "end": {"line": 1}}]
    again = [json.loads(line) for line in skerry(*argv).stderr.splitlines()]
    assert any(vertex.get("cached") for line in again for vertex in line.get("vertexes", ()) if "RUN" in vertex["name"])


def test_a_failure_in_json_is_the_vertexs_error(skerry: Skerry, context: Path) -> None:
    done = skerry(
        "build", "--progress=rawjson", "--network", "none", write(context, BASE + "RUN exit 3\n"), check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert done.code == 3
    assert "exit status 3" in lines[-1]["vertexes"][0]["error"]


def test_a_logfile_has_the_lines(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    done = skerry("build", "--logfile", tmp_path / "log", "--network", "none", write(context, BASE + "RUN echo x\n"))
    assert len(done.id) == 64
    assert "STEP 2/2: RUN echo x" in (tmp_path / "log").read_text()


def test_lines_make_way_for_a_result_on_stdout(skerry: Skerry, context: Path) -> None:
    done = skerry("build", "--network", "none", "-o", "-", write(context, BASE + "RUN echo x\n"))
    assert done.raw[257:262] == b"ustar"
    assert "STEP 2/2: RUN echo x" in done.stderr


def test_ctrl_c_ends_it_within_a_second(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    write(context, BASE + "RUN echo begun; sleep 60\n")
    build = skerry.popen("build", "--network", "none", context)
    assert build.stdout
    while b"begun" not in build.stdout.readline():
        pass
    began = time.monotonic()
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=10)
    assert build.returncode == 130
    assert time.monotonic() - began < 1.5


def on_terminal(skerry: Skerry, *args: str | Path, answers: tuple[tuple[bytes, bytes], ...] = ()) -> tuple[int, str]:
    """Run it on a terminal of 60 columns; ``answers``: (after what, what to type)."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 15, 60, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [*skerry.argv, *map(str, args)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    seen, pending, end = b"", list(answers), time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        seen += data
        if pending and pending[0][0] in seen:
            os.write(ours, pending.pop(0)[1])
    os.close(ours)
    return process.wait(timeout=10), seen.decode("utf-8", "replace")


def test_on_a_terminal_it_is_drawn(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "RUN echo one; sleep 0.5; printf '\\033]0;title\\007\\033[31mred\\033[0m\\n'\nRUN exit 3\n")
    code, text = on_terminal(skerry, "build", "--network", "none", context)
    assert code == 3
    assert "[+] Building" in text
    assert "FAILED" in text
    assert "=> ERROR [3/3] RUN exit 3" in text
    assert "\x1b]0;" not in text  # a program's sequences never reach the terminal
    lines = text.replace("\r", "").replace("\x1b[K", "").split("\n")
    assert [line for line in lines if line.startswith(" =>") and len(line) > 60] == []


def test_a_shell_in_the_step_that_failed(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "ENV WHO=me\nWORKDIR /here\nRUN touch made; false\n")
    code, text = on_terminal(
        skerry, "build", "--network", "none", "--on-error=shell", context,
        answers=((b"build# ", b"echo $WHO $PWD $(ls); exit\n"),),
    )  # fmt: skip
    assert code == 1
    assert "me /here made" in text


def test_buildx_answers_what_ci_scripts_ask(skerry: Skerry) -> None:
    flags = "--allow-insecure-entitlement security.insecure --allow-insecure-entitlement network.host"
    assert (
        skerry(
            "buildx", "create", "--name", "ci", "--driver", "docker-container", "--buildkitd-flags", flags, "--use"
        ).id
        == "ci"
    )
    assert "Status:" in skerry("buildx", "inspect", "--bootstrap", "--builder", "ci").stdout
    assert skerry("buildx", "version").stdout.split()[1].startswith("v")
    assert "default*" in skerry("buildx", "ls").stdout
    assert json.loads(skerry("buildx", "ls", "--format", "json").stdout)
    skerry("buildx", "use", "ci")
    skerry("buildx", "rm", "ci")
    assert skerry("buildx", "create", "tcp://elsewhere:1234", check=False).code == 125


def test_podmans_own_words_for_pulls_layers_and_formats(skerry: Skerry, context: Path) -> None:
    done = skerry("build", "--pull-never", write(context, "FROM nosuch:1\nRUN true\n"), check=False)
    assert "Error: creating build container: nosuch:1: image not known" in done.stderr
    write(context, BASE + "RUN echo 1 > /1\nRUN echo 2 > /2\n")
    skerry("build", "--network", "none", context)
    assert (
        "Using cache"
        not in skerry("build", "--network", "none", "-t", "one", context, env={"BUILDAH_LAYERS": "false"}).stdout
    )
    assert len(json.loads(skerry("image", "inspect", "-f", "{{json .RootFS.Layers}}", "one").stdout)) == 2
    assert (
        "Using cache"
        in skerry("build", "--network", "none", "--layers", context, env={"BUILDAH_LAYERS": "false"}).stdout
    )
    skerry("build", "-q", "--network", "none", "-t", "docker", context, env={"BUILDAH_FORMAT": "docker"})
    assert "docker.distribution" in skerry("image", "inspect", "-f", "{{.ManifestType}}", "docker").stdout
    done = skerry("build", "--authfile", "/none/auth", context, check=False)
    assert "/none/auth: no such file or directory" in done.stderr


def test_several_containerfiles_are_read_as_one(skerry: Skerry, context: Path) -> None:
    (context / "one").write_text("FROM scratch\nCOPY one /1\n")
    (context / "two").write_text("LABEL two=yes\n")
    skerry("build", "-q", "-t", "joined", "-f", context / "one", "-f", context / "two")
    assert skerry("image", "inspect", "-f", "{{.Labels.two}}", "joined").id == "yes"


def test_what_each_step_takes_is_told_where_it_is_asked_for(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    write(context, BASE + "RUN dd if=/dev/zero of=/big bs=64k count=16 2>/dev/null\n")
    told = [line for line in skerry("build", "--log-rusage", context).lines if "(system)" in line]
    assert len(told) == 2
    number = r"(\d+ms|[\d.]+s|\d+m[\d.]+s)"
    assert re.fullmatch(
        rf"{number}\(system\) {number}\(user\) {number}\(elapsed\) [\d.]+k?M?B input [\d.]+k?M?B output", told[1]
    )
    log = tmp_path / "log"
    done = skerry("build", "-q", "--log-rusage", "--rusage-logfile", log, context)
    assert len(done.lines) == 1
    assert log.read_text().count("(elapsed)") == 2


def test_pruning_images_with_the_build_cache_leaves_no_step(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "RUN --mount=type=cache,target=/c echo here; echo x > /c/x\n")
    assert "here" in skerry("build", context).lines
    assert "here" not in skerry("build", context).lines
    skerry("image", "prune", "-f", "--build-cache")
    assert "here" in skerry("build", context).lines


def test_findings_of_the_checks_are_kept_for_those_who_ask_and_for_failures(skerry: Skerry, context: Path) -> None:
    write(context, BASE + "CMD word\n")
    assert skerry("build", context).stderr == ""
    assert "JSONArgsRecommended" in skerry("build", "--progress=plain", context).stderr
    assert "JSONArgsRecommended" in skerry("buildx", "build", context).stderr
    write(context, BASE + "CMD word\nRUN exit 3\n")
    assert "JSONArgsRecommended" in skerry("build", "--network=none", context, check=False).stderr


def test_called_as_podman_it_labels_what_it_builds_as_podman(skerry: Skerry, context: Path) -> None:
    link = context / "podman"
    link.symlink_to(skerry.argv[0])
    podman = [str(link), *skerry.argv[1:]]
    labels = ("image", "inspect", "-f", '{{index .Config.Labels "io.buildah.version"}}', "named")
    skerry("build", "-t", "named", write(context, BASE + "LABEL a=b\n"))
    assert skerry(*labels).stdout.strip() in ("", "<no value>")
    subprocess.run([*podman, "build", "-q", "-t", "named", context], check=True, capture_output=True)
    version = skerry("info", "--format", "{{.Host.BuildahVersion}}").id
    assert skerry(*labels).id == version
    for flag in ("--identity-label=false", "--timestamp=60", "--source-date-epoch=60"):
        subprocess.run([*podman, "build", "-q", flag, "-t", "named", context], check=True)
        assert skerry(*labels).stdout.strip() in ("", "<no value>")
    subprocess.run([*podman, "build", "-q", "--timestamp=60", "--identity-label", "-t", "named", context], check=True)
    assert skerry(*labels).id == version
    alone = subprocess.run([*podman, "build", "-q", write(context, BASE)], check=True, capture_output=True, text=True)
    assert alone.stdout.strip() == skerry("image", "inspect", "-f", "{{.Id}}", "localhost/busybox").id
