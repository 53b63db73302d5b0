"""images: the order, the filters and the fields that Podman's have, on the same archives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write
from tests.support.command import Skerry
from tests.support.podman import Podman

ARCHIVES = [
    (["quay.io/team/web:2", "quay.io/team/web:1"], 3000, "2024-03-01T00:00:00Z", {"tier": "web", "team": "a"}),
    (["localhost/db:latest"], 9000, "2023-01-01T00:00:00Z", {"tier": "db"}),
    (["docker.io/library/alpine:3"], 100, "2022-05-05T05:05:05Z", {}),
    ([], 500, "2021-01-01T00:00:00Z", {"tier": "web"}),
]
ROW = "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}} {{.CreatedAt}} {{.Digest}}"


@pytest.fixture
def both(skerry: Skerry, podman: Podman, tmp_path: Path) -> tuple[Skerry, Podman]:
    for number, (tags, size, created, labels) in enumerate(ARCHIVES):
        layer = tar_of({f"f{number}": b"x" * size})
        history = [{"created": created, "created_by": f"COPY f{number}", "comment": "made by hand"}]
        config = {"created": created, "config": {"Labels": labels}, "history": history}
        path = write(tmp_path / f"{number}.tar", docker_members(layer, tags=tags, **config))
        skerry("load", "-q", "-i", path)
        podman("load", "-q", "-i", path)
    return skerry, podman


@pytest.mark.parametrize("sort", ["created", "id", "repository", "size", "tag"])
def test_orders(sort: str, both: tuple[Skerry, Podman]) -> None:
    words = ("images", "--sort", sort, "--format", ROW)
    ours, theirs = (run(*words).lines for run in both)
    if sort in ("created", "id", "size"):  # names of one image, and equal tags, have no order of their own
        assert [line.split()[2] for line in ours] == [line.split()[2] for line in theirs]
    column = {"repository": 0, "tag": 1}.get(sort, 2)
    assert [line.split()[column] for line in ours] == [line.split()[column] for line in theirs]
    assert sorted(ours) == sorted(theirs)


@pytest.mark.parametrize(
    "filters",
    [
        ["dangling=true"], ["dangling=false"], ["label=tier"], ["label=tier=web"],
        ["reference=web"], ["reference=quay.io/team/*"], ["reference=*:1"], ["reference=*/*web*"], ["reference=nothing"],
        ["reference=db", "reference=alpine"], ["before=localhost/db"], ["since=localhost/db"], ["after=localhost/db"],
        ["until=2023-06-01T00:00:00Z"], ["intermediate=true"], ["intermediate=false"], ["containers=false"],
        ["containers=true"], ["dangling=true", "label=tier=db"],
    ],
)  # fmt: skip
def test_filters(filters: list[str], both: tuple[Skerry, Podman]) -> None:
    words = ["images", "-a", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]
    words += [word for item in filters for word in ("--filter", item)]
    ours, theirs = (sorted(run(*words).lines) for run in both)
    assert ours == theirs


@pytest.mark.parametrize(
    "words",
    [["images"], ["images", "--digests", "--no-trunc"], ["images", "-q"], ["images", "-q", "--no-trunc"], ["images", "-n"],
     ["images", "--history"], ["images", "web"], ["images", "nothing"]],
)  # fmt: skip
def test_tables(words: list[str], both: tuple[Skerry, Podman]) -> None:
    # In the column of an image's names these have no order.
    ours, theirs = (sorted(sorted(line.replace(",", "").split()) for line in run(*words).lines) for run in both)
    assert ours == theirs


def test_json(both: tuple[Skerry, Podman]) -> None:
    ours, theirs = ({row["Id"]: row for row in json.loads(run("images", "--format", "json").stdout)} for run in both)
    assert ours.keys() == theirs.keys()
    for image_id, row in theirs.items():
        for key in set(row) - {"SharedSize", "VirtualSize", "History", "Names"}:
            assert ours[image_id][key] == row[key], key
        assert sorted(ours[image_id].get("Names") or []) == sorted(row.get("Names") or [])


@pytest.mark.parametrize(
    "flags",
    [
        [], ["-a"], ["-a", "--filter", "label=tier"], ["-a", "--filter", "label=tier=db"], ["-a", "--filter", "label!=tier"],
        ["-a", "--filter", "until=2023-06-01T00:00:00Z"], ["--filter", "label=tier=web"], ["--filter", "label=nothing"],
        ["-a", "--filter", "until=1h"], ["-a", "--filter", "dangling=true"],
    ],
)  # fmt: skip
def test_prunes(flags: list[str], both: tuple[Skerry, Podman]) -> None:
    removed, left = [], []
    for run in both:
        removed.append(sorted(run("image", "prune", "-f", *flags).lines))
        left.append(sorted(run("images", "-aq", "--no-trunc").lines))
    assert removed[0] == removed[1]
    assert left[0] == left[1]


@pytest.mark.parametrize(
    "words",
    [
        ["history", "web:1"], ["history", "--no-trunc", "web:1"], ["history", "-q", "web:1"],
        ["history", "--format", "{{.ID}} {{.Size}} {{.CreatedBy}} {{.Comment}}", "db"],
        ["image", "inspect", "-f", "{{.Id}} {{.Size}} {{.Os}} {{.Architecture}} {{.RepoTags}}", "db"],
        ["image", "inspect", "-f", "{{.Digest}} {{.RepoDigests}} {{.RootFS.Layers}} {{.Config.Cmd}} {{.Labels}}", "db"],
        ["image", "inspect", "-f", "{{json .History}} {{.ManifestType}} {{.User}} {{.Config.Env}}", "alpine:3"],
        ["image", "inspect", "-f", "{{.Config.WorkingDir}} {{.Config.Entrypoint}} {{.Config.Volumes}}", "alpine:3"],
        ["inspect", "-f", "{{.Config.User}} {{.Config.StopSignal}} {{.Config.ExposedPorts}} {{.Config.Labels}}", "alpine:3"],
        ["image", "exists", "web:1"], ["image", "exists", "quay.io/team/web:2"],
    ],
)  # fmt: skip
def test_histories_and_inspections(words: list[str], both: tuple[Skerry, Podman]) -> None:
    ours, theirs = ([line.split() for line in run(*words).lines] for run in both)
    assert ours == theirs
