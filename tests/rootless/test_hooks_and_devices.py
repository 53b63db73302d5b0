"""OCI hooks and devices of a real user: hooks run as the user, nodes are bound where they cannot be made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.rootless.conftest import User, needs_programs

pytestmark = needs_programs


def _write(user: User, path: Path, document: object) -> None:
    user("sh", "-c", 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"', "sh", str(path), json.dumps(document))


def test_a_users_hooks_run_with_the_users_rights(user: User, run: Callable[..., str]) -> None:
    made = user.home / "made"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >{made}"]}
    document = {"version": "1.0.0", "hook": hook, "when": {"always": True}, "stages": ["createRuntime"]}
    _write(user, user.home / "hooks/a.json", document)
    conf = f'[engine]\nhooks_dir = ["{user.home}/hooks"]\n'
    user("sh", "-c", 'mkdir -p .config/containers && printf %s "$1" >.config/containers/containers.conf', "sh", conf)
    run("--rm", command=("true",))
    assert made.stat().st_uid == user.uid
    assert len(json.loads(made.read_text())["id"]) == 64


def test_a_users_devices_are_bound_by_path_folder_and_name(user: User, run: Callable[..., str]) -> None:
    edits = {"env": ["GPU=yes"], "deviceNodes": [{"path": "/dev/gpu", "hostPath": "/dev/null"}]}
    devices = [{"name": "0", "containerEdits": edits}]
    _write(user, user.home / "cdi/a.json", {"cdiVersion": "0.6.0", "kind": "v.com/gpu", "devices": devices})
    conf = f'[engine]\ncdi_spec_dirs = ["{user.home}/cdi"]\n'
    user("sh", "-c", 'mkdir -p .config/containers && printf %s "$1" >.config/containers/containers.conf', "sh", conf)
    flags = ("--rm", "--device", "v.com/gpu=0", "--device", "/dev/zero:/dev/nought:r", "--device", "/dev/net:/dev/n")
    script = "echo $GPU; test -c /dev/gpu && test -c /dev/nought && test -c /dev/n/tun && echo all"
    assert run(*flags, command=("sh", "-c", script)) == "yes\nall"
