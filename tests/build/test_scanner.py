"""``--sbom-…``: lists of packages in files and images, by the built-in scanner or the user's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import Skerry

from skerry.build.attest.scanner import merge, purls
from skerry.build.scan_options import STRATEGIES

ONE = {"components": [{"name": "a", "version": "1", "purl": "pkg:x/a@1"}, {"name": "b", "version": "1"}], "serial": 1}
TWO = {
    "components": [
        {"name": "a", "version": "1", "purl": "pkg:y/a@1"},
        {"name": "a", "version": "2", "purl": "pkg:x/a@2"},
    ]
}


def outputs(folder: Path) -> list[str]:
    return [
        f"--sbom-output={folder}/s", f"--sbom-purl-output={folder}/p", "--sbom-image-output=/root/bom/s",
        "--sbom-image-purl-output=/root/bom/p",
    ]  # fmt: skip


def in_image(engine: Skerry, image: str, *paths: str) -> str:
    return engine("run", "--rm", "--network", "none", image, "cat", *paths).stdout


@pytest.mark.parametrize("flags", [[], ["--layers=false"], ["--squash"], ["--squash-all"]])
def test_the_built_in_list_is_in_the_image_and_out_here(engine: Skerry, tmp_path: Path, flags: list[str]) -> None:
    status = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"
    (tmp_path / "Containerfile").write_text(
        f"FROM localhost/busybox\nCOPY <<E /var/lib/dpkg/status\n{status}\nE\nCOPY <<E /etc/os-release\nID=debian\nE\n"
    )
    engine("build", "-q", "-t", "listed", *flags, *outputs(tmp_path), tmp_path)
    assert json.loads((tmp_path / "s").read_text())["spdxVersion"] == "SPDX-2.3"
    assert "pkg:deb/debian/libc6@2.36-9" in (tmp_path / "p").read_text()
    text = (tmp_path / "s").read_text() + (tmp_path / "p").read_text()
    assert in_image(engine, "listed", "/root/bom/s", "/root/bom/p") == text
    if not flags:
        before = engine("image", "inspect", "-f", "{{.Id}}", "listed").stdout
        engine("build", "-q", "-t", "listed", *outputs(tmp_path), tmp_path)
        assert engine("image", "inspect", "-f", "{{.Id}}", "listed").stdout == before


def test_an_image_that_is_only_renamed_gets_its_list(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\n")
    engine("build", "-q", "-t", "same", *outputs(tmp_path), tmp_path)
    assert in_image(engine, "same", "/root/bom/s") == (tmp_path / "s").read_text()
    assert in_image(engine, "localhost/busybox", "/etc/passwd").startswith("root:")


def test_a_scanner_of_the_users_sees_the_result_and_the_contexts(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/also").write_text("named context\n")
    (tmp_path / "here").write_text("main context\n")
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\nRUN echo made > /made\n")
    commands = ("cat {ROOTFS}/made > {OUTPUT}", "cat {CONTEXT}/here {CONTEXT}/also > {OUTPUT} 2>/dev/null || true")
    engine(
        "build", "-q", "-t", "scanned", "--build-context", f"more={tmp_path}/more", *outputs(tmp_path),
        "--sbom-scanner-image=localhost/busybox", *(f"--sbom-scanner-command={text}" for text in commands),
        "--sbom-merge-strategy=cat", tmp_path,
    )  # fmt: skip
    assert (tmp_path / "s").read_text() == "made\nmain context\nnamed context\n"
    assert in_image(engine, "scanned", "/root/bom/s") == (tmp_path / "s").read_text()


def test_a_scanner_without_a_shell_is_run_as_it_is(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY --from=localhost/busybox /bin/busybox /\n")
    engine("build", "-q", "-t", "program", tmp_path)
    words = ("--sbom-scanner-image=program", "--sbom-scanner-command=/busybox cp {ROOTFS}/busybox {OUTPUT}")
    engine("build", "-q", f"--sbom-output={tmp_path}/s", *words, tmp_path)
    assert (tmp_path / "s").read_bytes()[1:4] == b"ELF"


@pytest.mark.parametrize(
    ("command", "said"),
    [("ln -s /etc/shadow {OUTPUT}", "wrote no list"), ("mkfifo {OUTPUT}", "that is no file"), ("true", "wrote no list"),
     ("echo broken; exit 3", "ended with exit code 3: echo broken; exit 3")],
)  # fmt: skip
def test_what_a_scanner_writes_is_not_trusted(engine: Skerry, tmp_path: Path, command: str, said: str) -> None:
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\n")
    words = ("--sbom-scanner-image=localhost/busybox", f"--sbom-scanner-command={command}")
    done = engine("build", "-q", f"--sbom-output={tmp_path}/s", *words, tmp_path, check=False)
    assert done.code == 125
    assert said in done.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--sbom", "syft"], "needs somewhere to write to"), (["--sbom=trivy-spdx"], "needs somewhere to write to"),
     (["--sbom-output=x", "--sbom-scanner-image=i"], "need each other"),
     (["--sbom-image-output=relative"], '"relative" is no path of a file in the image')],
)  # fmt: skip
def test_flags_that_do_not_go_together(engine: Skerry, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "Containerfile").write_text("FROM localhost/busybox\n")
    done = engine("build", *words, tmp_path, check=False)
    assert (done.code, said in done.stderr) == (125, True)


def test_of_what_several_lists_have_the_first_counts() -> None:
    texts = [json.dumps(ONE).encode(), json.dumps(TWO).encode()]
    merged = merge(texts, STRATEGIES[1])
    assert purls(merged) == ["pkg:x/a@1", "pkg:x/a@2"]
    assert json.loads(merged)["serial"] == 1
    assert merge(texts, "cat") == b"".join(texts)
    packages = [
        {"packages": [{"name": "a", "versionInfo": version, "externalRefs": [
            {"referenceType": "purl", "referenceLocator": f"pkg:z/a@{version}"}]}]} for version in ("1", "2", "1")
    ]  # fmt: skip
    assert purls(merge([json.dumps(each).encode() for each in packages], STRATEGIES[2])) == ["pkg:z/a@1", "pkg:z/a@2"]
    assert purls(b"no json") == purls(b"[]") == purls(b'{"components": [1], "packages": [2]}') == []
