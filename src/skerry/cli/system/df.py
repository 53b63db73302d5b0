"""``skerry system df``."""

from __future__ import annotations

import time

from skerry.cli.flags import UsageError, flag
from skerry.engine import times
from skerry.engine.containers.listing import status_text
from skerry.engine.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.builds.types import CacheRow
    from skerry.engine.engine import Engine
    from skerry.engine.system.df import ContainerUsage, DiskUsage, ImageUsage, Summary

USAGE = "[options]"
DESCRIPTION = (
    "Shows how much of the disk images, containers and volumes take, how many of them are in use, and how much "
    "removing the others would free. A layer that several images share is counted once; with -v each image's shared "
    "and own part is shown, and each container and volume. After builds there is a row of what they keep (see `skerry "
    "builder du`), but not with --format."
)
EXAMPLES = (
    ("skerry system df", "the totals"),
    ("skerry system df -v", "each image, container and volume"),
    ("skerry system df --format '{{.Type}}\\t{{.Reclaimable}}'", "chosen columns"),
)
FLAGS = (
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template for each line, or json"),
    flag("-v", "--verbose", help="Show each image, container and volume"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0
_TABLE = "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"
_IMAGES = (
    "table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}"
    "\t{{.Containers}}"
)
_CONTAINERS = (
    "table {{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Created}}\t{{.Status}}"
    "\t{{.Names}}"
)
_BUILD_CACHE = "table {{.CacheID}}\t{{.CacheType}}\t{{.Size}}\t{{.LastUsed}}\t{{.Shared}}"
_VOLUMES = "table {{.VolumeName}}\t{{.Links}}\t{{.Size}}"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["verbose"] and args["format"]:
        raise UsageError("cannot combine --format and --verbose flags")
    # A template's lines are read by scripts, which know Podman's three: docs/decisions/044-build-cache-in-df.md
    usage = engine.system.disk_usage(build_cache=not args["format"])
    if args["verbose"]:
        _verbose(usage, out)
        return 0
    rows = [_row(line) for line in usage.summaries()]
    out.listing(rows, format=args["format"], default=_TABLE)
    return 0


def _row(line: Summary) -> dict[str, Any]:
    percent = 100 * line.reclaimable // line.size if line.size else 0
    return {
        "Type": line.type,
        "Total": line.total,
        "Active": line.active,
        "RawSize": line.size,
        "RawReclaimable": line.reclaimable,
        "TotalCount": line.total,
        "Size": human_size(line.size, 4),
        "Reclaimable": f"{human_size(line.reclaimable, 4)} ({percent}%)",
    }


def _verbose(usage: DiskUsage, out: Output) -> None:
    out.line("Images space usage:\n")
    out.listing([_image(image) for image in usage.images], default=_IMAGES)
    out.line("\nContainers space usage:\n")
    out.listing([_container(item) for item in usage.containers], default=_CONTAINERS)
    out.line("\nLocal Volumes space usage:\n")
    volumes = [
        {"VolumeName": volume.name, "Links": volume.links, "Size": human_size(volume.size, 4)}
        for volume in usage.volumes
    ]
    out.listing(volumes, default=_VOLUMES)
    if usage.build_cache:
        out.line("\nBuild cache usage:\n")
        out.listing([_cached(row) for row in usage.build_cache], default=_BUILD_CACHE)


def _cached(row: CacheRow) -> dict[str, Any]:
    return {
        "CacheID": row.id.removeprefix("sha256:")[:12],
        "CacheType": row.kind,
        "Size": human_size(row.size, 4),
        "LastUsed": _age(row.used_ns),
        "Shared": row.shared,
    }


def _image(image: ImageUsage) -> dict[str, Any]:
    return {
        "Repository": image.repository,
        "Tag": image.tag,
        "ImageID": image.id[:12],
        "Created": _age(image.created_ns, never=times.NEVER_NS),
        "Size": human_size(image.size, 4),
        "SharedSize": human_size(image.shared_size, 4),
        "UniqueSize": human_size(image.unique_size, 4),
        "Containers": image.containers,
    }


def _container(item: ContainerUsage) -> dict[str, Any]:
    record = item.record
    return {
        "ContainerID": record["id"][:12],
        "Image": record["image_id"][:12] or record["config"].get("rootfs") or record["config"].get("rootfs_lower", ""),
        "Command": " ".join(record["config"]["args"]),
        "LocalVolumes": len(record["volumes"]),
        "Size": human_size(item.size, 4),
        "Created": _age(record["created_ns"]),
        "Status": status_text(item.state),
        "Names": record["name"],
    }


def _age(created_ns: int, *, never: int = 0) -> str:
    return times.human_duration((time.time_ns() - created_ns) / 1e9) if created_ns != never else "N/A"
