"""OCI hooks of --hooks-dir and containers.conf, run by the runtimes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.command import Skerry

STAGES = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")


def put(folder: Path, name: str, script: str, stages: list[str], **when: object) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / f"{name}.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    hook = {"path": str(program), "args": [name, *stages], "env": ["PATH=/usr/bin:/bin"]}
    (folder / f"{name}.json").write_text(
        json.dumps({"version": "1.0.0", "hook": hook, "when": when or {"always": True}, "stages": stages})
    )


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_every_stage_runs_once_with_the_containers_state(
    skerry: Skerry, busybox: str, short_tmp: Path, runtime: str
) -> None:
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is not installed")
    hooks = short_tmp / "hooks"
    for stage in STAGES:
        put(hooks, stage, f"cat >{short_tmp}/{stage}; echo $1 >>{short_tmp}/order", [stage])
    skerry("--runtime", runtime, "--hooks-dir", str(hooks), "run", "--rm", "--network", "none", busybox, "true")
    assert sorted((short_tmp / "order").read_text().split()) == sorted(STAGES)
    for stage in STAGES:
        assert len(json.loads((short_tmp / stage).read_text())["id"]) == 64


def test_a_start_hook_runs_inside_and_hooks_come_from_the_configuration(
    skerry: Skerry, busybox: str, short_tmp: Path
) -> None:
    (short_tmp / "hooks").mkdir()
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "echo inside >/made"]}
    document = {"version": "1.0.0", "hook": hook, "when": {"commands": ["cat$"]}, "stages": ["startContainer"]}
    (short_tmp / "hooks" / "in.json").write_text(json.dumps(document))
    (short_tmp / "conf").write_text(f'[engine]\nhooks_dir = ["{short_tmp}/hooks", "{short_tmp}/none"]\n')
    env = {"CONTAINERS_CONF": str(short_tmp / "conf")}
    assert skerry("run", "--rm", "--network", "none", busybox, "cat", "/made", env=env).stdout == "inside\n"
    assert skerry("run", "--rm", "--network", "none", busybox, "ls", "/made", env=env, check=False).code == 1


def test_hooks_for_mounts_and_annotations_only(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    hooks = short_tmp / "hooks"
    put(hooks, "binds", f"echo binds >>{short_tmp}/ran", ["createRuntime"], hasBindMounts=True)
    put(hooks, "noted", f"echo noted >>{short_tmp}/ran", ["createRuntime"], annotations={"^wanted$": "^yes$"})
    run = ("--hooks-dir", str(hooks), "run", "--rm", "--network", "none")
    skerry(*run, busybox, "true")
    assert not (short_tmp / "ran").exists()
    skerry(*run, "-v", "/tmp:/x", "--annotation", "wanted=yes", busybox, "true")
    assert (short_tmp / "ran").read_text() == "binds\nnoted\n"


def test_a_failing_hook_stops_the_start_in_one_line(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    put(short_tmp / "hooks", "no", "exit 5", ["createRuntime"])
    result = skerry("--hooks-dir", f"{short_tmp}/hooks", "run", "--network", "none", busybox, "true", check=False)
    assert result.code == 126
    assert len(result.stderr.splitlines()) == 1
    assert "no.sh" in result.stderr


def test_a_step_of_a_build_runs_under_the_hooks_too(skerry: Skerry, busybox: str, short_tmp: Path) -> None:
    put(short_tmp / "hooks", "seen", f"echo seen >>{short_tmp}/ran", ["createRuntime"], commands=["sh$"])
    (short_tmp / "Containerfile").write_text(f"FROM {busybox}\nRUN true\n")
    skerry("--hooks-dir", f"{short_tmp}/hooks", "build", "--no-cache", "-q", str(short_tmp))
    assert (short_tmp / "ran").read_text().startswith("seen\n")
