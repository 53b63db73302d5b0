"""``skerry build`` as typed: what it prints, its exit codes, outputs, caches in folders and registries."""

from __future__ import annotations

import json
import os
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry.server import Registry
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
BASE = "FROM localhost/busybox\n"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    found = Registry(tmp_path / "registry")
    yield found
    found.stop()


@pytest.fixture
def context(tmp_path: Path, busybox: str) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Containerfile").write_text(BASE + 'COPY f /f\nRUN cat /f\nCMD ["cat", "/f"]\n')
    (folder / "f").write_text("hello\n")
    return folder


def test_lines_as_podman_prints_them(skerry: Skerry, context: Path) -> None:
    lines = skerry("build", "-t", "app", context).lines
    assert lines[0] == "STEP 1/4: FROM localhost/busybox"
    assert lines[1] == "STEP 2/4: COPY f /f"
    assert "hello" in lines
    assert lines[-3:-1] == ["COMMIT app", "Successfully tagged localhost/app:latest"]
    assert len(lines[-1]) == 64
    again = skerry("build", "-t", "app", context).lines
    assert again[-1] == lines[-1]
    assert sum(line.startswith("--> Using cache") for line in again) == 2
    assert skerry("run", "--rm", "app").stdout == "hello\n"


def test_quiet_prints_the_id_alone(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    result = skerry(
        "build", "-q", "--iidfile", tmp_path / "id", "--metadata-file", tmp_path / "meta", "-t", "x:1", context
    )
    assert len(result.id) == 64
    assert (tmp_path / "id").read_text() == f"sha256:{result.id}"
    meta = json.loads((tmp_path / "meta").read_text())
    assert meta["containerimage.config.digest"] == f"sha256:{result.id}"
    assert meta["image.name"] == "localhost/x:1"


@pytest.mark.parametrize("word", ["build", "image build", "builder build", "buildx build"])
def test_its_other_names(skerry: Skerry, context: Path, word: str) -> None:
    assert len(skerry(*word.split(), "-q", context).id) == 64


def test_a_containerfile_or_a_context_on_standard_input(
    skerry: Skerry, busybox: str, tmp_path: Path, context: Path
) -> None:
    assert "hi" in skerry("build", "-", input=BASE + "RUN echo hi\n").lines
    assert "hello" in skerry("build", "-f", "-", context, input=BASE + "COPY f /\nRUN cat /f\n").lines
    archive = tmp_path / "c.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(context, ".")
    assert "hello" in skerry("build", "--no-cache", "-", input=archive.read_bytes()).lines


def test_a_failing_step_shows_its_lines_and_gives_its_code(skerry: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text(BASE + "ENV A=1\nRUN echo out; exit 7\nRUN true\n")
    result = skerry("build", context, check=False)
    assert result.code == 7
    assert "out" in result.lines
    assert "  > 3 | RUN echo out; exit 7" in result.stderr.splitlines()
    assert 'Error: building at STEP "RUN echo out; exit 7": while running runtime: exit status 7' in result.stderr


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("FROM localhost/busybox\nCOPY nope /\n", 125, 'building at STEP "COPY nope /": "/nope": not found'),
        ("FROM localhost/busybox\nRUNN x\n", 125, "Containerfile:2: unknown instruction: RUNN (did you mean RUN?)"),
        ("FROM localhost/none-such\n", 125, "none-such"),
        ("FROM localhost/busybox\nUSER nope\nRUN id\n", 125, "unable to find user nope"),
        ("FROM localhost/busybox\nRUN --mount=type=secret,id=x,required id\n", 125, "secret x: not found"),
        ("FROM --platform=linux/s390x localhost/busybox\nRUN id\n", 125, ""),
        ("\n", 125, 'no contents in "Containerfile"'),
    ],
)
def test_mistakes_are_told_in_one_line(skerry: Skerry, context: Path, text: str, code: int, words: str) -> None:
    (context / "Containerfile").write_text(text)
    result = skerry("build", "--pull=never", context, check=False)
    assert result.code == code
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert words in errors[0]


def test_explain_says_what_would_be_done_and_does_nothing(skerry: Skerry, context: Path) -> None:
    skerry("build", "-q", context)
    (context / "f").write_text("hello\nworld\n")
    before = skerry("images", "-aq").stdout
    lines = skerry("build", "--explain", context).lines
    assert "--> would be done: f changed: +world" in lines
    assert "--> would be done: a step before it would be done anew" in lines
    assert skerry("images", "-aq").stdout == before
    rows = [json.loads(line) for line in skerry("build", "--explain=json", context).lines]
    done = [row for row in rows if row["event"] == "StepDone" and row.get("reason")]
    assert done[0]["reason"]["text"] == "f changed: +world"


def test_check_finds_and_builds_nothing(skerry: Skerry, context: Path) -> None:
    assert skerry("build", "--check", context).lines == ["Check complete, no warnings found."]
    (context / "Containerfile").write_text("from localhost/busybox as X\nRUN echo $NOPE\nENV PASSWORD=x\n")
    result = skerry("build", "--check", context, check=False)
    assert result.code == 1
    assert "SecretsUsedInArgOrEnv" in result.stdout
    (context / "Containerfile").write_text("# check=error=true\nFROM localhost/busybox as x\n")
    assert "lint violation found for rules: FromAsCasing" in skerry("build", context, check=False).stderr


def test_files_instead_of_an_image(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY f /out/f\n")
    skerry("build", "-o", tmp_path / "folder", context)
    assert (tmp_path / "folder/out/f").read_text() == "hello\n"
    skerry("build", "--output", f"type=tar,dest={tmp_path / 'out.tar'}", context)
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert "out/f" in tar.getnames()
    streamed = skerry("build", "-o", "-", context)
    assert streamed.raw[257:262] == b"ustar"
    assert skerry("images", "-aq", "--filter", "dangling=true").lines == []


def test_archives(skerry: Skerry, context: Path, tmp_path: Path) -> None:
    skerry("build", "-t", "app", "-o", f"type=oci,dest={tmp_path / 'app.tar'}", context)
    skerry("rmi", "-f", "app")
    assert "localhost/app:latest" in skerry("load", "-i", tmp_path / "app.tar").stdout


def test_steps_and_cache_mounts_travel_in_a_folder(
    skerry: Skerry, context: Path, tmp_path: Path, busybox_archive: Path
) -> None:
    (context / "Containerfile").write_text(
        "FROM localhost/busybox AS a\nRUN --mount=type=cache,target=/c echo kept > /c/log; echo a > /a\n"
        "FROM localhost/busybox\nCOPY --from=a /a /a\n"
    )
    cache = tmp_path / "cache"
    skerry("build", "-q", "--cache-to", f"type=local,dest={cache},mounts=true", context)
    skerry("system", "reset", "-f")
    skerry("load", "-q", "-i", busybox_archive)
    lines = skerry("build", "--cache-from", f"type=local,src={cache}", context).lines
    assert sum(line.startswith("--> Using cache") for line in lines) == 2
    text = BASE + "RUN --mount=type=cache,target=/c cat /c/log\n"
    assert "kept" in skerry("build", "-", input=text).lines
    assert skerry("build", "-q", "--cache-from", f"type=local,src={tmp_path / 'none'}", context).code == 0


def test_steps_travel_by_a_registry_and_images_are_pushed(
    skerry: Skerry, context: Path, registry: Registry, busybox_archive: Path
) -> None:
    flags = ("--tls-verify=false",)
    skerry(
        "build", "-q", *flags, "--cache-to", f"{registry.host}/cache:1", "-t", f"{registry.host}/app", "--push", context
    )
    skerry("system", "reset", "-f")
    skerry("load", "-q", "-i", busybox_archive)
    lines = skerry("build", *flags, "--cache-from", f"{registry.host}/cache:1", context).lines
    assert sum(line.startswith("--> Using cache") for line in lines) == 2
    assert skerry("run", "--rm", *flags, f"{registry.host}/app").stdout == "hello\n"


def test_control_c_ends_it_at_once_and_leaves_nothing(skerry: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text(BASE + "RUN echo begun; sleep 1000\n")
    process = skerry.popen("build", context)
    assert process.stdout
    while b"begun" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 10
    with open("/proc/self/mountinfo") as file:
        assert str(skerry.root) not in file.read()


def test_two_platforms_make_a_list(skerry: Skerry, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nARG TARGETARCH\nCOPY f /f\nLABEL arch=$TARGETARCH\n")
    skerry("build", "--platform", "linux/amd64,linux/arm64", "-t", "both", context)
    shown = json.loads(skerry("manifest", "inspect", "both").stdout)
    assert sorted(each["platform"]["architecture"] for each in shown["manifests"]) == ["amd64", "arm64"]


def test_what_cannot_be_done_is_refused(skerry: Skerry, context: Path) -> None:
    for flags, words in (
        (["--sbom"], "attestations are not made yet"),
        (["--sign-by", "x"], "sign after a push"),
        (["--isolation", "chroot"], "RUN always uses the OCI runtime"),
    ):
        result = skerry("build", *flags, context, check=False)
        assert result.code == 125
        assert words in result.stderr
