"""Lists of manifests as a user."""

from __future__ import annotations

import json

from tests.rootless.conftest import User


def test_a_user_makes_and_pushes_a_list(user: User) -> None:
    user.skerry("image", "bootstrap", "-q")
    user("sh", "-c", "echo hi >note.txt")
    user.skerry("manifest", "create", "l", "busybox")
    user.skerry("manifest", "add", "--artifact", "l", "note.txt")
    user.skerry("manifest", "push", "-q", "l", f"oci:{user.home}/layout:l")
    assert len(json.loads(user.skerry("manifest", "inspect", "l").stdout)["manifests"]) == 2
    assert user.skerry("run", "--rm", "--network=none", "l", "echo", "hi").stdout == "hi\n"
    image = user.skerry("image", "inspect", "-f", "{{.Id}}", "busybox").stdout.strip()
    user.skerry("rmi", "-fa")
    assert user.skerry("load", "-q", "-i", f"{user.home}/layout").stdout == f"Loaded image: sha256:{image}\n"
    assert user.skerry("system", "check").returncode == 0
