"""Who one is: where credentials come from, and where they never go."""

from __future__ import annotations

import json
import os
import stat
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.registry.lying import Handler, LyingRegistry
from tests.registry.test_pull import layer

from skerry.engine.engine import Engine
from skerry.engine.images import login
from skerry.engine.images.push import Push
from skerry.engine.images.transfer import Limits, Transfer
from skerry.errors import SkerryError
from skerry.image.registry import challenge, credentials
from skerry.image.registry.auth import _belongs
from skerry.image.registry.helper import run

SECRET = "topsecret"
BASIC = "Basic " + b64encode(f"alice:{SECRET}".encode()).decode()
LIMITS = Limits(retries=1, delay_s=0.01, silence_s=20)
KNOWN = Transfer(tls_verify=False, creds=f"alice:{SECRET}", limits=LIMITS)
NOBODY = Transfer(tls_verify=False, limits=LIMITS)


def wants_basic(handler: Handler) -> bool:
    if handler.headers.get("Authorization") == BASIC or handler.path == "/v2/":
        return False
    handler.body()
    return handler.answer(401, WWW_Authenticate='Basic realm="here"')


def wants_token(realm: str, tokens: list[str]) -> Any:
    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return False
        if handler.headers.get("Authorization", "") in [f"Bearer {token}" for token in tokens]:
            return False
        handler.body()
        return handler.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="reg",scope="ignored"')

    return lie


def secrets_in(registry: LyingRegistry) -> list[str]:
    return [f"{m} {p} {h.get('Authorization', '')}" for m, p, h in registry.seen if "Authorization" in h or SECRET in p]


def test_basic(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    liar.lie = wants_basic
    engine.images.pull(f"{liar.host}/x", transfer=KNOWN)
    with pytest.raises(SkerryError, match="authentication required"):
        engine.images.pull(f"{liar.host}/x", transfer=NOBODY)
    with pytest.raises(SkerryError, match="authentication required"):
        engine.images.pull(f"{liar.host}/x", transfer=Transfer(tls_verify=False, creds="alice:wrong", limits=LIMITS))


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_tokens(key: str, engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    honest = wants_token(f"{liar.url}/token", ["good"])

    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return handler.answer(200, json.dumps({key: "good"}).encode())
        return bool(honest(handler))

    liar.lie = lie
    engine.images.pull(f"{liar.host}/team/x", transfer=KNOWN)
    (request,) = liar.requests("GET", "/token")
    assert parse_qs(urlsplit(request[1]).query) == {
        "account": ["alice"], "service": ["reg"], "scope": ["repository:team/x:pull"]
    }  # fmt: skip
    assert request[2]["Authorization"] == BASIC


def test_a_token_that_runs_out_is_replaced(engine: Engine, liar: LyingRegistry) -> None:
    liar.add_image(layer("a"), layer("b"), layer("c"))
    good: list[str] = []

    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            good[:] = [f"t{len(liar.seen)}"]
            return handler.answer(200, json.dumps({"token": good[0], "expires_in": 1}).encode())
        if "/blobs/" in handler.path and len(liar.requests("GET", "/blobs/")) == 2:
            good.clear()
        return bool(wants_token(f"{liar.url}/token", good)(handler))

    liar.lie = lie
    engine.images.pull(f"{liar.host}/x", transfer=KNOWN)
    assert len(liar.requests("GET", "/token")) >= 2


def test_identity_tokens(engine: Engine, liar: LyingRegistry, nobody_logged_in: Path) -> None:
    nobody_logged_in.mkdir()
    entry = {"auths": {liar.host: {"auth": "", "identitytoken": "id-token"}}}
    (nobody_logged_in / "auth.json").write_text(json.dumps(entry))
    liar.add_image(layer("a"))
    honest = wants_token(f"{liar.url}/token", ["good"])
    forms: list[bytes] = []

    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            forms.append(handler.body())
            return handler.answer(200, b'{"access_token":"good"}')
        return bool(honest(handler))

    liar.lie = lie
    engine.images.pull(f"{liar.host}/x", transfer=NOBODY)
    (form,) = forms
    fields = parse_qs(form.decode())
    assert fields["grant_type"] == ["refresh_token"]
    assert fields["refresh_token"] == ["id-token"]


# Where they never go


def test_a_redirect_elsewhere_gets_no_credentials(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    other.blobs = liar.blobs

    def lie(handler: Handler) -> bool:
        if wants_basic(handler):
            return True
        return "/blobs/" in handler.path and handler.answer(307, Location=other.url + handler.path)

    liar.lie = lie
    engine.images.pull(f"{liar.host}/x", transfer=KNOWN)
    assert other.requests("GET", "/blobs/")
    assert secrets_in(other) == []


def test_a_realm_elsewhere_gets_no_credentials(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    liar.lie = wants_token(f"{other.url.replace('127.0.0.1', 'localhost')}/token", ["good"])
    other.lie = lambda h: h.answer(401)
    with pytest.raises(SkerryError, match="wants the password to be sent to another host") as caught:
        engine.images.pull(f"{liar.host}/x", transfer=KNOWN)
    assert SECRET not in str(caught.value)
    assert other.requests("GET", "/token")
    assert secrets_in(other) == []
    assert "account" not in other.seen[-1][1]


def test_an_upload_elsewhere_gets_no_credentials(engine: Engine, liar: LyingRegistry, other: LyingRegistry) -> None:
    liar.add_image(layer("a"))
    engine.images.pull(f"{liar.host}/x", transfer=NOBODY)

    def lie(handler: Handler) -> bool:
        if wants_basic(handler):
            return True
        if handler.command == "POST":
            handler.body()
            other.uploads["1"] = b""
            return handler.answer(202, Location=f"{other.url}/v2/y/blobs/uploads/1")
        return "/v2/y/blobs/" in handler.path and handler.answer(404)

    liar.lie = lie
    engine.images.push(f"{liar.host}/x", f"{liar.host}/y", Push(transfer=KNOWN))
    assert other.requests("PUT", "/uploads/1")
    assert secrets_in(other) == []


def test_a_page_of_tags_elsewhere_gets_no_credentials(
    engine: Engine, liar: LyingRegistry, other: LyingRegistry
) -> None:
    from skerry.engine.images.pull import Pull, pull_all_tags

    def lie(handler: Handler) -> bool:
        link = f'<{other.url}/v2/x/tags/list>; rel="next"'
        return wants_basic(handler) or ("/tags/" in handler.path and handler.answer(200, b'{"tags":[]}', Link=link))

    liar.lie = lie
    other.lie = lambda h: h.answer(200, b'{"tags":[]}')
    assert pull_all_tags(engine, f"{liar.host}/x", Pull(transfer=KNOWN)) == []
    assert other.seen != []
    assert secrets_in(other) == []


REALMS = [
    ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
    ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
    ("https://registry.example.com:5000", "https://registry.example.com:5001/token", True),
    ("https://registry.example.com", "http://registry.example.com/token", False),
    ("http://localhost:5000", "http://localhost:5001/token", True),
    ("https://registry.example.com", "https://example.org/token", False),
    ("https://good.co.uk", "https://evil.co.uk/token", False),
    ("https://registry.good.co.uk", "https://auth.good.co.uk/token", True),
    ("https://example.com", "https://example.com.evil.org/token", False),
    ("https://example.com", "https://notexample.com/token", False),
    ("https://10.0.0.1", "https://10.0.0.2/token", False),
    ("https://com", "https://evil.com/token", False),
    ("https://registry", "https://other/token", False),
]


@pytest.mark.parametrize(("registry", "realm", "believed"), REALMS)
def test_which_realms_are_a_registry_s_own(registry: str, realm: str, believed: bool) -> None:
    assert _belongs(realm, registry) is believed


def test_challenges_are_read_as_the_standard_has_them() -> None:
    parse = challenge.choose
    found = parse(['Bearer realm="https://a/t?x=\\"1\\"",service=reg, scope="repository:a:pull,push", error="x"'])
    assert found
    assert found.parameters == {
        "realm": 'https://a/t?x="1"', "service": "reg", "scope": "repository:a:pull,push", "error": "x"
    }  # fmt: skip
    both = parse(['Basic realm="a", Bearer realm="https://b"'])
    assert both
    assert (both.scheme, both.parameters["realm"]) == ("bearer", "https://b")
    assert parse(["Negotiate"]) is None
    assert parse(["", "=,=", '"']) is None


# Where they come from


def write(path: Path, auths: dict[str, str], **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = {key: {"auth": b64encode(value.encode()).decode()} for key, value in auths.items()}
    path.write_text(json.dumps({"auths": entries, **more}))


def found(engine: Engine, registry: str, repository: str = "", authfile: str = "") -> str:
    it = credentials.find(engine.settings, registry, repository, authfile)
    return f"{it.user}:{it.password}" if it else ""


def test_the_longest_key_counts(engine: Engine, nobody_logged_in: Path) -> None:
    write(nobody_logged_in / "auth.json", {"h.io": "a:1", "h.io/team": "b:2", "h.io/team/x": "c:3"})
    assert found(engine, "h.io", "other/x") == "a:1"
    assert found(engine, "h.io", "team/y") == "b:2"
    assert found(engine, "h.io", "team/x") == "c:3"
    assert found(engine, "h.io", "team/xy") == "b:2"
    assert found(engine, "i.io", "team/x") == ""


def test_files_in_their_order(
    engine: Engine, nobody_logged_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    write(home / ".docker/config.json", {"h.io": "docker:1", "https://index.docker.io/v1/": "hub:1"})
    assert found(engine, "h.io") == "docker:1"
    assert found(engine, "docker.io", "library/x") == "hub:1"
    write(home / ".config/containers/auth.json", {"h.io": "config:1"})
    assert found(engine, "h.io") == "config:1"
    write(nobody_logged_in / "auth.json", {"h.io": "runtime:1"})
    assert found(engine, "h.io") == "runtime:1"
    write(tmp_path / "named.json", {"h.io": "named:1"})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "named.json"))
    assert found(engine, "h.io") == "named:1"
    write(tmp_path / "flag.json", {"h.io": "flag:with:colons"})
    assert found(engine, "h.io", authfile=str(tmp_path / "flag.json")) == "flag:with:colons"
    with pytest.raises(SkerryError, match="no such file"):
        found(engine, "h.io", authfile=str(tmp_path / "none.json"))


@pytest.mark.parametrize("text", ["{", "[]", '{"auths":[1]}', '{"auths":{"h.io":{"auth":"%%%"}}}', "[" * 100_000])
def test_a_broken_file_is_named(text: str, engine: Engine, nobody_logged_in: Path) -> None:
    nobody_logged_in.mkdir()
    (nobody_logged_in / "auth.json").write_text(text)
    with pytest.raises(SkerryError, match=r"auth\.json"):
        found(engine, "h.io")


HELPER = """#!/bin/sh
read key
echo "$1 $key" >> {log}
case "$1 $key" in
    "get h.io") echo '{{"ServerURL":"h.io","Username":"helped","Secret":"s"}}';;
    "get t.io") echo '{{"Username":"<token>","Secret":"tok"}}';;
    get*) echo "credentials not found in native keychain"; exit 1;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker-credential-test"
    program.write_text(HELPER.format(log=tmp_path / "log"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "log"


def test_credential_helpers(engine: Engine, nobody_logged_in: Path, helper: Path) -> None:
    write(nobody_logged_in / "auth.json", {"x.io": "a:1"}, credHelpers={"h.io": "test", "e.io": "../evil"})
    assert found(engine, "h.io", "team/x") == "helped:s"
    assert found(engine, "x.io") == "a:1"
    with pytest.raises(SkerryError, match="no name of a credential helper"):
        found(engine, "e.io")
    write(nobody_logged_in / "auth.json", {}, credsStore="test")
    assert found(engine, "h.io", "team/x") == "helped:s"
    assert found(engine, "z.io") == ""
    token = credentials.find(engine.settings, "t.io")
    assert token
    assert token.identity_token == "tok"
    write(nobody_logged_in / "auth.json", {}, credsStore="missing")
    with pytest.raises(SkerryError, match="docker-credential-missing"):
        found(engine, "h.io")


def test_helpers_of_registries_conf(
    engine: Engine, liar: LyingRegistry, nobody_logged_in: Path, helper: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    conf = tmp_path / "r.conf"
    conf.write_text('credential-helpers = ["test", "containers-auth.json"]\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    write(nobody_logged_in / "auth.json", {"h.io": "file:1", "x.io": "file:2"})
    assert found(engine, "h.io", "team/x") == "helped:s"
    assert found(engine, "x.io") == "file:2"
    place = login.Place(engine.settings)
    assert login.login(engine.settings, liar.host, "u", "p", place, NOBODY) == "docker-credential-test"
    assert liar.host not in (nobody_logged_in / "auth.json").read_text()
    assert login.logout(engine.settings, "h.io", place)
    assert "erase h.io" in helper.read_text()
    assert "h.io" not in (nobody_logged_in / "auth.json").read_text()
    with pytest.raises(SkerryError, match="a part of a registry"):
        login.login(engine.settings, f"{liar.host}/team", "u", "p", place, NOBODY)
    conf.write_text('credential-helpers = "test"\n')
    with pytest.raises(SkerryError, match="expected a list of strings"):
        found(engine, "h.io")


def test_login_tells_the_helper(engine: Engine, liar: LyingRegistry, nobody_logged_in: Path, helper: Path) -> None:
    write(nobody_logged_in / "auth.json", {}, credsStore="test")
    login.login(engine.settings, liar.host, "u", "p", login.Place(engine.settings), NOBODY)
    assert f'"{liar.host}"' in helper.read_text() or "store" in helper.read_text()
    assert "auth" not in json.loads((nobody_logged_in / "auth.json").read_text())["auths"].get(liar.host, {})


def test_login_checks_and_keeps(engine: Engine, liar: LyingRegistry, nobody_logged_in: Path) -> None:
    def lie(handler: Handler) -> bool:
        if handler.headers.get("Authorization") == BASIC:
            return handler.answer(200, b"{}")
        return handler.answer(401, WWW_Authenticate='Basic realm="x"')

    liar.lie = lie
    with pytest.raises(SkerryError, match=f'logging into "{liar.host}": invalid username/password'):
        login.login(engine.settings, liar.host, "alice", "wrong", login.Place(engine.settings), NOBODY)
    assert not nobody_logged_in.exists()
    place = login.Place(engine.settings)
    where = login.login(engine.settings, f"https://{liar.host}/", "alice", SECRET, place, NOBODY)
    assert where == str(nobody_logged_in / "auth.json")
    assert stat.S_IMODE(os.stat(where).st_mode) == 0o600
    assert login.known(engine.settings, liar.host, place) == "alice"
    assert login.logout(engine.settings, liar.host, place)
    assert login.known(engine.settings, liar.host, place) == ""
    with pytest.raises(SkerryError, match="not logged into"):
        login.logout(engine.settings, liar.host, place)


@pytest.mark.parametrize(
    "output",
    [
        "", "nonsense", "[]", "{}", '{"Username":null,"Secret":"s"}', '{"Username":"u","Secret":7}', '{"Username":"u"}',
        "\\377\\376", '{"Username":"u","Secret":"s"}garbage',
    ],
)  # fmt: skip
def test_odd_outputs_of_helpers(output: str, engine: Engine, nobody_logged_in: Path, helper: Path) -> None:
    write(nobody_logged_in / "auth.json", {}, credsStore="test")
    program = helper.parent / "bin" / "docker-credential-test"
    program.write_text(f"#!/bin/sh\nprintf '{output}'\n")
    with pytest.raises(SkerryError, match="docker-credential-test gave no credentials in JSON"):
        found(engine, "h.io")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo \'{"Username":"u","Secret":"hidden"}\'; exit 1', "failed: exit code 1"),
        ('echo "the keychain is locked"; exit 1', "failed: the keychain is locked"),
        ("exec </dev/null; kill -9 $$", "failed: exit code -9"),
        ("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done", "prints more than"),
        ("sleep 60", "no answer after 1 seconds"),
    ],
)  # fmt: skip
def test_helpers_that_misbehave(
    script: str, words: str, engine: Engine, nobody_logged_in: Path, helper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run.__kwdefaults__, "time_s", 1.0)
    write(nobody_logged_in / "auth.json", {}, credsStore="test")
    (helper.parent / "bin" / "docker-credential-test").write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(SkerryError, match=words) as caught:
        found(engine, "h.io")
    assert "hidden" not in str(caught.value)


def test_a_helper_may_leave_something_in_the_background(engine: Engine, nobody_logged_in: Path, helper: Path) -> None:
    write(nobody_logged_in / "auth.json", {}, credsStore="test")
    answer = '{"Username":"u","Secret":"s"}'
    script = f"#!/bin/sh\nsleep 3 >/dev/null &\necho '{answer}'\n"
    (helper.parent / "bin" / "docker-credential-test").write_text(script)
    assert found(engine, "h.io") == "u:s"
