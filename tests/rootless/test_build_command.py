"""skerry build as a user: owners are the container's, and the second build takes all from the cache."""

from __future__ import annotations

import os
from pathlib import Path


def test_a_user_builds(user, busybox_archive: Path) -> None:
    archive = user.home / "bb.tar"
    archive.write_bytes(busybox_archive.read_bytes())
    os.chown(archive, user.uid, user.gid)
    user.skerry("load", "-q", "-i", str(archive))
    image = "localhost/busybox:latest"
    context = user.home / "context"
    context.mkdir()
    (context / "a").write_text("a\n")
    (context / "Containerfile").write_text(
        f"FROM {image} AS one\nRUN echo 1 > /one && chown 3:4 /one\nFROM {image}\nCOPY a /a\nCOPY --chown=5:6 a /b/\n"
        "COPY --from=one /one /one\nWORKDIR /w\nRUN --mount=type=bind,target=/c --mount=type=cache,target=/k cp /c/a x; id -u > /k/id; cp /k/id .\n"
        "USER nobody\nRUN id -u > /tmp/who\n"
    )
    for path in (context, *context.iterdir()):
        os.chown(path, user.uid, user.gid)
    first = user.skerry("build", "-t", "mine", str(context))
    assert "Using cache" not in first.stdout
    look = "stat -c '%u:%g' /a /b/a /one /w/x; cat /tmp/who"
    seen = user.skerry("run", "--rm", "--network", "none", "mine", "sh", "-c", look).stdout.split()
    assert seen == ["0:0", "5:6", "3:4", "0:0", "65534"]
    again = user.skerry("build", "-q", str(context))
    assert again.stdout.split()[-1] == first.stdout.split()[-1]


def test_a_users_steps_may_have_ids_of_their_own(user, busybox_archive: Path) -> None:
    """The kernel gives a user no idmapped mounts of the host's file system: fuse-overlayfs translates."""
    archive = user.home / "bb.tar"
    archive.write_bytes(busybox_archive.read_bytes())
    os.chown(archive, user.uid, user.gid)
    user.skerry("load", "-q", "-i", str(archive))
    context = user.home / "context"
    context.mkdir()
    (context / "Containerfile").write_text(
        "FROM localhost/busybox\nRUN mkdir /old && touch /old/gone\n"
        "RUN cat /proc/self/uid_map; stat -c %u /bin; touch /made; chown 3:4 /made; rm -r /old; mkdir /old; touch /old/new\n"
        "RUN --mount=type=cache,target=/k --mount=type=bind,target=/c "
        "rm -rf /k/d; mkdir /k/d; echo kept > /k/d/f; chown 5:6 /k/d/f; stat -c %u:%g /c\n"
        "RUN --mount=type=cache,target=/k ls -A /k /k/d; stat -c %u:%g /k/d/f\n"
    )
    for path in (context, *context.iterdir()):
        os.chown(path, user.uid, user.gid)
    for flags, row in ((("--userns=auto:size=3000",), "3000"), (("--userns-uid-map=0:1:2000",), "2000")):
        built = user.skerry("build", "--no-cache", "--network", "none", *flags, "-t", "mine", str(context))
        rows = [line.split() for line in built.stdout.splitlines()]
        assert ["0", "1", row] in rows
        assert ["0"] in rows
        assert built.stdout.splitlines().count("0:0") == 1
        at = rows.index(["/k:"])
        assert rows[at : at + 6] == [["/k:"], ["d"], [], ["/k/d:"], ["f"], ["5:6"]]
        look = "stat -c %u:%g /made; ls -A /old"
        seen = user.skerry("run", "--rm", "--network", "none", "mine", "sh", "-c", look).stdout.split()
        assert seen == ["3:4", "new"]
    plain = user.skerry("build", "--no-cache", "--network", "none", str(context)).stdout.splitlines()
    assert plain[plain.index("/k/d:") + 1 :][:2] == ["f", "5:6"]
