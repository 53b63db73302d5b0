"""SOURCE_DATE_EPOCH: the same input gives the same digest, whoever builds it, when and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.command import Skerry

LINES = """FROM localhost/busybox AS made
ARG VERSION=1
WORKDIR /work/here
RUN echo $VERSION > made; mkdir -p d/e; ln -s made link; ln made d/hard; mkfifo fifo
FROM localhost/busybox
COPY --link a* /linked/
COPY folder /folder/
COPY --from=made --chown=7:8 /work /work
ADD --chmod=640 b /deep/er/b
RUN rm /folder/x; touch -d '2001-01-01 00:00:00' /old; date > /new; : > /new
ENV A=b
LABEL one=1
"""


def context(folder: Path, *, other: bool) -> Path:
    """The same files, made in another order at another time, maybe."""
    (folder / "folder/inner").mkdir(parents=True)
    names = ["a1", "a2", "b", "folder/x", "folder/y", "folder/inner/z"]
    for name in reversed(names) if other else names:
        (folder / name).write_text(f"{name}\n")
        if other:
            os.utime(folder / name, (1_800_000_000, 1_800_000_000))
    (folder / "Containerfile").write_text(LINES)
    return folder


@pytest.mark.parametrize("given", ["environment", "flag", "argument"])
def test_two_machines_make_the_same_image(given: str, busybox_archive: Path, tmp_path: Path, short_tmp: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    env = {"SOURCE_DATE_EPOCH": "1700000000"} if given == "environment" else {}
    flags = {
        "environment": (),
        "flag": ("--source-date-epoch", "1700000000", "--rewrite-timestamp"),
        "argument": ("--build-arg", "SOURCE_DATE_EPOCH=1700000000"),
    }
    found = []
    for other in (False, True):
        skerry = Skerry(short_tmp / f"store{other}")
        skerry("load", "-i", busybox_archive)
        more = {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8"} if other else {"TZ": "UTC"}
        where = context(tmp_path / str(other), other=other)
        mask = os.umask(0o077 if other else 0o022)
        try:
            skerry(
                "build",
                "-t",
                "made",
                "--network",
                "none",
                *flags[given],
                "--jobs",
                "1" if other else "3",
                where,
                env={**env, **more},
            )
        finally:
            os.umask(mask)
        found.append(skerry("inspect", "--format", "{{.Id}} {{.Digest}} {{.RootFS.Layers}}", "made").lines[0].split())
        archive = tmp_path / f"{other}.tar"
        skerry("save", "--format", "oci-archive", "-o", archive, "made")
        skerry.remove_everything()
    assert found[0] == found[1]
    assert (tmp_path / "False.tar").read_bytes() == (tmp_path / "True.tar").read_bytes()
