"""events: lines, JSON, templates, following."""

from __future__ import annotations

import json
import select
from pathlib import Path

from tests.support.command import Skerry


def test_a_containers_life_in_podmans_lines(skerry: Skerry, busybox: str) -> None:
    skerry(
        "run", "--rm", "--name", "box", "--net", "none", "--label", "a=b", busybox, "sh", "-c", "exit 3", check=False
    )
    lines = skerry("events", "--stream=false", "--filter", "container=box").lines
    assert [line.split()[5] for line in lines] == ["create", "init", "start", "died", "cleanup", "remove"]
    date, clock, zone, utc, kind, _, object_id, rest = lines[0].split(" ", 7)
    assert (zone, utc, kind, len(object_id), len(clock)) == ("+0000", "UTC", "container", 64, len("12:00:00.000000000"))
    assert rest == f"(image={busybox}, name=box, a=b)"
    assert date.count("-") == 2
    words = ["--filter", "event=die", "--format", "{{.Name}} {{.ContainerExitCode}} {{.Attributes.a}}"]
    assert skerry("events", "--stream=false", *words).stdout == "box 3 b\n"
    event = json.loads(skerry("events", "--stream=false", "--filter", "event=died", "--format", "json").stdout)
    assert (event["Name"], event["ContainerExitCode"], event["Type"]) == ("box", 3, "container")
    assert event["timeNano"] // 10**9 == event["time"]


def test_following_shows_what_comes_until_its_time(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "before", busybox)
    program = skerry.popen(
        "events", "--until", "4s", "--format", "{{.Type}} {{.Status}} {{.Name}}", "--filter", "event=create"
    )
    assert program.stdout
    # Under load it takes its time to start, and follows from then on: events until it has seen one.
    number = 0
    while not select.select([program.stdout], [], [], 0.05)[0]:
        skerry("volume", "create", f"data{number}")
        number += 1
    skerry("create", "--name", "after", busybox)
    out = program.communicate(timeout=30)[0].decode()
    assert "before" not in out
    assert "volume create data" in out
    assert "container create after\n" in out


def test_control_characters_stay_on_their_line(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "box", "--label", "evil=a\n\x1b[2Jb", busybox)
    lines = skerry("events", "--stream=false", "--filter", "container=box").lines
    assert len(lines) == 1
    assert "evil=a\\n\\x1b[2Jb" in lines[0]


def test_what_happens_to_images_is_told_as_podman_tells_it(skerry: Skerry, busybox: str) -> None:
    image_id = skerry("image", "inspect", "-f", "{{.ID}}", busybox).stdout.strip()
    skerry("tag", busybox, "example.com/second")
    skerry("rmi", "example.com/second")
    skerry("tag", busybox, "example.com/third")
    skerry("pull", "-q", "--retry", "0", "localhost:1/none", check=False)
    skerry("create", busybox)
    skerry("rmi", "-f", image_id)
    events = ("events", "--stream=false", "--filter", "type=image")
    told = skerry(*events, "--format", "{{.Status}} {{.Name}}").lines
    assert told[told.index("tag example.com/second") :] == [
        "tag example.com/second",
        "untag example.com/second:latest",
        "tag example.com/third",
        "pull-error localhost:1/none",
        f"pull {busybox}",
        "untag example.com/third:latest",
        f"untag {busybox}",
        f"remove {image_id}",
    ]
    (line,) = (line for line in skerry(*events).lines if " pull-error " in line)
    assert "pull-error  localhost:1/none " in line
    assert "connection refused" in line
    line = skerry(*events, "--format", "json").lines[-1]
    assert list(json.loads(line)) == ["ID", "Name", "Status", "time", "timeNano", "Type", "Attributes"]
    assert json.loads(line)["Attributes"] is None


def test_creation_can_come_with_what_inspect_shows(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    conf = tmp_path / "c.conf"
    conf.write_text("[engine]\nevents_container_create_inspect_data=true\n")
    env = {"CONTAINERS_CONF_OVERRIDE": str(conf)}
    skerry("create", "--name", "box", busybox, env=env)
    words = ("events", "--stream=false", "--filter", "event=create", "--filter", "type=container")
    shown = skerry(*words, "--format", "{{.ContainerInspectData}}").stdout
    assert [json.loads(shown)] == json.loads(skerry("container", "inspect", "--size", "box").stdout)
    assert "EffectiveCaps" not in skerry(*words).stdout


def test_a_time_that_is_none_is_refused(skerry: Skerry) -> None:
    refused = skerry("events", "--since", "the dawn of time", check=False)
    assert refused.code == 125
    assert "failed to parse event filters" in refused.stderr
