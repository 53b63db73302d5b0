"""``--source-policy-file``: what a build may take from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Result, Skerry

LOCAL = "docker-image://localhost/busybox:latest"


def rule(action: str, identifier: str, instead: str = "", **selector: str) -> dict[str, Any]:
    found: dict[str, Any] = {"action": action, "selector": {"identifier": identifier, **selector}}
    if instead:
        found["updates"] = {"identifier": instead}
    return found


class Policed:
    """Builds in the engine's store, with a policy of these rules."""

    def __init__(self, engine: Skerry, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def __call__(self, containerfile: str, *rules: Any, env: bool = False) -> Result:
        policy = self._folder / "policy.json"
        policy.write_text(json.dumps({"rules": rules}))
        (self._folder / "Containerfile").write_text(containerfile)
        if env:
            return self._engine(
                "build", "-q", self._folder, check=False, env={"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(policy)}
            )
        return self._engine("build", "-q", "--source-policy-file", policy, self._folder, check=False)


@pytest.fixture
def policed(engine: Skerry, tmp_path: Path) -> Policed:
    return Policed(engine, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["FROM localhost/busybox", "FROM scratch\nCOPY --from=localhost/busybox /bin/sh /",
     "FROM scratch\nRUN --mount=from=localhost/busybox:latest,target=/m true"],
)  # fmt: skip
def test_what_is_denied_is_not_taken(policed: Policed, text: str) -> None:
    done = policed(text, rule("DENY", "docker-image://localhost/busy*"))
    assert done.code == 125
    assert f'source "{LOCAL}" denied by source policy' in done.stderr
    assert policed(text, rule("DENY", LOCAL), env=True).code == 125


def test_the_first_rule_that_matches_counts(policed: Policed) -> None:
    text = "FROM localhost/busybox AS a\nFROM a\nCOPY --from=a /bin/sh /sh\n"
    everything = rule("DENY", "docker-image://*", matchType="WILDCARD")
    assert policed(text, rule("ALLOW", LOCAL), everything).code == 0
    assert policed(text, everything, rule("ALLOW", LOCAL)).code == 125
    assert policed(text).code == 0
    assert policed("FROM scratch\nCOPY policy.json /", everything).code == 0


def test_a_pinned_image_is_taken_instead(engine: Skerry, policed: Policed) -> None:
    digest = engine("image", "inspect", "-f", "{{.Digest}}", "busybox").stdout.strip()
    pinned = f"docker-image://localhost/busybox@{digest}"
    for found in (
        rule("CONVERT", "docker-image://docker.io/library/alpine", pinned),
        rule("CONVERT", "docker-image://docker.io/library/alpine:latest", pinned, matchType="EXACT"),
        rule("CONVERT", "docker-image://(.*)/library/.*", "docker-image://localhost/busybox:$2", matchType="REGEX"),
    ):
        done = policed("FROM alpine\nRUN true", found)
        if "$2" in str(found):
            assert "has $2, but selector.identifier has 1 groups" in done.stderr
        else:
            assert done.code == 0, done.stderr
    done = policed(
        "FROM alp:latest",
        rule("CONVERT", "docker-image://docker.io/library/*:*", "docker-image://localhost/busybox:$2"),
    )
    assert done.code == 0, done.stderr


def test_a_url_that_is_denied_is_not_asked_for(policed: Policed) -> None:
    done = policed("FROM scratch\nADD http://127.0.0.1:9/file /", rule("DENY", "http://127.0.0.1:9/*"))
    assert 'source "http://127.0.0.1:9/file" denied by source policy' in done.stderr


@pytest.mark.parametrize(
    ("broken", "said"),
    [({"selector": {"identifier": "x"}}, "action is required"),
     ({"action": "DENY", "selector": {}}, "selector.identifier is required"),
     ({"action": "CONVERT", "selector": {"identifier": "x"}}, "updates.identifier is required for CONVERT"),
     ({"action": "MAYBE", "selector": {"identifier": "x"}}, 'unknown action "MAYBE"'),
     (rule("DENY", "(", matchType="REGEX"), "is no regular expression"),
     ("DENY", "action is required"),
     (rule("DENY", "x", constraints="y"), "selector.constraints are not evaluated")],
)  # fmt: skip
def test_a_wrong_rule_is_said_to_be_wrong(policed: Policed, broken: Any, said: str) -> None:
    done = policed("FROM scratch", broken)
    assert done.code == 125
    assert "loading source policy: " in done.stderr
    assert said in done.stderr


def test_a_file_that_is_missing_or_no_json_ends_the_build(engine: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch")
    for content in (None, "{invalid json}", "[" * 100000, "[]", '{"rules": 3}'):
        if content is not None:
            (tmp_path / "p").write_text(content)
        done = engine("build", "--source-policy-file", tmp_path / "p", tmp_path, check=False)
        assert (done.code, done.stderr.startswith("Error: loading source policy: ")) == (125, True)
