"""What mounts, remote sources and the runtime do in a build when things are missing, empty or elsewhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.support import containerfile
from tests.support.command import Skerry

BASE = "FROM localhost/busybox\n"


def write(folder: Path, text: str) -> Path:
    containerfile.write(folder, text)
    return folder


def test_a_secret_that_is_required_is_missed_whatever_is_cached(engine: Skerry, tmp_path: Path) -> None:
    mount = "RUN --mount=type=secret,id=token{} test -e /run/secrets/token || true\n"
    engine("build", write(tmp_path, BASE + mount.format("")))
    done = engine("build", write(tmp_path, BASE + mount.format(",required")), check=False)
    assert done.code == 125
    assert 'secret required but no secret with id "token" found' in done.stderr


def test_a_cache_mount_begins_as_what_it_is_from_each_time_that_changes(engine: Skerry, tmp_path: Path) -> None:
    text = BASE.strip() + " AS seed\nRUN echo {0} > /word\n" + BASE
    text += (
        "RUN --mount=type=cache,id=seeded,from=seed,target=/c grep {0} /c/word && echo >> /c/more && wc -l < /c/more\n"
    )
    for word, lines in (("one", "1"), ("two", "1"), ("one", "2")):
        done = engine("build", "--no-cache-filter=1", write(tmp_path, text.format(word)))
        assert f"[2/2] STEP 2/2: …\n{lines}\n" in done.stdout or f"\n{lines}\n" in done.stdout


def test_from_nothing_is_refused_and_a_source_cannot_leave_a_context(engine: Skerry, tmp_path: Path) -> None:
    done = engine("build", write(tmp_path, BASE + "RUN --mount=from=,target=/m true\n"), check=False)
    assert done.code == 125
    assert "'from' points to an empty value" in done.stderr
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "inside").touch()
    write(tmp_path, BASE + "RUN --mount=type=cache,from=near,source=../,target=/m ls /m\n")
    done = engine("build", "--build-context", f"near={tmp_path}/near", tmp_path)
    assert "inside" in done.lines
    done = engine("build", write(tmp_path, BASE + "COPY ../up /\n"), check=False)
    assert "possible escaping context directory error" in done.stderr


@pytest.mark.parametrize("kind", ["bind", "cache"])
def test_a_propagation_that_is_none(engine: Skerry, tmp_path: Path, kind: str) -> None:
    mount = f"RUN --mount=type={kind},target=/m,bind-propagation=suid true\n"
    done = engine("build", write(tmp_path, BASE + mount), check=False)
    assert (done.code, 'invalid mount option "bind-propagation=suid"' in done.stderr) == (125, True)


def test_a_containerfile_that_links_out_of_its_context(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE)
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").symlink_to("../Containerfile.not")
    (tmp_path / "context" / "Dockerfile").symlink_to(tmp_path / "Containerfile")
    done = engine("build", tmp_path / "context", check=False)
    assert done.code == 125
    assert "cannot find Containerfile or Dockerfile in context directory" in done.stderr
    (tmp_path / "context" / "real").write_text(BASE)
    (tmp_path / "context" / "Dockerfile").unlink()
    (tmp_path / "context" / "Dockerfile").symlink_to("/real")
    engine("build", tmp_path / "context")


def test_a_server_that_is_not_there_is_tried_again(engine: Skerry, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    write(tmp_path, f"FROM scratch\nADD http://127.0.0.1:{port}/x /\n")
    done = engine("build", "--retry=2", "--retry-delay=0.142857s", tmp_path, check=False)
    assert done.code == 125
    assert "Failed, retrying in 142.857ms ... (2/2)" in done.stderr
    assert f"dial tcp 127.0.0.1:{port}: connect: connection refused" in done.stderr.splitlines()[-1]
    write(tmp_path, "FROM scratch\nADD http://example.invalid/x /\n")
    env = {**os.environ, "http_proxy": f"http://127.0.0.1:{port}"}
    done = engine("build", "--retry=0", tmp_path, check=False, env=env)
    assert f"proxyconnect tcp: dial tcp 127.0.0.1:{port}: connect: connection refused" in done.stderr


def test_what_the_runtime_says_of_itself(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN echo hello\n")
    done = engine("build", "--runtime-flag", "nosuchflag", tmp_path, check=False)
    assert done.code == 1  # not the runtime's own 64, which the program could have had
    assert "nosuchflag" in done.stderr
    done = engine("build", "-q", "--runtime=crun", "--runtime-flag=debug", "--network=container", tmp_path)
    assert len(done.id) == 64


def test_isolation_by_chroot_keeps_the_hosts_processes_whatever_is_asked_for(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN readlink /proc/self/ns/pid\n")
    done = engine("build", "--isolation=chroot", "--pid=private", tmp_path)
    assert os.readlink("/proc/self/ns/pid") in done.lines
    env = {"BUILDAH_ISOLATION": "chroot"}
    assert os.readlink("/proc/self/ns/pid") in engine("build", "--no-cache", tmp_path, env=env).lines
    done = engine("build", "--isolation=oci", "--no-cache", tmp_path, env=env)
    assert os.readlink("/proc/self/ns/pid") not in done.lines
    assert engine("build", tmp_path, env={"BUILDAH_ISOLATION": "jail"}, check=False).code == 125


def test_an_archive_of_the_context_is_a_base_and_a_stage_waits_for_others(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    engine("save", "--format", "oci-archive", "-o", tmp_path / "in" / "base.tar", "localhost/busybox")
    for place in ("in/base.tar", "/in/base.tar", "./in/base.tar"):
        done = engine("build", write(tmp_path, f"FROM oci-archive:{place}\nRUN true\n"))
        assert "level=warning" not in done.stderr
    last = "FROM --after=${WHICH} localhost/busybox\n"
    write(tmp_path, "ARG WHICH=first\n" + BASE.strip() + " AS first\nRUN echo ran $((6 * 7))\n" + last)
    assert "ran 42" in engine("build", "--jobs=2", tmp_path).lines
    for name, said in (("self", "cannot depend on later stage"), ("later", 'stage "later" not found')):
        text = f"FROM --after={name} scratch AS self\nFROM scratch AS later\n"
        done = engine("build", write(tmp_path, text), check=False)
        assert (done.code, f"FROM --after={name}: {said}" in done.stderr) == (125, True)


def test_other_annotations_make_another_image(engine: Skerry, tmp_path: Path) -> None:
    write(tmp_path, BASE + "RUN true\n")
    engine("build", "-t", "one", "--annotation", "a=1", tmp_path)
    engine("build", "-t", "two", "--annotation", "a=2", tmp_path)
    shown = [engine("image", "inspect", "-f", "{{.Annotations.a}}", name).id for name in ("one", "two")]
    assert shown == ["1", "2"]


def test_a_linked_layer_is_the_same_whenever_it_is_made(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    write(tmp_path, BASE + "COPY --link f /deep/down/\nADD --link f /other/\n")
    layers = []
    for _ in range(2):
        engine("build", "--no-cache", "-t", "linked", tmp_path)
        layers.append(engine("image", "inspect", "-f", "{{.RootFS.Layers}}", "linked").stdout)
    assert layers[0] == layers[1]


def test_the_id_without_its_algorithm_by_the_flags_other_name(engine: Skerry, tmp_path: Path) -> None:
    done = engine("build", "--raw-iidfile", tmp_path / "id", write(tmp_path, BASE + "RUN true\n"))
    assert (tmp_path / "id").read_text() == done.lines[-1]


def test_a_folder_of_which_nothing_is_left_is_not_there(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other").touch()
    (tmp_path / ".dockerignore").write_text("*\nsub\n!*/wanted*\n")
    write(tmp_path, "FROM scratch\nCOPY sub /\n")
    done = engine("build", tmp_path, check=False)
    assert (done.code, "1 filtered out using" in done.stderr) == (125, True)
    (tmp_path / "sub" / "wanted.txt").touch()
    engine("build", tmp_path)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--ulimit", "abc"), 'ulimit option "abc" requires name=SOFT:HARD'),
        (("--cap-add", "nocap"), '"CAP_NOCAP": unknown capability'),
        (("--device", "/dev/nosuch"), "stat /dev/nosuch: no such file or directory"),
        (("--runtime", "idonotexist"), '"idonotexist" not found'),
    ],
)
def test_what_no_step_could_run_with_is_told_though_all_are_cached(
    engine: Skerry, tmp_path: Path, flags: tuple[str, str], said: str
) -> None:
    engine("build", write(tmp_path, BASE + "RUN true\n"))
    done = engine("build", *flags, tmp_path, check=False)
    assert (done.code, said in done.stderr) == (125, True)


def test_a_program_that_is_not_there_is_podmans_one(engine: Skerry, tmp_path: Path) -> None:
    for words in ('["nosuchprogram"]', '["/etc"]'):
        assert engine("build", write(tmp_path, BASE + f"RUN {words}\n"), check=False).code == 1
    assert engine("build", write(tmp_path, BASE + "RUN nosuchprogram\n"), check=False).code == 127  # the shell's


@pytest.mark.parametrize(("flag", "layers", "steps"), [("--squash", 2, 4), ("--squash-all", 1, 3)])
def test_the_steps_of_a_squashed_image_stay_in_its_history(
    engine: Skerry, tmp_path: Path, flag: str, layers: int, steps: int
) -> None:
    engine("build", flag, "-t", "flat", write(tmp_path, BASE + "RUN touch /a\nRUN touch /b\nENV C=1\n"))
    assert len(engine("image", "inspect", "-f", "{{.RootFS.Layers}}", "flat").stdout.split()) == layers
    history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", "flat").lines
    assert len(history) == steps
    assert history[:3] == ["/bin/sh -c #(nop) ENV C=1", "/bin/sh -c touch /b", "/bin/sh -c touch /a"]
    engine("save", "--format", "oci-archive", "-o", tmp_path / "flat.tar", "flat")
    engine("load", "-i", tmp_path / "flat.tar")
    engine("build", flag, "-t", "bare", write(tmp_path, BASE + "ENV C=1\n"))
