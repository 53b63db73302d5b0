"""policy.json: accept, reject, and what cannot be checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.config.policy import Policy, load
from skerry.errors import Denied, Invalid

ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]
SIGNED = [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]


def policy(default: object, docker: dict[str, object] | None = None) -> Policy:
    return Policy("/etc/p.json", {"default": default, "transports": {"docker": docker or {}}})


def allowed(rules: Policy, scope: str) -> bool:
    try:
        rules.check("docker", scope)
    except Denied:
        return False
    return True


@pytest.mark.parametrize("scope", ["quay.io/team/app:1", "quay.io/team/app", "quay.io/team", "quay.io", "*.io", ""])
def test_the_most_specific_rule_counts(scope):
    rules = policy(REJECT, {scope: ACCEPT})
    assert allowed(rules, "quay.io/team/app:1")
    assert not allowed(policy(ACCEPT, {scope: REJECT}), "quay.io/team/app:1")


def test_a_narrow_accept_stands_in_a_wide_reject():
    rules = policy(ACCEPT, {"quay.io": REJECT, "quay.io/good": ACCEPT})
    assert allowed(rules, "quay.io/good/app:1")
    assert not allowed(rules, "quay.io/goodness/app:1")
    assert allowed(rules, "docker.io/library/busybox:latest")


def test_the_default_is_for_all_others():
    assert not allowed(policy(REJECT), "docker.io/library/busybox:latest")


def test_what_wants_a_signature_is_refused_clearly():
    with pytest.raises(Denied, match="cannot check signatures yet"):
        policy(ACCEPT, {"docker.io": SIGNED}).check("docker", "docker.io/library/x:1")


def test_files_have_rules_too():
    rules = Policy("p", {"default": ACCEPT, "transports": {"docker-archive": {"/srv": REJECT}}})
    with pytest.raises(Denied):
        rules.check("docker-archive", "/srv/images/a.tar")
    rules.check("docker-archive", "/tmp/a.tar")


def test_a_file_is_read(tmp_path: Path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"default": REJECT}))
    assert not allowed(load(str(path)), "docker.io/library/x:1")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"default": []}', '{"default": [{"type": "trustMe"}]}', '{"default": [{}]}', '{"default": 3}',
     '{"default": [{"type": "reject"}], "more": 1}', '{"default": [{"type": "reject"}], "transports": []}'],
)  # fmt: skip
def test_mistakes_name_the_file(tmp_path: Path, text: str):
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(Invalid, match="invalid policy in"):
        load(str(path))
