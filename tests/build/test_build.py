"""Builds end to end: what is built, what is taken from the cache, and why not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.build.conftest import Build
from tests.support.command import Skerry

from skerry.build.errors import BuildSyntaxError, RunFailed
from skerry.engine.system.host import architecture
from skerry.errors import SkerryError

BASE = "FROM localhost/busybox\n"


def look(skerry: Skerry, image: str, script: str) -> list[str]:
    return skerry("run", "--rm", "--network", "none", image, "sh", "-c", script).lines


def test_run_copy_and_config_make_an_image(build_in: Build, skerry: Skerry) -> None:
    built = build_in(
        BASE + 'WORKDIR /srv\nENV A=1 B="$A x"\nCOPY a.txt .\nRUN cat a.txt > b.txt\nLABEL l=v\nEXPOSE 80\nCMD ["cat", "b.txt"]\n',
        {"a.txt": "hello\n"}, tags=["made"],
    )  # fmt: skip
    assert built.result.names == ["localhost/made:latest"]
    assert skerry("run", "--rm", "made").stdout == "hello\n"
    shown = skerry(
        "image",
        "inspect",
        "-f",
        "{{.Config.Env}} {{.Config.Labels}} {{.Config.ExposedPorts}} {{.Config.WorkingDir}}",
        "made",
    )
    assert "B= x" in shown.stdout
    assert "map[l:v]" in shown.stdout
    assert "/srv" in shown.stdout


def test_the_same_again_is_the_same_image_and_does_nothing(build_in: Build, tmp_path: Path) -> None:
    text = BASE + "RUN echo x > /x\nCOPY f /f\nWORKDIR /w\nENV Q=1\n"
    context = tmp_path / "c"
    context.mkdir()
    first = build_in(text, {"f": "1"}, context=context)
    again = build_in(text, {"f": "1"}, context=context)
    assert first.cached == [False] * 3
    assert again.cached == [True] * 3
    assert again.id == first.id


def test_each_step_that_runs_says_why(build_in: Build, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    text = BASE + "ARG V=1\nCOPY requirements.txt /r\nRUN echo $V\n"
    build_in(text, {"requirements.txt": "flask==2\n"}, context=context)
    changed = build_in(text, {"requirements.txt": "flask==2\nrequests==2.32\n"}, context=context)
    reason = changed.steps["COPY requirements.txt /r"].reason
    assert reason
    assert reason.text == "requirements.txt changed: +requests==2.32"
    run = changed.steps["RUN echo $V"].reason
    assert run
    assert run.text == "a step before it changed"
    other = build_in(text, context=context, build_args={"V": "2"})
    assert other.cached == [True, False]
    why = other.steps["RUN echo $V"].reason
    assert why
    assert why.text == "ARG V changed: 1 → 2"
    instruction = build_in(text.replace("echo $V", "echo no"), context=context).steps["RUN echo no"].reason
    assert instruction
    assert instruction.text.startswith("the instruction changed: RUN /bin/sh -c echo $V → ")
    inserted = build_in(text.replace("COPY", "RUN true\nCOPY"), context=context)
    moved = inserted.steps["COPY requirements.txt /r"].reason
    assert inserted.cached == [False, True, True] or (moved and moved.text == "a step before it changed")


def test_times_of_files_do_not_count_but_modes_do(build_in: Build, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    text = BASE + "COPY d /d\n"
    build_in(text, {"d/f": "1"}, context=context)
    os.utime(context / "d/f", (1, 1))
    assert build_in(text, context=context).cached == [True]
    (context / "d/f").chmod(0o600)
    assert build_in(text, context=context).cached == [False]
    (context / "d/f").chmod(0o644)
    assert build_in(text, context=context).cached == [True]


def test_stages_that_the_target_does_not_need_are_not_built(build_in: Build) -> None:
    text = "FROM localhost/busybox AS a\nRUN echo a\nFROM localhost/busybox AS b\nRUN exit 1\nFROM a AS c\nRUN echo c\n"
    assert build_in(text).cached == [False, False]
    with pytest.raises(RunFailed, match="exit status 1"):
        build_in(text, target="b")
    with pytest.raises(SkerryError, match='target stage "nope" could not be found'):
        build_in(text, target="nope")


def test_files_of_stages_images_and_numbers(build_in: Build, skerry: Skerry) -> None:
    text = (
        "FROM localhost/busybox AS one\nRUN echo 1 >/one && chown 3:4 /one && chmod 4755 /one\n"
        "FROM scratch AS two\nCOPY --from=one /one /one\n"
        "FROM localhost/busybox\nCOPY --from=two /one /a/\nCOPY --from=0 /one /b\nCOPY --from=localhost/busybox /etc/passwd /c\n"
    )
    image = build_in(text).id
    assert look(skerry, image, "stat -c '%u:%g %a %s' /a/one /b; test -s /c && echo c") == [
        "3:4 4755 2",
        "3:4 4755 2",
        "c",
    ]


@pytest.mark.parametrize(
    ("copy", "look_at", "seen"),
    [
        ("COPY a.txt /etc", "cat /etc/a.txt", ["a"]),
        ("COPY a.txt b.txt /n/", "ls /n", ["a.txt", "b.txt"]),
        ("COPY d /n", "find /n | sort", ["/n", "/n/sub", "/n/sub/y", "/n/x"]),
        ("COPY *.txt /n/", "ls /n", ["a.txt", "b.txt"]),
        ("COPY --chown=5:6 --chmod=u=rw,go= a.txt /n", "stat -c '%u:%g %a' /n", ["5:6 600"]),
        ("COPY --chown=nobody a.txt /n/m/", "stat -c %U /n /n/m /n/m/a.txt", ["nobody", "nobody", "nobody"]),
        ("COPY --exclude=*.txt . /n/", "ls /n", ["Containerfile", "d"]),
        ("COPY --parents d/sub/y a.txt /n/", "find /n -type f | sort", ["/n/a.txt", "/n/d/sub/y"]),
        ("COPY --parents ./d/./sub/y /n/", "find /n -type f", ["/n/sub/y"]),
        ("COPY --parents d/**/y /n/", "find /n -type f", ["/n/d/sub/y"]),
        ("COPY --parents d/./** /n/", "find /n -type f | sort", ["/n/sub/y", "/n/x"]),
        ("COPY --parents --chown=7 d/sub /n/", "stat -c '%u %a' /n/d /n/d/sub", ["7 755", "7 700"]),
        ("COPY <<EOF /n\nv=$V\nEOF", "cat /n", ["v=val"]),
        ("COPY <<'EOF' /n\nv=$V\nEOF", "cat /n", ["v=$V"]),
        ("COPY <<a <<b /n/\n1\na\n2\nb", "cat /n/a /n/b", ["1", "2"]),
        ("RUN <<EOF\necho one > /n\necho two >> /n\nEOF", "cat /n", ["one", "two"]),
        ("RUN <<EOF\n#!/bin/cat\nx\nEOF\nRUN touch /n", "ls /n", ["/n"]),
        ("RUN ln -s /etc /lnk\nCOPY a.txt /lnk/", "cat /etc/a.txt", ["a"]),
        ("RUN ln -s /etc /lnk\nCOPY --link a.txt /lnk/", "ls -d /lnk/*", ["/lnk/a.txt"]),
        ("ADD t.tar.gz /n/", "find /n -type f", ["/n/in"]),
        ("ADD --unpack=false t.tar.gz /n/", "ls /n", ["t.tar.gz"]),
        ("COPY t.tar.gz /n/", "ls /n", ["t.tar.gz"]),
    ],
)  # fmt: skip
def test_copies(build_in: Build, skerry: Skerry, tmp_path: Path, copy: str, look_at: str, seen: list[str]) -> None:
    context = tmp_path / "c"
    files = {"a.txt": "a\n", "b.txt": "b\n", "d/x": "x", "d/sub/y": "y"}
    (context / "d" / "sub").mkdir(parents=True, mode=0o700)
    (context / "d" / "sub").chmod(0o700)
    if "t.tar" in copy:
        import subprocess

        (context / "in").write_text("in")
        subprocess.run(["tar", "-C", context, "-czf", context / "t.tar.gz", "in"], check=True)
    image = build_in(f"{BASE}ARG V=val\n{copy}\n", files, context=context).id
    assert look(skerry, image, look_at) == seen


def test_a_linked_copy_is_moved_to_another_base_without_being_made_anew(
    build_in: Build, skerry: Skerry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skerry.build import copy_step

    context = tmp_path / "c"
    context.mkdir()
    text = BASE + "RUN echo 1 > /1\nCOPY --link --chown=3:4 d /d\n"
    first = build_in(text, {"d/f": "f\n"}, context=context)
    monkeypatch.setattr(copy_step, "carry_out", None)
    other = build_in(text.replace("echo 1", "echo 2"), context=context)
    look_at = "cat /1 /d/f; stat -c '%u:%g' /d/f"
    assert look(skerry, first.id, look_at) == ["1", "f", "3:4"]
    assert look(skerry, other.id, look_at) == ["2", "f", "3:4"]


def test_the_ignore_file_hides_files_from_copy_and_from_binds(build_in: Build, skerry: Skerry) -> None:
    files = {".dockerignore": "*.key\n!ok.key\nd\n", "a.key": "no", "ok.key": "yes", "d/x": "x", "f": "f"}
    text = BASE + "COPY . /n/\nRUN --mount=type=bind,target=/m ls -A /m > /seen\n"
    assert look(skerry, build_in(text, files).id, "ls -A /n; echo; cat /seen") == [
        ".dockerignore", "Containerfile", "f", "ok.key", "", ".dockerignore", "Containerfile", "f", "ok.key",
    ]  # fmt: skip
    with pytest.raises(SkerryError, match=r'"/a\.key": not found'):
        build_in(BASE + "COPY a.key /\n", files)


def test_links_of_a_context_lead_nowhere_outside(build_in: Build, skerry: Skerry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (tmp_path / "secret").write_text("secret")
    (context / "out").symlink_to("../secret")
    (context / "up").symlink_to("..")
    for copy in ("COPY out /n", "COPY up/secret /n", "COPY ../secret /n"):
        with pytest.raises(SkerryError, match="not found"):
            build_in(BASE + copy + "\n", context=context)


def test_mounts_of_run(build_in: Build, skerry: Skerry, tmp_path: Path) -> None:
    from skerry.build.options import Secret

    (tmp_path / "token").write_text("s3cret")
    text = BASE + (
        "RUN --mount=type=cache,target=/c echo one >> /c/log; wc -l < /c/log\n"
        "RUN --mount=type=tmpfs,target=/t touch /t/x\n"
        "RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c\n"
        'RUN --mount=type=secret,id=token,env=TOKEN,target=/tok test "$TOKEN" = "$(cat /tok)"\n'
        "RUN --mount=type=bind,source=f,target=/f cat /f > /got\n"
        "RUN --mount=type=bind,target=/ctx,rw echo changed > /ctx/f\n"
        "RUN --mount=from=localhost/busybox,target=/bb ls /bb/bin/busybox\n"
        "RUN --mount=type=secret,id=none echo optional\n"
    )
    context = tmp_path / "c"
    context.mkdir()
    secrets = {"token": Secret("token", str(tmp_path / "token"))}
    built = build_in(text, {"f": "file\n"}, context=context, secrets=secrets)
    assert built.output.split()[:2] == ["1", "6"]
    assert (context / "f").read_text() == "file\n"
    assert look(skerry, built.id, "cat /got; ls -A /c /t; ls /run/secrets /tok 2>&1 | wc -l")[0] == "file"
    everything = (
        skerry("save", "--format", "docker-archive", built.id).raw + skerry("history", "--no-trunc", built.id).raw
    )
    assert b"s3cret" not in everything
    second = build_in(text.replace("wc -l", "cat /c/log; wc -l"), {"f": "file\n"}, context=context, secrets=secrets)
    assert second.output.split()[:3] == ["one", "one", "2"]
    with pytest.raises(SkerryError, match="secret none: not found"):
        build_in(BASE + "RUN --mount=type=secret,id=none,required true\n")


def test_arguments_have_their_scopes(build_in: Build) -> None:
    text = (
        "ARG IMAGE=nope\nARG X=global\nFROM ${IMAGE}\nRUN echo [$X]\nARG X\nRUN echo [$X]\nARG Y=${X}-y\nRUN echo [$Y]\n"
        "ENV X=env\nRUN echo [$X]\nARG TARGETARCH\nRUN echo [$TARGETARCH]\nFROM ${IMAGE}\nRUN echo [$Y]\n"
    )
    built = build_in(text, build_args={"IMAGE": "localhost/busybox", "UNUSED": "1"}, skip_unused_stages=False, jobs=1)
    lines = built.output.split()
    assert sorted(lines) == sorted(
        ["[]", "[global]", "[global-y]", "[env]", f"[{architecture(os.uname().machine)}]", "[]"]
    )
    assert built.warnings == ["one or more build args were not consumed: [UNUSED]"]


def test_proxies_reach_run_and_nothing_else(build_in: Build, skerry: Skerry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy:1")
    text = BASE + "RUN echo $HTTPS_PROXY\n"
    built = build_in(text)
    assert built.output == "http://user:pass@proxy:1\n"
    assert "proxy" not in skerry("image", "inspect", built.id).stdout + skerry("history", "--no-trunc", built.id).stdout
    monkeypatch.setenv("HTTPS_PROXY", "http://other:1")
    assert build_in(text).cached == [True]


def test_onbuild_runs_in_the_next_build_only(build_in: Build, skerry: Skerry) -> None:
    build_in(BASE + "ONBUILD COPY f /f\nONBUILD RUN echo on > /on\n", tags=["parent"], format="docker")
    child = build_in("FROM localhost/parent\n", {"f": "f\n"}, tags=["child"], format="docker")
    assert look(skerry, child.id, "cat /f /on") == ["f", "on"]
    assert build_in("FROM localhost/child\n", format="docker").cached == []


def test_entrypoint_forgets_the_bases_command(build_in: Build, skerry: Skerry) -> None:
    build_in(BASE + 'CMD ["base"]\n', tags=["parent"])

    def config(image: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(skerry("image", "inspect", image).stdout)[0]["Config"]
        return found

    assert not config(build_in('FROM localhost/parent\nENTRYPOINT ["e"]\n').id).get("Cmd")
    second = config(build_in('FROM localhost/parent\nCMD ["own"]\nENTRYPOINT ["e"]\n').id)
    assert (second["Cmd"], second["Entrypoint"]) == (["own"], ["e"])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("FROM localhost/busybox\nRUNN x\n", 2, "unknown instruction: RUNN"),
        ("FROM localhost/busybox\nCOPY a\n", 2, "COPY requires at least two arguments"),
        ("FROM localhost/busybox\nCOPY --form=x a b\n", 2, "unknown flag: --form"),
        ("RUN x\n", 1, "no build stage in current context"),
        ("FROM localhost/busybox\nRUN <<EOF\nx\n", 2, "unterminated heredoc"),
        ("FROM ${NOPE}\n", 1, "should not be blank"),
        ("FROM localhost/busybox AS x\nCOPY --from=x a b\n", 2, "circular dependency detected on stage: x"),
        ("FROM localhost/busybox\nENV ${A\n", 2, ""),
        ("FROM localhost/busybox\nRUN --mount=type=what,target=/x true\n", 2, "unsupported mount type"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place(build_in: Build, text: str, line: int, words: str) -> None:
    with pytest.raises(BuildSyntaxError) as caught:
        build_in(text)
    assert caught.value.line == line
    assert words in caught.value.message


def test_a_failing_run_says_its_code_and_ends_the_other_stages(build_in: Build) -> None:
    text = (
        "FROM localhost/busybox AS slow\nRUN sleep 30\nFROM localhost/busybox AS bad\nRUN echo before; exit 7\n"
        "FROM localhost/busybox\nCOPY --from=slow /etc/passwd /\nCOPY --from=bad /etc/passwd /\n"
    )
    with pytest.raises(RunFailed) as caught:
        build_in(text)
    assert caught.value.exit_code == 7
    assert caught.value.output == b"before\n"


def test_what_a_build_made_before_it_failed_is_kept(build_in: Build, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    with pytest.raises(RunFailed):
        build_in(BASE + "RUN echo 1 > /1\nRUN exit 1\n", context=context)
    assert build_in(BASE + "RUN echo 1 > /1\nRUN true\n", context=context).cached == [True, False]


def test_no_cache_and_filters(build_in: Build, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    text = "FROM localhost/busybox AS a\nRUN date +%N > /a\nFROM a AS b\nRUN echo b\n"
    build_in(text, context=context)
    assert build_in(text, context=context, no_cache=True).cached == [False, False]
    assert build_in(text, context=context, no_cache_filter=["b"]).cached == [True, False]


def test_reproducible_with_a_given_time(build_in: Build, skerry: Skerry) -> None:
    text = BASE + "COPY f /f\nRUN echo x > /x; mkdir /d; ln /x /y; rm /bin/arch\nWORKDIR /w\n"
    made = [
        build_in(text, {"f": "1"}, no_cache=True, **when)  # type: ignore[arg-type]
        for when in ({"source_date_epoch": 10**9}, {"build_args": {"SOURCE_DATE_EPOCH": "1000000000"}})
        for _ in range(2)
    ]
    assert len({(built.id, built.result.digest) for built in made}) == 1
    assert look(skerry, made[0].id, "stat -c %Y /f /x /d /w | sort -u; stat -c %h /x; ls /bin/arch 2>&1 | wc -l") == [
        "1000000000", "2", "1",
    ]  # fmt: skip
    other = [build_in(text, {"f": "1"}, no_cache=True, timestamp=1000000000).id for _ in range(2)]
    assert other[0] == other[1]


def test_another_time_leaves_the_cache_whole(build_in: Build, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    text = BASE + "RUN echo x > /x\n"
    first = build_in(text, context=context, source_date_epoch=10**9)
    other = build_in(text, context=context, source_date_epoch=10**9 + 1)
    assert other.cached == [True]
    assert other.id != first.id
    assert build_in(text, context=context, source_date_epoch=10**9).id == first.id


def test_squash_leaves_one_layer_above_the_base(build_in: Build, skerry: Skerry) -> None:
    text = BASE + "RUN echo 1 > /1\nRUN rm /1; echo 2 > /2\n"
    count = "{{len .RootFS.Layers}}"
    base = int(skerry("image", "inspect", "-f", count, "localhost/busybox").stdout)
    image = build_in(text, squash=True).id
    assert int(skerry("image", "inspect", "-f", count, image).stdout) == base + 1
    assert look(skerry, image, "ls /1 /2 2>/dev/null; true") == ["/2"]
    whole = build_in(text, squash_all=True).id
    assert skerry("image", "inspect", "-f", count, whole).stdout == "1\n"


def test_user_and_workdir(build_in: Build, skerry: Skerry) -> None:
    built = build_in(BASE + "USER nobody\nWORKDIR /w\nRUN id -un > who; pwd >> who\nUSER 0\nRUN id -u\n")
    assert look(skerry, built.id, "cat /w/who") == ["nobody", "/w"]
    assert built.output == "0\n"
