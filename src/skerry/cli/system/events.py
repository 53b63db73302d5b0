"""``skerry events``."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.cli.flags import flag
from skerry.engine.moments import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Prints what happens to containers, images, networks and volumes of this store as it happens; with --since also what "
    "has happened. Filters: container, event, image, label, network, pod, type, volume; several of one kind are "
    "alternatives."
)
EXAMPLES = (
    ("skerry events --since 1h --stream=false", "what happened in the last hour"),
    ("skerry events --filter event=died --format '{{.Name}} {{.ContainerExitCode}}'", "exit codes as containers end"),
)
FLAGS = (
    flag("-f", "--filter", kind="list", metavar="KIND=VALUE", help="Only matching events"),
    flag("--format", kind="str", metavar="FORMAT", help="json, or a Go template", complete="none"),
    flag("--no-trunc", default=True, help="Whole ids"),
    flag("--since", kind="str", metavar="TIME", help="Also events since this time (a time, or a duration ago)"),
    flag("--stream", default=True, help="Go on as events come; --stream=false ends with the last one"),
    flag("--no-stream", help="The same as --stream=false", hidden=True),
    flag("--until", kind="str", metavar="TIME", help="End at this time (a time, or a duration from now)"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.listing import is_json

    follow = args["stream"] and not args["no_stream"]
    events = engine.events.read(filters=args["filter"], since=args["since"], until=args["until"], follow=follow)
    format = args["format"]
    as_json = is_json(format)
    try:
        for event in events:
            if as_json:
                out.line(fastjson.dumps(fields(event)))
            elif format:
                out.listing([template_fields(event)], format=format, default="")
            else:
                out.line(line(event, no_trunc=args["no_trunc"]))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has seen enough
    return 0


def shown_time(text: str) -> str:
    """``2026-01-31 10:00:00.123456789 +0000 UTC`` of an RFC 3339 time in UTC."""
    return f"{text[:10]} {text[11:].removesuffix('Z')} +0000 UTC"


def line(event: dict[str, Any], *, no_trunc: bool = True) -> str:
    """One event as Podman prints it. Control characters of names are escaped: it stays one line."""
    kind = event["Type"]
    object_id = event.get("ID", "") if no_trunc else event.get("ID", "")[:12]
    text = f"{shown_time(event['Time'])} {kind} {event['Status']}"
    if kind == "container":
        details = [f"image={event.get('Image', '')}", f"name={event.get('Name', '')}"]
        if event.get("PodID"):
            details.append(f"pod_id={event['PodID']}")
        if event.get("health_status"):
            details.append(f"health_status={event['health_status']}")
        details += [f"{key}={value}" for key, value in sorted((event["Attributes"] or {}).items())]
        text += f" {object_id} ({', '.join(details)})"
    elif kind == "pod":
        text += f" {object_id} (image={event.get('Image', '')}, name={event.get('Name', '')})"
    elif kind == "network" and "driver" in (event["Attributes"] or {}):
        text += f" {object_id} (name={event.get('network', '')}, type={event['Attributes']['driver']})"
    elif kind == "network":
        text += f" {object_id} (container={event.get('ID', '')}, name={event.get('network', event.get('Name', ''))})"
    elif kind == "secret":
        text += f" {object_id}"
    elif kind == "image":
        text += f" {object_id} {event.get('Name', '')}" + (f" {event['error']}" if event.get("error") else "")
    else:
        text += f" {event.get('Name', '')}"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def fields(event: dict[str, Any]) -> dict[str, Any]:
    """The JSON form: Podman's keys, the time in seconds and in nanoseconds."""
    moment = time_ns(event["Time"].encode())
    shown: dict[str, Any] = {}
    for key, value in event.items():
        shown |= {"time": moment // 10**9, "timeNano": moment} if key == "Time" else {key: value}
    return shown


def template_fields(event: dict[str, Any]) -> dict[str, Any]:
    """What a template can use."""
    moment = time_ns(event["Time"].encode())
    return {
        "ID": event.get("ID", ""), "Image": event.get("Image", ""), "Name": event.get("Name", ""),
        "Network": event.get("network", ""), "Status": event["Status"], "Type": event["Type"],
        "Time": shown_time(event["Time"]), "TimeNano": moment, "Attributes": event["Attributes"] or {},
        "ContainerExitCode": event.get("ContainerExitCode", 0), "HealthStatus": event.get("health_status", ""),
        "Error": event.get("error", ""), "PodID": event.get("PodID", ""), "OOMKilled": event.get("OOMKilled", False),
        "ContainerInspectData": event.get("ContainerInspectData", ""),
    }  # fmt: skip
