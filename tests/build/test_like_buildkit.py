"""What BuildKit's own tests expect of its Containerfile front end: the files check themselves while they are built."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Result, Skerry

BASE = "FROM localhost/busybox\n"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("foo.go", "bar.go", "foo2.go", "sub/a", "sub/b", "sub/deep/c", "other/d", "plain"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}-contents")
    return tmp_path


def build(engine: Skerry, context: Path, text: str, *flags: str, check: bool = True, **options: Any) -> Result:
    (context / "Containerfile").write_text(text)
    return engine("build", "-q", *flags, context, check=check, **options)


def config(engine: Skerry, result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine("image", "inspect", result.lines[-1]).stdout)[0]["Config"]
    return found


SELF_CHECKING = {
    "copy: a link at the destination": (
        "RUN mkdir /t && echo old > /t/old && ln -s t/old /a && ln -s ../new /t/b && ln -s /folder /c && ln -s t /d\n"
        "COPY plain /a\nCOPY plain /t/b\nCOPY sub /c\nCOPY sub /d\n"
        "RUN cmp /t/old /new && [ -L /a ] && [ -f /folder/deep/c ] && [ -f /t/a ] && [ -L /d ]"
    ),
    "heredoc: a script": "RUN <<EOF\nset -e\necho foo > /a\necho bar > /b\nEOF\nRUN [ \"$(cat /a /b | tr '\\n' ,)\" = foo,bar, ]",
    "heredoc: the shell expands": 'RUN <<EOF\nx=1; echo "$x" > /a\nEOF\nRUN [ "$(cat /a)" = 1 ]',
    "heredoc: a program": "RUN <<EOF\n#!/bin/sed w/a\nEOF\nRUN [ -f /a ] && [ ! -e /dev/pipes/EOF ]",
    "heredoc: a program, indented": "RUN <<-EOF\n\t#!/bin/sed w/a\nEOF\nRUN [ -f /a ]",
    "heredoc: into a command": "RUN cat <<EOF > /a\nhello\nEOF\nRUN [ \"$(cat /a)\" = hello ]",
    "heredoc: blanks before its name": "RUN <<  EOF\necho x > /a\nEOF\nRUN cat << EOF > /b\ny\nEOF\nRUN cat <<- EOF > /c\n\tz\n\tEOF\n"
    "RUN [ \"$(cat /a /b /c | tr '\\n' ,)\" = x,y,z, ] && [ $((1 << 3)) = 8 ]",
    "heredoc: several": "RUN cat <<A > /a && cat <<-'B' > /b\nin a\nA\n\tin $b\n\tB\nRUN grep 'in a' /a && grep '^in $b' /b",
    "heredoc: files": (
        "ARG who=me\nCOPY <<one <<'two' <<-three plain /d/\n$who ${who:+x} \\$who 'q'\none\n$who\ntwo\n\ttab\nthree\n"
        "RUN [ \"$(cat /d/one)\" = \"me x \\$who 'q'\" ] && [ \"$(cat /d/two)\" = '$who' ] && [ \"$(cat /d/three)\" = tab ] && [ -f /d/plain ]"
    ),
    "heredoc: one file, renamed, mode": "COPY --chmod=700 --chown=3:4 <<EOF /name\nx\nEOF\nRUN [ \"$(stat -c %a:%u:%g /name)\" = 700:3:4 ]",
    "heredoc: ADD": "ADD <<EOF /a/\nx\nEOF\nRUN [ \"$(cat /a/EOF)\" = x ]",
    "args: defaults expand earlier ones": "ARG a=1\nARG b=${a}2 c=${b}\nRUN [ \"$a$b$c\" = 11212 ] || [ \"$a$b\" = 112 ]",
    "args: ENV wins over ARG": "ARG x=arg\nENV x=env\nRUN [ \"$x\" = env ]",
    "args: platform": "ARG TARGETPLATFORM\nARG TARGETOS\nRUN [ \"$TARGETOS\" = linux ] && [ -n \"$TARGETPLATFORM\" ] && [ -z \"$TARGETARCH\" ]",
    "args: those of the stage that it is FROM": "ARG a=1\nFROM localhost/busybox\nRUN [ -z \"$a\" ]\nFROM 0\nARG b=$a\nRUN [ \"$a$b\" = 11 ]",
    "args: the last stage's name": "ARG TARGETSTAGE\nRUN [ \"$TARGETSTAGE\" = default ]",
    "env: one ENV sees only what was before": "ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\nRUN [ \"$def\" = hello ] && [ \"$ghi\" = bye ]",
    "env: quotes": "ENV a=\"b c\" d='e $f' g=h\\ i\nENV j k  l\nRUN [ \"$a|$d|$g|$j\" = 'b c|e $f|h i|k  l' ]",
    "copy: wildcards": "COPY *.go /go/\nCOPY f*.go /f/\nCOPY sub/* /s/\nRUN [ -f /go/bar.go ] && [ ! -e /f/bar.go ] && [ -f /s/a ] && [ -f /s/c ] && [ ! -e /s/deep ]",
    "copy: a folder's contents": "COPY sub /s\nCOPY sub /t/\nRUN [ -f /s/deep/c ] && [ -f /t/a ]",
    "copy: no match beside a match": "COPY plain nomatch* /x/\nRUN [ -f /x/plain ]",
    "copy: the folder that is made is root's": (
        "RUN mkdir -p /a/b && chown 1:2 /a /a/b && chmod 700 /a\nFROM localhost/busybox\nCOPY --from=0 /a /c\nCOPY --from=0 --chown=3:4 /a /d\n"
        "RUN [ \"$(stat -c %u:%g:%a /c /c/b /d | tr '\\n' ,)\" = 0:0:755,1:2:755,3:4:755, ]"
    ),
    "copy: into what a link leads to": "RUN mkdir /real && ln -s /real /l\nCOPY plain /l/\nRUN [ -f /real/plain ] && [ -L /l ]",
    "copy: relative to WORKDIR": "WORKDIR /w\nCOPY plain x/\nCOPY plain y\nRUN [ -f /w/x/plain ] && [ -f /w/y ]",
    "copy: over what is there": "RUN mkdir -p /d/sub && echo old > /d/sub/a && echo keep > /d/sub/k\nCOPY sub /d/sub\nRUN grep contents /d/sub/a && grep keep /d/sub/k",
    "copy: --parents": "COPY --parents sub/deep/c other/d /p/\nCOPY --parents ./sub/./deep/c /q/\nRUN [ -f /p/sub/deep/c ] && [ -f /p/other/d ] && [ -f /q/deep/c ]",
    "copy: --parents, from below wildcards": (
        "RUN mkdir -p /a/b1/c/d/e /a/b2/c/d/e && touch /a/b1/c/x /a/b1/c/d/e/y /a/b2/c/d/e/z\nFROM localhost/busybox\n"
        "COPY --from=0 --parents /a/b*/./c/**/e /o/\nRUN [ -f /o/c/d/e/y ] && [ -f /o/c/d/e/z ] && [ ! -e /o/c/x ]"
    ),
    "copy: --exclude": "COPY --exclude=*.go --exclude=sub/deep . /e/\nRUN [ -f /e/plain ] && [ ! -e /e/foo.go ] && [ -f /e/sub/a ] && [ ! -e /e/sub/deep/c ]",
    "copy: --exclude, from the pivot on": "COPY --parents --exclude=sub/d*/* sub /e\nRUN [ -f /e/sub/a ] && [ ! -e /e/sub/deep/c ]",
    "copy: --chmod in symbols": "COPY --chmod=u=rwX,go=rX sub /m\nRUN [ \"$(stat -c %a /m/a)\" = 644 ] && [ \"$(stat -c %a /m/deep)\" = 755 ]",
    "copy: --link": "RUN mkdir -p /k && echo x > /k/old\nCOPY --link plain /k/\nRUN [ -f /k/old ] && [ -f /k/plain ]",
    "copy: sources are expanded": "ARG what=pla\nENV dest=/z\nCOPY ${what}in $dest/\nRUN [ -f /z/plain ]",
    "copy: spaces, in JSON": "RUN mkdir '/a b' && echo x > '/a b/c d'\nCOPY [\"plain\", \"/a b/e f\"]\nRUN [ -f '/a b/e f' ]",
    "workdir: made, relative, expanded": "ENV d=two\nWORKDIR /one\nWORKDIR $d\nRUN [ \"$PWD\" = /one/two ]\nWORKDIR ..\nRUN [ \"$(pwd)\" = /one ]",
    "user: by number, by name, with a group": "RUN echo 'me:x:1000:1001::/home/me:/bin/sh' >> /etc/passwd && echo 'wheel2:x:1005:me' >> /etc/group\nUSER me\nRUN [ \"$(id -u):$(id -g)\" = 1000:1001 ] && id -G | grep 1005\nUSER 5:6\nRUN [ \"$(id -u):$(id -g)\" = 5:6 ]\nUSER me:wheel2\nRUN [ \"$(id -g)\" = 1005 ]",
    "run: exec form needs no shell": "RUN [\"/bin/busybox\", \"touch\", \"/a b\"]\nRUN [ -f '/a b' ]",
    "run: SHELL": "SHELL [\"/bin/sh\", \"-ec\"]\nRUN [ \"$-\" != \"${-#*e}\" ]",
    "run: no network": "RUN --network=none [ ! -e /sys/class/net/eth0 ]",
    "mount: the context": "RUN --mount=target=/context [ \"$(cat /context/plain)\" = plain-contents ] && ! touch /context/x\nRUN [ ! -e /context/plain ]",
    "mount: a part, read-write, thrown away": "RUN --mount=source=sub,target=/s,rw touch /s/new && [ -f /s/a ]\nRUN --mount=source=sub,target=/s [ ! -e /s/new ]",
    "mount: one file": "RUN --mount=source=plain,target=/f [ \"$(cat /f)\" = plain-contents ]",
    "mount: tmpfs": "RUN --mount=type=tmpfs,target=/t,size=1m touch /t/x && grep ' /t tmpfs' /proc/mounts\nRUN [ ! -e /t/x ]",
    "mount: a cache": "RUN --mount=type=cache,target=/c,id=like-a echo hi > /c/x\nRUN --mount=type=cache,target=/d,id=like-a [ \"$(cat /d/x)\" = hi ]\nRUN [ ! -e /c/x ]",
    "mount: a cache's owner and mode": "RUN --mount=type=cache,target=/c,id=like-b,uid=1001,gid=1002,mode=0751 [ \"$(stat -c %u:%g:%a /c)\" = 1001:1002:751 ]",
    "mount: variables": "ARG where=/v\nENV id=like-c\nRUN --mount=type=cache,id=$id,target=${where} echo 1 > /v/x\nRUN --mount=type=cache,id=like-c,target=/w [ -f /w/x ]",
    "mount: relative to WORKDIR": "WORKDIR /w\nRUN --mount=type=tmpfs,target=t grep ' /w/t tmpfs' /proc/mounts",
    "mount: a secret that is missing": "RUN --mount=type=secret,id=nothing [ ! -e /run/secrets/nothing ]",
    "lines: comments and blanks between": "RUN true \\\n# comment\n\n  && \\\n  # another\n  touch /x\nRUN [ -f /x ]",
    "volume: what was there stays": "RUN mkdir /v && echo x > /v/x\nVOLUME /v\nRUN [ -f /v/x ]",
    "dns": "RUN [ -s /etc/resolv.conf ] && grep localhost /etc/hosts",
}  # fmt: skip


@pytest.mark.parametrize("name", SELF_CHECKING)
def test_it_builds(engine: Skerry, context: Path, name: str) -> None:
    build(engine, context, BASE + SELF_CHECKING[name] + "\n")


FAILING = {
    "FROM nothing-here:nope": "",
    BASE + "COPY nope /": "nope",
    BASE + "COPY --from=nothing-here:nope a /": "nothing-here",
    BASE + "RUN --mount=type=secret,id=x,required true": "x",
    BASE + "RUN <<EOF\nfalse": "unterminated heredoc",
    BASE + "RUN exit 3": "",
    BASE + "COPY sub /etc/passwd": "cannot copy to non-directory: /etc/passwd",
    BASE + 'ENV a="${b:?must be set}"': "b: must be set",
    BASE + "COPY ${x plain /": "missing '}'",
    BASE + "EXPOSE 99999": "invalid containerPort: 99999",
    BASE + "FOO bar": "unknown instruction: FOO",
    BASE + "COPY --form=x plain /": "unknown flag: --form (did you mean --from?)",
    "FROM a AS a\nFROM scratch\nCOPY --from=1 x /": "",
    "RUN true": "no build stage in current context",
    "ARG SOURCE_DATE_EPOCH=now\n" + BASE: "invalid SOURCE_DATE_EPOCH: now",
    "ARG X=1": "dockerfile contains no stages to build",
    "FROM a AS one\nCOPY --from=three x /\nFROM a AS two\nCOPY --from=one x /\nFROM a AS three\nCOPY --from=two x /": "circular dependency detected on stage: one",
    BASE.replace("\n", " AS now\n")
    + "COPY --from=later x /\nFROM scratch AS later\nFROM now": 'cannot copy from stage "later", it needs to be defined before current stage "now"',
    BASE + "RUN --mount=from=later,target=/m true\nFROM scratch AS later\nFROM 0": 'cannot mount from stage "later"',
    "FROM --platform=$TRAGETPLATFORM scratch": "empty platform value from expression $TRAGETPLATFORM (did you mean TARGETPLATFORM?)",
    "ARG CPU\nFROM --platform=linux/$CPU scratch": 'failed to parse platform linux/$CPU: "" is an invalid component of "linux/"',
    BASE + "COPY --from=$NOTHING plain /": "--from=$NOTHING is empty",
    BASE
    + "COPY --chmod=64a plain /": "invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777",
    BASE + "VOLUME $NOTHING": "VOLUME specified can not be an empty string",
    BASE + "STOPSIGNAL SIGNONE": "invalid signal: SIGNONE",
    BASE + "EXPOSE 80/x": "invalid proto: x",
    BASE + "EXPOSE here:80:80": "invalid IP address: here",
    BASE + "EXPOSE 1-3:1-2": "",
    BASE + "COPY https://example.com/a.git /": "source can't be a git ref for COPY",
    BASE + 'RUN nope "a" \\&': 'process "/bin/sh -c nope \\"a\\" \\\\&" did not complete successfully: exit code: 127',
    BASE + "RUN invalidcmd": 'process "/bin/sh -c invalidcmd" did not complete successfully: exit code: 127',
    "ARG X\nFROM ${X}": "should not be blank",
    BASE + "RUN --mount=type=bind true": "target",
    BASE + "USER nobody-at-all\nRUN true": "nobody-at-all",
    BASE + "COPY ../x /": "x",
    BASE + "ADD --checksum=sha256:00 plain /": "checksum requires HTTP(S) or Git sources",
    BASE + "ADD --checksum=sha256:00 https://a/b https://a/c /": "checksum can't be specified for multiple sources",
}


@pytest.mark.parametrize("text", FAILING)
def test_it_is_refused(engine: Skerry, context: Path, text: str) -> None:
    done = build(engine, context, text + "\n", "--pull=never", check=False)
    assert done.code != 0
    assert FAILING[text] in done.stderr
    assert "Traceback" not in done.stderr


def test_platforms_side_by_side_in_a_tar(engine: Skerry, context: Path) -> None:
    text = "FROM scratch AS for-arm\nCOPY plain a\nFROM scratch AS for-s390x\nCOPY plain s\nFROM for-$TARGETARCH\n"
    build(engine, context, text, "--platform=linux/arm,linux/s390x", "-o", f"type=tar,dest={context}/out.tar")
    with tarfile.open(context / "out.tar") as tar:
        assert {"linux_arm_v7/a", "linux_s390x/s"} <= set(tar.getnames())


def test_an_argument_before_from_is_the_time_of_the_image(engine: Skerry, context: Path) -> None:
    done = build(engine, context, "ARG SOURCE_DATE_EPOCH=60\nFROM scratch\nCOPY plain /\n")
    assert json.loads(engine("image", "inspect", done.lines[-1]).stdout)[0]["Created"].startswith("1970-01-01T00:01:00")


def test_a_named_context_may_be_nothing(engine: Skerry, context: Path) -> None:
    build(engine, context, "FROM some\nCOPY plain /\n", "--build-context=some=docker-image://scratch", "--pull=never")


def test_secrets_of_the_outline_have_their_variables_values(engine: Skerry, context: Path) -> None:
    text = "FROM scratch\nARG X\nENV Y=2\nRUN --mount=type=secret,id=s$X$Y true\n"
    (context / "Containerfile").write_text(text)
    done = engine("build", "--call=outline,format=json", "--build-arg=X=1", context)
    assert [secret["name"] for secret in json.loads(done.stdout)["secrets"]] == ["s12"]


def test_ports(engine: Skerry, context: Path) -> None:
    text = "FROM scratch\nEXPOSE 0.0.0.0:1234-1235:3333-3334/tcp [::1]:81:81 ::1:82:82 ::::83 84/\n"
    ports = config(engine, build(engine, context, text))["ExposedPorts"]
    assert sorted(ports) == ["3333/tcp", "3334/tcp", "81/tcp", "82/tcp", "83/tcp", "84/tcp"]


def test_stages(engine: Skerry, context: Path) -> None:
    text = (
        "ARG tag=latest\nFROM localhost/busybox:${tag} AS One\nARG tag\nRUN echo $tag > /t\nWORKDIR /w\nRUN touch rel\n"
        'FROM one AS two\nRUN [ "$PWD" = /w ] && [ -f rel ] && [ "$tag" = latest ]\n'
        "FROM localhost/busybox\nCOPY --from=ONE w/rel /a\nCOPY --from=1 /t /b\n"
        'RUN --mount=from=two,source=/w,target=/m [ -f /m/rel ] && [ "$(cat /b)" = latest ]\n'
    )
    build(engine, context, text)
    build(engine, context, text, "--target", "Two")
    build(engine, context, text, "--target", "0")
    assert build(engine, context, text, "--target", "twoo", check=False).code != 0


def test_checks_of_a_containerfile_that_is_none(engine: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch AS Bad\nMAINTAINER me\nBADCMD\n")
    done = engine("build", "--call=check,format=json", context, check=False)
    found = json.loads(done.stdout)
    assert done.code != 0
    assert [warning["ruleName"] for warning in found["warnings"]] == ["StageNameCasing", "MaintainerDeprecated"]
    assert found["buildError"]["message"] == "dockerfile parse error on line 3: unknown instruction: BADCMD"
    assert found["buildError"]["location"]["ranges"][0]["start"]["line"] == 3
    done = engine("build", context, check=False)
    assert "StageNameCasing" in done.stderr
    assert "unknown instruction: BADCMD" in done.stderr


def test_a_check_looks_at_all_stages(engine: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch AS one\nCOPY $foo .\nFROM scratch\nCOPY $bar .\n")
    found = json.loads(engine("build", "--call=check,format=json", context, check=False).stdout)
    assert [warning["detail"][-6:] for warning in found["warnings"]] == ["'$foo'", "'$bar'"]


def test_a_proxy_is_seen_in_both_spellings(engine: Skerry, context: Path) -> None:
    text = BASE + 'RUN [ "$HTTP_PROXY $http_proxy $no_proxy" = "a:1 a:1 x" ]\n'
    build(engine, context, text, "--build-arg", "http_proxy=a:1", "--build-arg", "NO_PROXY=x")


def test_a_file_may_have_a_name_in_small_letters(engine: Skerry, context: Path) -> None:
    (context / "dockerfile").write_text(BASE)
    engine("build", "-q", context)


def test_the_config(engine: Skerry, context: Path) -> None:
    text = (
        BASE + 'ENV port=8080\nEXPOSE $port 9000-9002/udp\nLABEL a.b="x y" c=$port\nVOLUME ["/v", "/$port"]\n'
        "STOPSIGNAL SIGINT\nUSER 5\nHEALTHCHECK --interval=5s --timeout=3s --start-period=1s --retries=4 CMD test -f /x\n"
        'ONBUILD RUN echo $port\nSHELL ["/bin/sh", "-ec"]\nENTRYPOINT my entry\nCMD ["one", "$port"]\nWORKDIR /w\n'
    )
    found = config(engine, build(engine, context, text, "--format", "docker"))
    assert set(found["ExposedPorts"]) == {"8080/tcp", "9000/udp", "9001/udp", "9002/udp"}
    assert found["Labels"]["a.b"] == "x y"
    assert found["Labels"]["c"] == "8080"
    assert set(found["Volumes"]) == {"/v", "/8080"}
    assert (found["StopSignal"], found["User"], found["WorkingDir"]) == ("SIGINT", "5", "/w")
    assert found["Entrypoint"] == ["/bin/sh", "-ec", "my entry"]
    assert found["Cmd"] == ["one", "$port"]
    assert found["OnBuild"] == ["RUN echo $port"]
    assert found["Healthcheck"]["Test"] == ["CMD-SHELL", "test -f /x"]
    assert (found["Healthcheck"]["Interval"], found["Healthcheck"]["Retries"]) == (5 * 10**9, 4)


def test_onbuild_triggers_run_in_the_child(engine: Skerry, context: Path) -> None:
    build(
        engine, context, BASE + "ONBUILD COPY <<EOF /h\nhi\nEOF\nONBUILD RUN cp /h /done\n", "-t", "localhost/trigger",
        "--format", "docker",
    )  # fmt: skip
    found = config(engine, build(engine, context, 'FROM localhost/trigger\nRUN [ "$(cat /done)" = hi ]\n'))
    assert not found.get("OnBuild")


def test_secrets_are_seen_and_leave_nothing(engine: Skerry, context: Path) -> None:
    (context / "s").write_text("tell nobody")
    text = (
        BASE + 'RUN --mount=type=secret,id=s [ "$(cat /run/secrets/s)" = "$(printf \'tell %s\' nobody)" ]\n'
        'RUN --mount=type=secret,id=s,target=/x/y,mode=0444,uid=7 [ "$(stat -c %a:%u /x/y)" = 444:7 ]\n'
        'RUN --mount=type=secret,id=s,env=S [ "$S" = "$(printf \'tell %s\' nobody)" ]\nRUN [ ! -e /run/secrets/s ] && [ -z "$S" ]\n'
    )
    done = build(engine, context, text, "--secret", f"id=s,src={context}/s")
    assert "tell nobody" not in engine("image", "inspect", done.lines[-1]).stdout


def test_several_files_and_a_preprocessed_one(engine: Skerry, context: Path, tmp_path: Path) -> None:
    (context / "one").write_text(BASE + "RUN touch /one\n")
    (context / "two").write_text("RUN [ -f /one ]\n")
    engine("build", "-q", "-f", context / "one", "-f", context / "two", context)
    (context / "Containerfile.in").write_text(
        "#define NAME localhost/busybox\nFROM NAME\n#ifdef EXTRA\nRUN touch /extra\n#endif\n"
    )
    (context / "check").write_text("RUN [ -f /extra ]\n")
    engine("build", "-q", "--cpp-flag=-DEXTRA", "-f", context / "Containerfile.in", "-f", context / "check", context)


def test_checks_only(engine: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text(BASE.replace("\n", " as X\n") + "COPY $undefined /\nCMD a\n")
    done = engine("build", "--check", context, check=False)
    shown = done.stdout + done.stderr
    for rule in ("StageNameCasing", "FromAsCasing", "UndefinedVar", "JSONArgsRecommended"):
        assert rule in shown
    assert done.code != 0
    (context / "Containerfile").write_text(BASE + 'CMD ["a"]\n')
    assert engine("build", "--check", context, check=False).code == 0


def test_arguments_that_are_for_the_builder(engine: Skerry, context: Path) -> None:
    cache = "RUN --mount=type=cache,id=ns,target=/c "
    text = BASE + f"RUN [ $(hostname) = testhost ] && grep testhost /etc/hosts\n{cache}touch /c/one; [ ! -e /c/two ]\n"
    flags = ("--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=testhost", "--build-arg", "BUILDKIT_SYNTAX=x/y")
    done = build(engine, context, text, *flags, "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=a")
    assert "not consumed" not in done.stderr
    build(
        engine, context, BASE + f"{cache}[ ! -e /c/one ] && touch /c/two\n", "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=b"
    )


def test_metadata_of_a_check_and_what_buildxs_variables_leave_out(engine: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch AS Bad\nCOPY plain /\n")
    note = context / "note.json"
    engine("build", "--call=check", "--metadata-file", note, context, check=False)
    assert [warning["ruleName"] for warning in json.loads(note.read_text())["result.json"]["warnings"]] == [
        "StageNameCasing"
    ]
    for value in ("", "false"):
        env = {"BUILDX_METADATA_PROVENANCE": value, "BUILDX_METADATA_WARNINGS": value}
        engine("build", "--provenance", "false", "--metadata-file", note, context, env=env)
        found = json.loads(note.read_text())
        assert ("buildx.build.provenance" in found) == ("buildx.build.warnings" in found) == (not value)


@pytest.mark.parametrize("flag", ["--build-arg", "--label"])
def test_a_value_without_a_name(engine: Skerry, context: Path, flag: str) -> None:
    done = build(engine, context, "FROM scratch\n", flag, "=x", check=False)
    assert 'invalid key-value pair "=x": empty key' in done.stderr
