"""OCI hooks: which are chosen, in which order, and what is said about broken files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skerry.errors import SkerryError
from skerry.runtime import hooks

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, when: dict[str, Any] | None = None, folder: str = "a", **more: Any) -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        document = {
            "version": "1.0.0", "hook": {"path": "/bin/true", "args": ["true", name]},
            "when": {"always": True} if when is None else when, "stages": ["createRuntime"], **more,
        }  # fmt: skip
        (tmp_path / folder / name).write_text(json.dumps(document))

    return write


def silent(_message: str) -> None:
    """No warning is expected to matter."""


def applied(tmp_path: Path, *, binds: bool = False, args: tuple[str, ...] = ("/bin/sh",), **annotations: str) -> Any:
    document: Any = {"process": {"args": list(args)}, "annotations": annotations}
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    return hooks.apply(document, folders, str(tmp_path), has_binds=binds, warn=silent)


def names(document: Any, stage: str = "createRuntime") -> list[str]:
    return [entry["args"][1] for entry in document.get("hooks", {}).get(stage, [])]


def test_hooks_are_sorted_by_lower_case_names_and_a_later_folder_replaces(tmp_path: Path, write: Write) -> None:
    for name in ("b.json", "A.json", "10.json", "ignored.txt"):
        write(name)
    write("b.json", folder="b", stages=["poststop"])
    document = applied(tmp_path)
    assert names(document) == ["10.json", "A.json"]
    assert names(document, "poststop") == ["b.json"]


@pytest.mark.parametrize(
    ("when", "chosen"),
    [
        ({"always": True}, True), ({"always": False}, False), ({}, False), ({"hasBindMounts": True}, True),
        ({"hasBindMounts": False}, False), ({"commands": ["sh$"]}, True), ({"commands": ["^sh"]}, False),
        ({"commands": ["^no$", "/bin/.*"]}, True), ({"annotations": {"^k": "^v$"}}, True),
        ({"annotations": {"^k": "^w$"}}, False), ({"annotations": {"^k": "v", "^other$": "v"}}, False),
        ({"annotations": {"^k": "v"}, "commands": ["no"]}, False), ({"always": True, "commands": ["no"]}, False),
        ({"annotations": {"^k": "v"}, "commands": ["sh"], "hasBindMounts": True}, True),
    ],
)  # fmt: skip
def test_all_conditions_of_a_hook_must_hold(tmp_path: Path, write: Write, when: dict[str, Any], chosen: bool) -> None:
    write("x.json", when)
    assert bool(names(applied(tmp_path, binds=True, key="v"))) is chosen


@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [
        ({"cmds": ["no"], "annotation": ["v"]}, True), ({"cmd": ["sh"], "hasbindmounts": True}, True),
        ({"cmds": ["no"], "annotations": ["w"]}, False),
    ],
)  # fmt: skip
def test_of_an_old_hook_one_condition_is_enough(tmp_path: Path, conditions: dict[str, Any], chosen: bool) -> None:
    (tmp_path / "a").mkdir()
    old = {"hook": "/bin/true", "arguments": ["old"], "stage": ["prestart"], **conditions}
    (tmp_path / "a" / "old.json").write_text(json.dumps(old))
    assert names(applied(tmp_path, key="v"), "prestart") == (["old"] if chosen else [])


def test_environment_and_timeout_are_handed_on(tmp_path: Path, write: Write) -> None:
    entry = {"path": "/bin/true", "args": ["true", "x"], "env": ["A=b"], "timeout": 3}
    write("x.json", hook=entry, stages=["prestart", "poststart"])
    found = applied(tmp_path)["hooks"]
    assert found == {"prestart": [entry], "poststart": [entry]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2.0.0"}, 'unrecognized hook version: "2.0.0"'),
        ({"stages": ["nostage"]}, 'unknown stage "nostage"'),
        ({"stages": []}, "missing required property: stages"),
        ({"hook": {}}, "missing required property: path"),
        ({"hook": {"path": "/no/such"}}, "stat /no/such: no such file or directory"),
        ({"hook": {"path": "true"}}, 'hook path "true" is not absolute'),
        ({"hook": {"path": "/bin/true", "timeout": 0}}, "hook.timeout must be greater than 0"),
        ({"hook": {"path": "/bin/true", "args": [1]}}, "hook.args must be a list of strings"),
        ({"when": {"commands": ["["]}}, 'invalid command "["'),
        ({"when": {"annotations": {"(": ""}}}, 'invalid annotation key "("'),
        ({"when": {"always": "yes"}}, '"always" must be true or false'),
    ],
)
def test_a_broken_hook_is_one_line_with_its_file(
    tmp_path: Path, write: Write, change: dict[str, Any], words: str
) -> None:
    write("x.json", **change)
    with pytest.raises(SkerryError) as caught:
        applied(tmp_path)
    assert caught.value.message.startswith(f'setting up OCI Hooks: parsing hook "{tmp_path}/a/x.json": {words}')
    assert caught.value.exit_code == 126
    assert "\n" not in caught.value.message


def test_a_precreate_hook_rewrites_the_configuration(tmp_path: Path, write: Write) -> None:
    script = tmp_path / "rewrite"
    script.write_text('#!/bin/sh\nsed "s/before/after/; s/sh\\"/$WORD\\"/"\n')
    script.chmod(0o755)
    write("x.json", hook={"path": str(script), "env": ["WORD=ash", "PATH=/bin:/usr/bin"]}, stages=["precreate"])
    document = applied(tmp_path, note="before")
    assert document["annotations"] == {"note": "after"}
    assert document["process"]["args"] == ["/bin/ash"]


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo bad >&2; exit 3", "exit status 3: bad"), ("true", "unmarshal output"), ("echo []", "did not write a conf")],
)
def test_a_precreate_hook_that_fails_stops_the_container(tmp_path: Path, write: Write, script: str, words: str) -> None:
    program = tmp_path / "fail"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    write("x.json", hook={"path": str(program)}, stages=["precreate"])
    with pytest.raises(SkerryError, match=words):
        applied(tmp_path)
