"""What Podman's system tests of ``build`` (070-build) expect, by the command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.command import Skerry
from tests.support.containerfile import write

BASE = "FROM localhost/busybox\n"


def test_a_containerfile_on_standard_input(engine: Skerry, tmp_path: Path) -> None:
    for arguments in (["-"], ["-f", "-", str(tmp_path)]):
        done = engine(
            "build", "-t", "build_test", *arguments, input=BASE + "RUN mkdir /w\nWORKDIR /w\nRUN /bin/echo said\n"
        )
        shown = done.stdout + done.stderr
        assert "COMMIT" in shown
        assert "RUN /bin/echo said" in shown
        assert engine("run", "--rm", "build_test", "pwd").lines == ["/w"]


def test_it_leaves_standard_input_alone(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN cat; echo x2y\n")
    read, there = os.pipe()
    os.write(there, b"for the next one")
    os.close(there)
    with open(read, "rb") as stdin:
        done = subprocess.run([*engine.argv, "build", str(tmp_path)], stdin=stdin, capture_output=True, check=True)
        assert stdin.read() == b"for the next one"
    assert b"x2y" in done.stdout + done.stderr
    last = done.stdout.decode().splitlines()[-1]
    assert len(last) == 64
    assert int(last, 16)


IGNORE = "# comment\ntest*\n!test2*\nsubdir\n!*/sub1*\n"


@pytest.mark.parametrize("name", ["ignoreme", ".dockerignore", ".containerignore", "Containerfile.dockerignore"])
def test_copy_with_ignore(engine: Skerry, tmp_path: Path, name: str) -> None:
    (tmp_path / "subdir").mkdir()
    gone = ["test1", "test1.txt", "subdir/sub2", "subdir/sub2.txt"]
    there = ["test2", "test2.txt", "subdir/sub1", "subdir/sub1.txt", "not-matched", "comment"]
    for file in gone + there:
        (tmp_path / file).write_text(file)
    write(tmp_path, BASE + "COPY ./ /new/\n")
    write(tmp_path, IGNORE, name)
    flags = ["--ignorefile", str(tmp_path / name)] if name == "ignoreme" else []
    engine("build", "-t", "build_test", *flags, tmp_path)
    found = engine("run", "--rm", "build_test", "find", "/new", "-type", "f").lines
    assert {f"/new/{file}" for file in there} <= set(found)
    assert not {f"/new/{file}" for file in gone} & set(found)


def test_an_archive_that_changed_is_not_cached(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    write(tmp_path, BASE + "ADD my.tar.xz /\n")
    for name in ("one", "two"):
        (tmp_path / "t" / name).write_text(name)
        subprocess.run(["tar", "-C", str(tmp_path), "-cJf", str(tmp_path / "my.tar.xz"), "t"], check=True)
        engine("build", "-t", "build_test", tmp_path)
        assert engine("run", "--rm", "build_test", "cat", f"/t/{name}").stdout == name


def test_copy_takes_no_url(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "COPY https://127.0.0.1:1/x /tmp/\n")
    done = engine("build", tmp_path, check=False)
    assert done.code == 125
    assert "source can't be a URL for COPY" in done.stderr


def test_workdir_cmd_env_label(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, '#!/bin/sh\npwd\necho "$1"\necho "$MYENV1"; echo "$MYENV2"\n', "mycmd")
    write(
        tmp_path,
        BASE + "ARG explicit\nARG implicit\nLABEL l1=value\nWORKDIR /random\nRUN mkdir -p /a/b/c && ln -s /no/such /a/b/c/bad\n"
        "RUN chown -h 1:2 /a/b/c/bad\nVOLUME /a/b/c\nENV MYENV1=one\nENV MYENV2 two words\nADD mycmd /bin/mydefault\n"
        "RUN chmod 755 /bin/mydefault && chown 2:3 /bin/mydefault\nRUN echo explicit=$explicit,implicit=$implicit\n"
        'CMD ["/bin/mydefault","echoed"]\nRUN cat /etc/resolv.conf\n',
    )  # fmt: skip
    done = engine(
        "build", "--build-arg", "explicit=ex", "--build-arg", "implicit", "--dns-search", "nosuch.example", "-t", "build_test",
        tmp_path, env={"implicit": "im", "explicit": "overridden"},
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert "explicit=ex,implicit=im" in shown
    assert "search nosuch.example" in shown
    assert engine("run", "--rm", "build_test").lines == ["/random", "echoed", "one", "two words"]
    assert engine("run", "--rm", "build_test", "stat", "-c", "%u:%g:%N", "/a/b/c/bad").lines == [
        "1:2:'/a/b/c/bad' -> '/no/such'"
    ]
    config = json.loads(engine("image", "inspect", "build_test").stdout)[0]["Config"]
    assert config["Env"][-2:] == ["MYENV1=one", "MYENV2=two words"]
    assert config["Cmd"] == ["/bin/mydefault", "echoed"]
    assert (config["WorkingDir"], config["Labels"]["l1"]) == ("/random", "value")


def test_layers(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN echo layers-test\n")
    cached = []
    for flags, env in (
        ([], {}), ([], {}), (["--layers=true"], {}), (["--layers=false"], {}), ([], {"BUILDAH_LAYERS": "false"}),
        (["--layers=1"], {"BUILDAH_LAYERS": "false"}), (["--layers=false"], {"BUILDAH_LAYERS": "1"}),
    ):  # fmt: skip
        done = engine("build", *flags, tmp_path, env=env)
        cached.append("Using cache" in done.stdout + done.stderr)
    assert cached == [False, True, True, False, False, True, False]


def test_hardlinks_stay(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = write(tmp_path, BASE + "COPY . /test\n")
    os.link(file, tmp_path / "one")
    os.link(file, tmp_path / "sub/two")
    engine("build", "-t", "build_test", tmp_path)
    found = engine("run", "--rm", "build_test", "stat", "-c", "%i", "/test/Containerfile", "/test/one", "/test/sub/two")
    assert len(set(found.lines)) == 1


def test_which_containerfile(engine: Skerry, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    write(context, "FROM scratch\ncopy . /tmp\n", "Containerfile1")
    second = write(tmp_path, BASE, "Containerfile2")
    engine("build", "-f", "Containerfile1", context)
    done = engine("build", "-f", "Containerfile2-x", context, check=False)
    assert done.code == 125
    assert "Containerfile2-x: no such file or directory" in done.stderr
    engine("build", "-f", context / "Containerfile1", context)
    engine("build", "-f", second, context)
    engine("build", "-f", context / "Containerfile1", "-f", second, context)
    assert "no contents in" in engine("build", "-f", write(tmp_path, "", "empty"), context, check=False).stderr


def test_what_is_not_here_is_said(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, "FROM quay.io/libpod/nosuchimage:nosuchtag\nRUN echo x\n")
    done = engine("build", "--pull-never", tmp_path, check=False)
    assert done.code == 125
    assert "quay.io/libpod/nosuchimage:nosuchtag: image not known" in done.stderr
    done = engine("build", "--authfile=/tmp/bogus-likep", "-", input="from scratch\n", check=False)
    assert done.code == 125
    assert "/tmp/bogus-likep: no such file or directory" in done.stderr


def test_seccomp_and_ulimits(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN sed -n 's/Seccomp:/is&/p' /proc/self/status; grep 'Max open files' /proc/self/limits\n")
    done = engine("build", "--no-cache", "--ulimit", "nofile=101:102", tmp_path)
    words = (done.stdout + done.stderr).split()
    assert words[words.index("isSeccomp:") + 1] == "2"
    assert words[words.index("open") + 2 :][:2] == ["101", "102"] or {"101", "102"} <= set(words)
    done = engine("build", "--no-cache", "--security-opt", "seccomp=unconfined", tmp_path)
    words = (done.stdout + done.stderr).split()
    assert words[words.index("isSeccomp:") + 1] == "0"


def test_logfile(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    engine("build", "--format=docker", f"--logfile={tmp_path}/log", tmp_path)
    assert "COMMIT" in (tmp_path / "log").read_text()


def test_a_step_that_ran_under_other_confinement_is_no_cache(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM busybox\nRUN grep Seccomp: /proc/self/status\n")
    assert "Seccomp:\t2" in engine("build", tmp_path).stdout
    assert "Seccomp:\t0" in engine("build", "--security-opt", "seccomp=unconfined", tmp_path).stdout
    assert "Using cache" in engine("build", "--security-opt", "seccomp=unconfined", tmp_path).stdout
    assert "Using cache" in engine("build", tmp_path).stdout
