"""events: lines, JSON, templates, following."""

from __future__ import annotations

import json
import select

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
