"""search, as Podman's own tests have it: against a server of the old search endpoint, a lying one, and a real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.registry.conftest import open_store
from tests.registry.lying import Handler, LyingRegistry
from tests.registry.server import PASSWORD, USER, Registry
from tests.support.command import Skerry
from tests.support.podman import Podman

from skerry.engine.engine import Engine
from skerry.engine.images.login import Place, login
from skerry.engine.images.search import Search, search
from skerry.engine.images.transfer import Limits, Transfer
from skerry.errors import SkerryError

ENTRIES = [
    {"name": "alpine", "description": "A minimal image", "star_count": 11000, "is_official": True},
    {"name": "grafana/alpine", "description": "x" * 60 + "\nmore", "star_count": 9, "is_automated": True},
    *({"name": f"user{n}/alpine", "star_count": n} for n in range(40)),
]
TRANSFER = Transfer(tls_verify=False, limits=Limits(retries=0, silence_s=5))


class SearchServer(LyingRegistry):
    """A registry with the v1 search endpoint, a catalog, and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = ENTRIES
        self.catalog: list[str] = []
        self.lie = self._search

    def _search(self, handler: Handler) -> bool:
        parts = urlsplit(handler.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/search" and not self.catalog:
            term = query["q"].strip("*")
            found = [entry for entry in self.entries if term in str(entry["name"])]
            return handler.answer(200, json.dumps({"results": found[: int(query["n"])]}).encode())
        if parts.path == "/v2/_catalog":
            return self._catalog(handler, query)
        if parts.path == "/v2/libpod/alpine/tags/list":
            tags = [f"3.{n}" for n in range(40)]
            return handler.answer(200, json.dumps({"name": "libpod/alpine", "tags": tags}).encode())
        return False

    def _catalog(self, handler: Handler, query: dict[str, str]) -> bool:
        start = int(query.get("from", 0))
        page = self.catalog[start : start + 5]
        headers = {}
        if start + 5 < len(self.catalog):
            headers["Link"] = f'</v2/_catalog?from={start + 5}>; rel="next"'
        return handler.answer(200, json.dumps({"repositories": page}).encode(), **headers)


@pytest.fixture
def server() -> Iterator[SearchServer]:
    made = SearchServer()
    yield made
    made.close()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_store(tmp_path)


@pytest.fixture
def find(skerry: Skerry, server: SearchServer) -> Callable[..., list[str]]:
    """The lines that search prints."""
    return lambda term, *flags: skerry("search", "--tls-verify=false", *flags, f"{server.host}/{term}").lines


def test_the_table(find: Callable[..., list[str]], server: SearchServer) -> None:
    lines = find("alpine")
    assert re.fullmatch(r"NAME\s+DESCRIPTION", lines[0])
    assert re.fullmatch(rf"{server.host}/alpine\s+A minimal image", lines[1])
    assert re.fullmatch(rf"{server.host}/grafana/alpine\s+x{{44}}\.\.\.", lines[2])
    assert len(lines) == 26


def test_columns_as_docker_has_them(find: Callable[..., list[str]], server: SearchServer) -> None:
    lines = find("alpine", "--compatible", "--limit", "2", "--no-trunc")
    assert re.fullmatch(r"NAME\s+DESCRIPTION\s+STARS\s+OFFICIAL\s+AUTOMATED", lines[0])
    assert re.fullmatch(rf"{server.host}/alpine\s+A minimal image\s+11000\s+\[OK\]\s*", lines[1])
    assert re.fullmatch(rf"{server.host}/grafana/alpine\s+x{{60}} more\s+9\s+\[OK\]", lines[2])


@pytest.mark.parametrize(("limit", "count"), [("3", 3), ("30", 30), ("100", 42), ("0", 25)])
def test_limits(limit: str, count: int, find: Callable[..., list[str]]) -> None:
    assert len(find("alpine", "--limit", limit)) == count + 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["stars=10"], {"alpine", *(f"user{n}/alpine" for n in range(10, 23))}),
        (["is-official"], {"alpine"}),
        (["is-official=true"], {"alpine"}),
        (["is-automated"], {"grafana/alpine"}),
        (["is-official=false,stars=22"], {"user22/alpine"}),
    ],
)
def test_filters(filters: list[str], expected: set[str], find: Callable[..., list[str]], server: SearchServer) -> None:
    words = [word for item in filters for word in ("--filter", item)]
    found = find("alpine", *words, "--format", "{{.Name}}")
    assert {name.removeprefix(f"{server.host}/") for name in found} == expected


@pytest.mark.parametrize(
    ("filter", "words"),
    [("stars", "should be stars=<value>"), ("stars=many", "incorrect value type for stars filter"),
     ("colour=red", "invalid filter type")],
)  # fmt: skip
def test_filters_that_are_none(filter: str, words: str, skerry: Skerry) -> None:
    result = skerry("search", "--filter", filter, "x", check=False)
    assert result.code == 125
    assert words in result.stderr


def test_json_has_podmans_keys_and_whole_texts(skerry: Skerry, server: SearchServer) -> None:
    term = f"{server.host}/grafana"
    found = json.loads(skerry("search", "--tls-verify=false", "--format", "json", term).stdout)
    assert found == [
        {
            "Index": server.host, "Name": f"{server.host}/grafana/alpine", "Description": "x" * 60 + " more",
            "Stars": 9, "Official": "", "Automated": "[OK]", "Tag": "",
        }
    ]  # fmt: skip


def test_formats(find: Callable[..., list[str]], server: SearchServer) -> None:
    assert find("grafana", "--format", "{{.Index}} {{.Stars}} {{.Automated}}") == [f"{server.host} 9 [OK]"]
    table = find("grafana", "--format", "table {{.Index}} {{.Name}}")
    assert [line.split() for line in table] == [["INDEX", "NAME"], [server.host, f"{server.host}/grafana/alpine"]]


def test_tags(find: Callable[..., list[str]], skerry: Skerry, server: SearchServer) -> None:
    lines = find("libpod/alpine", "--list-tags", "--limit", "30")
    assert re.fullmatch(r"NAME\s+TAG", lines[0])
    assert re.fullmatch(rf"{server.host}/libpod/alpine\s+3\.0", lines[1])
    assert len(lines) == 31
    assert len(find("libpod/alpine", "--list-tags")) == 26
    assert find("libpod/alpine", "--list-tags", "--format", "{{.Name}}", "--limit", "1") == [
        f"{server.host}/libpod/alpine"
    ]
    words = ["search", "--tls-verify=false", "--list-tags", "--format", "json", f"{server.host}/libpod/alpine:latest"]
    (entry,) = json.loads(skerry(*words).stdout)
    assert entry["Name"] == f"{server.host}/libpod/alpine"
    assert entry["Tags"][:2] == ["3.0", "3.1"]


@pytest.mark.parametrize(
    ("flags", "term", "words"),
    [
        (["--filter", "is-official"], "libpod/alpine", "filters are not applicable to list tags result"),
        ([], "podman/", 'reference "podman/" must be a docker reference'),
        ([], "podman", "getting repository tags: fetching tags list: StatusCode: 404"),
    ],
)
def test_tags_that_cannot_be_listed(
    flags: list[str], term: str, words: str, skerry: Skerry, server: SearchServer
) -> None:
    result = skerry("search", "--tls-verify=false", "--list-tags", *flags, f"{server.host}/{term}", check=False)
    assert (result.code, result.stdout) == (125, "")
    assert words in result.stderr


def test_without_the_old_endpoint_the_catalog_is_read_page_by_page(
    find: Callable[..., list[str]], server: SearchServer
) -> None:
    server.catalog = [f"team/web{n}" for n in range(12)] + ["web", "other"]
    lines = find("web", "--format", "{{.Name}}")
    assert lines[:2] == [f"{server.host}/web", f"{server.host}/team/web0"]  # the exact name first
    assert len(lines) == 13
    assert len(server.requests("GET", "_catalog")) == 3
    assert len(find("", "--limit", "7", "--format", "{{.Name}}")) == 7


def test_what_is_not_there_is_no_error(skerry: Skerry, plain: Registry) -> None:
    result = skerry("search", "--tls-verify=false", f"{plain.host}/fake/image:andtag")
    assert (result.stdout, result.stderr) == ("", "")


def test_a_real_registry(skerry: Skerry, busybox: str, plain: Registry, podman: Podman) -> None:
    skerry("push", "-q", "--tls-verify=false", busybox, f"{plain.host}/search/my-busybox:1")
    for term in ("my-busy", ""):
        words = ["search", "--tls-verify=false", f"{plain.host}/{term}"]
        ours = skerry(*words)
        assert f"{plain.host}/search/my-busybox" in ours.stdout
        assert ours.stdout.split() == podman(*words).stdout.split()
    words = ["search", "--tls-verify=false", "--format", "json", f"{plain.host}/my-busy"]
    assert json.loads(skerry(*words).stdout) == json.loads(podman(*words).stdout)
    words = ["search", "--list-tags", "--tls-verify=false", f"{plain.host}/search/my-busybox"]
    assert skerry(*words).stdout.split() == podman(*words).stdout.split()
    words = ["search", "--list-tags", "--format", "json", "--tls-verify=false", f"{plain.host}/search/my-busybox"]
    assert json.loads(skerry(*words).stdout) == json.loads(podman(*words).stdout)


@pytest.mark.parametrize("flags", [[], ["--tls-verify=true"]])
def test_http_only_where_it_is_allowed(flags: list[str], skerry: Skerry, plain: Registry, tmp_path: Path) -> None:
    result = skerry("search", *flags, f"{plain.host}/x", check=False)
    assert (result.code, result.stdout) == (125, "")
    assert (
        f'couldn\'t search registry "{plain.host}": pinging container registry {plain.host}: Get '
        f'"https://{plain.host}/v2/": http: server gave HTTP response to HTTPS client'
    ) in result.stderr
    (tmp_path / "r.conf").write_text(f'[[registry]]\nlocation = "{plain.host}"\ninsecure = true\n')
    env = {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "r.conf")}
    assert skerry("search", *flags, f"{plain.host}/x", check=False, env=env).code == (125 if flags else 0)


def test_all_search_registries_are_asked_and_one_answer_is_enough(
    skerry: Skerry, server: SearchServer, tmp_path: Path
) -> None:
    other = SearchServer()
    other.catalog = ["alpine-of-other"]
    conf = tmp_path / "r.conf"
    hosts = [server.host, other.host, "127.0.0.1:1"]
    conf.write_text(f"unqualified-search-registries = {json.dumps(hosts)}\n")
    env = {"CONTAINERS_REGISTRIES_CONF": str(conf)}
    words = ["search", "--tls-verify=false", "--limit", "1", "--format", "{{.Index}} {{.Name}}", "alpine"]
    found = skerry(*words, env=env)
    assert found.lines == [f"{host} {host}/{name}" for host, name in
                           ((server.host, "alpine"), (other.host, "alpine-of-other"))]  # fmt: skip
    other.close()
    conf.write_text('unqualified-search-registries = ["127.0.0.1:1", "127.0.0.1:2"]\n')
    failed = skerry("search", "--tls-verify=false", "alpine", env=env, check=False)
    assert failed.code == 125
    assert "2 errors occurred" in failed.stderr


def test_a_blocked_registry_is_not_asked(skerry: Skerry, server: SearchServer, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text(f'[[registry]]\nlocation = "{server.host}"\nblocked = true\n')
    env = {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "r.conf")}
    result = skerry("search", "--tls-verify=false", f"{server.host}/alpine", env=env, check=False)
    assert "is blocked" in result.stderr
    assert server.seen == []


def test_names_of_docker_hub(engine: Engine, server: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.engine.images.search._HUB_SEARCH", server.host)
    rows = search(engine, "docker.io/alpine", Search(limit=2, transfer=TRANSFER))
    assert [row["Name"] for row in rows] == ["docker.io/library/alpine", "docker.io/grafana/alpine"]
    assert server.requests("GET", "/v1/search")[0][1] == "/v1/search?q=alpine&n=2"


def test_credentials_are_for_the_catalog_alone(engine: Engine, server: SearchServer) -> None:
    """The old endpoint is asked without them, as Podman does; the catalog where it wants them."""
    server.catalog = ["team/secret"]
    lie = server.lie

    def guarded(handler: Handler) -> bool:
        if handler.path.startswith("/v2/") and not handler.headers.get("Authorization"):
            return handler.answer(401, WWW_Authenticate='Basic realm="x"')
        return bool(lie and lie(handler))

    server.lie = guarded
    login(engine.settings, server.host, USER, PASSWORD, Place(engine.settings), TRANSFER)
    server.seen.clear()
    assert search(engine, f"{server.host}/secret", Search(transfer=TRANSFER))[0]["Name"] == f"{server.host}/team/secret"
    assert all("Authorization" not in headers for _m, path, headers in server.seen if path.startswith("/v1"))
    (wrong,) = [error_of(engine, server, Transfer(creds="alice:", tls_verify=False))]
    assert wrong is None or "unauthorized" in wrong


def error_of(engine: Engine, server: LyingRegistry, transfer: Transfer = TRANSFER) -> str | None:
    try:
        search(engine, f"{server.host}/x", Search(transfer=transfer))
    except SkerryError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b'{"results": 7}', b'{"results": [7, {"name": 7}, {"name": "a\\u001b[2J"}]}', b"[" * 100000,
     b'{"results": [' + b'{"name": "x"},' * 400000 + b"7]}"],
)  # fmt: skip
def test_answers_of_the_old_endpoint_that_make_no_sense(body: bytes, engine: Engine, server: SearchServer) -> None:
    server.lie = lambda handler: handler.path.startswith("/v1/") and handler.answer(200, body)
    error = error_of(engine, server)
    assert error is None or "couldn't search registry" in error


@pytest.mark.parametrize(
    "link",
    ["</v2/_catalog>", "<https://elsewhere.invalid/v2/_catalog?from=1>", "<file:///etc/passwd>", "<//elsewhere.invalid/>",
     "garbage", "<"],
)  # fmt: skip
def test_a_catalog_that_leads_in_circles_or_elsewhere(link: str, engine: Engine, server: SearchServer) -> None:
    def lie(handler: Handler) -> bool:
        if handler.path.startswith("/v2/_catalog"):
            return handler.answer(200, b'{"repositories": ["a"]}', Link=link)
        return False

    server.lie = lie
    error = error_of(engine, server)
    assert error is None or "couldn't search registry" in error
    assert len(server.seen) < 20


def test_an_authfile_that_is_not_there(skerry: Skerry) -> None:
    for words in (["search", "x"], ["pull", "x"]):
        result = skerry(words[0], "--authfile", "/tmp/nonexistent", words[1], check=False)
        assert result.code == 125
        expected = "credential file is not accessible: faccessat /tmp/nonexistent: no such file or directory"
        assert expected in result.stderr
