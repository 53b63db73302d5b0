"""``container runlabel``: an image's label as a command."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import Skerry

LABELS = {
    "install": "podman run --rm --network none --label name=NAME IMAGE echo ${NAME} $IMAGE '$OPT1' [$NOTHING]",
    "RUN": "/usr/bin/podman run -d --stop-timeout 0 --name NAME --network none IMAGE sleep 100",
    "host": "sh -c 'echo $PWD; exit 3'",
    "broken": "echo 'no end",
}


@pytest.fixture
def image(skerry: Skerry, busybox: str, tmp_path: Path) -> str:
    lines = [f'LABEL {name}="{text}"'.replace("$", "\\$") for name, text in LABELS.items()]
    (tmp_path / "Containerfile").write_text("\n".join([f"FROM {busybox}", *lines]) + "\n")
    skerry("build", "-q", "-t", "localhost/team/app:v2", tmp_path)
    return "localhost/team/app:v2"


def test_names_and_options_are_put_in(skerry: Skerry, image: str) -> None:
    done = skerry("container", "runlabel", "--opt1", "one two", "INSTALL", image, "more")
    assert done.lines == ["app localhost/team/app:v2 one two [] more"]
    done = skerry("container", "runlabel", "--display", "--name", "other", "install", image)
    assert done.stdout.startswith("command: ")
    assert done.stdout.split()[1].rpartition("/")[2] in ("skerry", "podman")
    assert done.stdout.rstrip().endswith("--label name=other localhost/team/app:v2 echo other localhost/team/app:v2 []")


def test_a_container_is_replaced_when_asked(skerry: Skerry, image: str) -> None:
    first = skerry("container", "runlabel", "run", image).id
    assert skerry("ps", "--format", "{{.Names}}").lines == ["app"]
    done = skerry("container", "runlabel", "run", image, check=False)
    assert (done.code, "already in use" in done.stderr) == (125, True)
    second = skerry("container", "runlabel", "--replace", "run", image).id
    assert first != second
    assert skerry("container", "runlabel", "-q", "--replace", "run", image).stdout == ""
    skerry("rm", "-f", "-t", "0", "app")


def test_a_command_of_the_host(skerry: Skerry, image: str, tmp_path: Path) -> None:
    done = skerry("container", "runlabel", "host", image, check=False)
    assert done.code == 3
    assert done.lines == [str(Path.cwd())]


@pytest.mark.parametrize(
    ("label", "message"),
    [("none", "cannot find the value of label: none in image"), ("broken", "the label is no command")],
)
def test_what_is_no_command(skerry: Skerry, image: str, label: str, message: str) -> None:
    done = skerry("container", "runlabel", label, image, check=False)
    assert (done.code, message in done.stderr) == (125, True)
