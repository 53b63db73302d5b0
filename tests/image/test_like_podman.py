"""What is committed and exported here is used by Podman, with the same digests, and the other way round."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.podman import Podman

SCRIPT = "echo hi >/new; rm /etc/group; mkdir /a; touch /a/b; chown 7:8 /a/b; rm -r /var/spool; chmod 700 /home"


def test_commits_go_to_podman_and_back(
    skerry: Callable[..., object], busybox: str, podman: Podman, tmp_path: Path
) -> None:
    made = tmp_path / "made.tar"
    skerry("run", "--name", "c", "--network", "none", busybox, "sh", "-c", SCRIPT)
    skerry("commit", "c", "made")
    skerry("save", "--format", "oci-archive", "-o", str(made), "made")
    podman("load", "-q", "-i", made)
    ours = skerry("image", "inspect", "-f", "{{.Id}}", "made").stdout.strip()  # type: ignore[attr-defined]
    assert podman("image", "inspect", "-f", "{{.Id}}", "made").stdout.strip() == ours
    seen = podman(
        "run", "--name", "p", "--network", "none", "made", "sh", "-c", "cat /new; ls /etc/group; stat -c %u /a/b"
    )
    assert seen.stdout == "hi\n7\n"
    podman("run", "--name", "q", "--network", "none", "made", "rm", "/new")
    podman("commit", "-q", "q", "theirs")
    podman("save", "-q", "--format", "oci-archive", "-o", tmp_path / "theirs.tar", "theirs")
    skerry("load", "-i", str(tmp_path / "theirs.tar"))
    changes = skerry("image", "diff", "theirs").stdout  # type: ignore[attr-defined]
    # Without folders whose time alone changed: Podman still knows fractions of a second that no archive has.
    assert _changes(changes) == _changes(podman("image", "diff", "theirs").stdout)


def _changes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line[0] != "C"]


def test_diff_says_what_podman_says(
    skerry: Callable[..., object], busybox: str, podman: Podman, tmp_path: Path
) -> None:
    skerry("save", "-o", str(tmp_path / "b.tar"), busybox)
    podman("load", "-q", "-i", tmp_path / "b.tar")
    for run in (skerry, podman):
        run("run", "--name", "d", "--network", "none", busybox, "sh", "-c", SCRIPT)
    ours = skerry("diff", "d").stdout  # type: ignore[attr-defined]
    assert ours == podman("diff", "d").stdout
    with open(tmp_path / "e.tar", "wb") as file:
        subprocess.run([*podman.argv, "export", "d"], env=podman.env, stdout=file, check=True, timeout=60)
    skerry("import", str(tmp_path / "e.tar"), "imported")
    # Theirs ran at another moment: times differ.
    assert _changes(skerry("diff", "imported", "d").stdout) == []  # type: ignore[attr-defined]
