"""What Podman's own tests of containers' commands expect since Podman 5: words, exit codes, what is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def box(skerry: Skerry, busybox: str) -> str:
    """An ended container."""
    skerry("run", "--name", "box", "--network", "none", busybox, "touch", "/new")
    return "box"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("commit", "-q", "--change", "BOGUS=foo", "box", "i"), (
            'applying changes: processing change "BOGUS foo": did not understand change instruction "BOGUS foo"'
        )),
        (("commit", "-q", "--change", "USER", "box", "i"), 'change "USER": USER requires exactly one argument'),
        (("commit", "-q", "--format", "xyz", "box", "i"), 'unrecognized image format "xyz"'),
        (("commit", "-q", "--config", "/no/such", "box", "i"), "--config: open /no/such: no such file or directory"),
        (("commit", "-q", "--iidfile", "/no/such", "box", "i"), "failed to write image ID: open /no/such: no such file"),
        (("container", "diff", "nope"), "nope not found: container not known"),
        (("image", "diff", "nope"), "nope not found: nope: image not known"),
        (("diff", "nope"), "nope not found: layer not known"),
        (("diff",), 'diff" requires a name, id, or the "--latest" flag'),
        (("diff", "a", "b", "c"), "accepts between 1 and 2 arg(s), received 3"),
        (("export", "-o", "/no/such", "box"), "open /no/such: no such file or directory"),
        (("rm", "-t", "5", "box"), "--force option must be specified to use the --time option"),
        (("rm", "-f", "--cidfile", "/no/such"), "reading CIDFile: open /no/such: no such file or directory"),
        (("mount", "--format", "foo"), 'unknown --format argument: "foo"'),
        (("inspect", "-l", "--type", "image"), 'latest is not supported for type "image"'),
        (("inspect", "-s", "--type", "image", "box"), 'size is not supported for type "image"'),
        (("port", "box", "abc"), 'strconv.ParseUint: parsing "abc": invalid syntax'),
        (("port", "box", "1", "2"), "`port` accepts at most 2 arguments"),
    ],
)  # fmt: skip
def test_refused_in_the_same_words(skerry: Skerry, box: str, words: tuple[str, ...], message: str) -> None:
    refused = skerry(*words, check=False)
    assert refused.code == 125
    assert message in refused.stderr


def test_commit_tells_what_it_copies_unless_quiet(skerry: Skerry, box: str) -> None:
    done = skerry("commit", box, "one")
    image = done.stdout.strip()
    lines = done.stderr.splitlines()
    assert (lines[0], lines[-1]) == ("Getting image source signatures", "Writing manifest to image destination")
    assert sum(line.startswith("Copying blob sha256:") for line in lines) == 2
    assert f"Copying config sha256:{image}" in lines
    assert skerry("commit", "-q", box, "two").stderr == ""


def test_diff_means_an_image_before_a_container_of_that_name(skerry: Skerry, box: str, busybox: str) -> None:
    skerry("tag", busybox, box)
    assert "A /bin" in skerry("diff", box).stdout.splitlines()
    assert skerry("container", "diff", box).stdout == "C /etc\nA /new\n"
    assert "A /bin" in skerry("image", "diff", box).stdout.splitlines()


def test_a_container_whose_name_begins_an_images_id_is_a_container(skerry: Skerry, box: str) -> None:
    image = skerry("inspect", "--format", "{{.Image}}", box).stdout.strip()
    skerry("rename", box, image[:3])
    assert skerry("diff", image[:3]).stdout == "C /etc\nA /new\n"


def test_a_paused_container_is_only_listed_with_all(skerry: Skerry, busybox: str) -> None:
    skerry("run", "-d", "--name", "box", "--network", "none", busybox, "sleep", "60")
    skerry("pause", "box")
    assert skerry("ps", "-q").stdout == skerry("ps", "-q", "--filter", "name=box").stdout == ""
    assert skerry("ps", "-aq").stdout == skerry("ps", "-q", "--filter", "status=paused").stdout != ""
    assert skerry("restart", "-t", "0", "--running").stdout == ""


def test_annotations_tell_how_it_was_made_and_once_started_whose_it_is(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    def annotations(name: str) -> dict[str, str]:
        config = json.loads(skerry("container", "inspect", name).stdout)[0]
        assert config["HostConfig"]["Annotations"] == config["Config"]["Annotations"]
        return dict(config["Config"]["Annotations"])

    ids = str(tmp_path / "id")
    skerry("create", "--name", "from", "-v", "/data", busybox)
    skerry("create", "--name", "box", "--volumes-from", "from:ro", "--cidfile", ids, "--network", "none",
           "--security-opt", "seccomp=unconfined", "--stop-signal", "INT", "--stop-timeout", "3", busybox, "true")  # fmt: skip
    asked = {
        "io.podman.annotations.cid-file": ids,
        "io.podman.annotations.seccomp": "unconfined",
        "io.podman.annotations.volumes-from": "from:ro",
    }
    assert annotations("box") == asked
    skerry("start", "-a", "box")
    assert annotations("box") == {
        **asked,
        "io.container.manager": "libpod",
        "org.opencontainers.image.stopSignal": "2",
        "org.systemd.property.KillSignal": "2",
        "org.systemd.property.TimeoutStopUSec": "uint64 3000000",
    }


def test_errors_name_the_program_and_the_command_as_they_were_called(skerry: Skerry) -> None:
    assert '"skerry container wait" requires a name' in skerry("container", "wait", check=False).stderr


def test_update_takes_a_reservation_above_the_limit_and_create_does_not(skerry: Skerry, busybox: str) -> None:
    limits = ("--memory", "64m", "--memory-reservation", "128m")
    assert "cannot be less than memory reservation" in skerry("create", *limits, busybox, check=False).stderr
    skerry("create", "--name", "box", busybox)
    skerry("update", *limits, "box")
    shown = skerry("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}}", "box")
    assert shown.lines == [f"{64 << 20} {128 << 20}"]


def test_ps_sorts_by_pod(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", busybox)
    assert skerry("ps", "-a", "--sort", "pod", "--format", "{{.Names}}").lines == ["box"]


def test_a_health_check_is_printed_as_a_whole_and_its_times_as_durations(skerry: Skerry, busybox: str) -> None:
    skerry(
        "create",
        "--name",
        "box",
        "--health-cmd",
        "x",
        "--health-interval",
        "1m",
        "--health-startup-cmd",
        "a b",
        busybox,
    )

    def shown(template: str) -> str:
        return skerry("inspect", "-f", template, "box").stdout.strip()

    assert shown("{{.Config.Healthcheck}}") == "{[CMD-SHELL x] 0s 0s 1m0s 30s 3}"
    assert shown("{{.Config.StartupHealthCheck}}") == "{{[CMD-SHELL a b] 0s 0s 30s 30s 0} 0}"
    assert shown("{{with .Config.Healthcheck}}{{.Interval}} {{.Retries}}{{end}}") == "1m0s 3"
    assert json.loads(shown("{{json .Config.Healthcheck}}"))["Interval"] == 60 * 10**9
