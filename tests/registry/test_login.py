"""login and logout as commands: which file, in which form, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.registry.server import PASSWORD, USER, Authority, Registry
from tests.support.command import Skerry


@pytest.fixture
def certs_flag(authority: Authority, tmp_path: Path) -> str:
    folder = tmp_path / "certs"
    folder.mkdir()
    shutil.copy(authority.certificate, folder / "ca.crt")
    return f"--cert-dir={folder}"


def test_a_file_in_dockers_form(skerry: Skerry, guarded: Registry, certs_flag: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"psFormat": "mine"}')
    words = [certs_flag, "--compat-auth-file", str(file), "-u", USER, "--password-stdin"]
    refused = skerry("login", *words, f"{guarded.host}/team", input=PASSWORD, check=False)
    assert "cannot be kept in a Docker-compatible file" in refused.stderr
    done = skerry("login", "-v", *words, guarded.host, input=PASSWORD + "\n")
    assert done.lines == [f"Used:  {file}", "Login Succeeded!"]
    document = json.loads(file.read_text())
    assert (document["psFormat"], list(document["auths"])) == ("mine", [guarded.host])
    assert skerry("login", "--compat-auth-file", str(file), "--get-login", guarded.host).stdout == f"{USER}\n"
    assert skerry("login", "--get-login", guarded.host, check=False).code == 125
    out = skerry("logout", "--compat-auth-file", str(file), guarded.host).stdout
    assert out == f"Removed login credentials for {guarded.host}\n"
    assert json.loads(file.read_text()) == {"psFormat": "mine", "auths": {}}


def test_docker_config_says_where(skerry: Skerry, guarded: Registry, certs_flag: str, tmp_path: Path) -> None:
    env = {"DOCKER_CONFIG": str(tmp_path / "docker")}
    skerry("login", certs_flag, "-u", USER, "--password-stdin", guarded.host, input=PASSWORD, env=env)
    assert guarded.host in (tmp_path / "docker/config.json").read_text()
    skerry("logout", "--all", env=env)
    assert json.loads((tmp_path / "docker/config.json").read_text()) == {"auths": {}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["login", "--authfile", "/a", "--compat-auth-file", "/b", "h.io"], "can not be set simultaneously"),
        (["logout", "--authfile", "/nonexistent", "h.io"],
         "credential file is not accessible: faccessat /nonexistent: no such file or directory"),
        (["logout", "--compat-auth-file", "/nonexistent", "--all"],
         "credential file is not accessible: faccessat /nonexistent: no such file or directory"),
        (["logout", "h.io"], "not logged into h.io"),
        (["logout", "-a", "h.io"], "--all takes no arguments"),
        (["login", "--get-login", "h.io"], "not logged into h.io"),
        (["login", "-u", "u", "-p", "p", "h.io/x:tag"], "contains tag or digest"),
        (["login", "-p", "p", "--password-stdin", "-u", "u", "h.io"], "can't specify both"),
        (["login", "--password-stdin", "h.io"], "must provide --username with --password-stdin"),
    ],
)  # fmt: skip
def test_what_login_and_logout_refuse(words: list[str], message: str, skerry: Skerry) -> None:
    result = skerry(*words, check=False, input="")
    assert result.code == 125
    assert message in result.stderr


def test_an_authfile_that_is_new_knows_nobody(
    skerry: Skerry, guarded: Registry, certs_flag: str, tmp_path: Path
) -> None:
    """What another file knows does not count beside a named one."""
    skerry("login", certs_flag, "-u", USER, "--password-stdin", guarded.host, input=PASSWORD)
    named = ["--authfile", str(tmp_path / "new.json")]
    assert skerry("login", *named, "--get-login", guarded.host, check=False).code == 125
    refused = skerry("login", certs_flag, *named, "-u", USER, "-p", "wrong", guarded.host, check=False)
    assert refused.stderr == f'Error: logging into "{guarded.host}": invalid username/password\n'
    assert not (tmp_path / "new.json").exists()


def test_an_identity_token_is_not_overwritten(skerry: Skerry, nobody_logged_in: Path) -> None:
    nobody_logged_in.mkdir()
    (nobody_logged_in / "auth.json").write_text('{"auths": {"h.io": {"identitytoken": "tok"}}}')
    result = skerry("login", "-u", "u", "-p", "p", "h.io", check=False)
    assert "currently logged in, auth file contains an Identity token" in result.stderr
