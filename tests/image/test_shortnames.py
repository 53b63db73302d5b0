"""What names without a registry mean: aliases, search registries, modes, and what a user chose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.registry.lying import LyingRegistry
from tests.support.command import Skerry
from tests.support.terminal import Terminal

from skerry.config.settings import Settings, load_settings
from skerry.engine.engine import Engine, open_engine
from skerry.engine.images.pull import Pull, pull
from skerry.engine.images.transfer import Transfer
from skerry.errors import Denied, Invalid, SkerryError
from skerry.image import shortnames
from skerry.image.shortnames import local_candidates, remember, resolve

TWO = 'unqualified-search-registries = ["one.example", "two.example"]\n'
ALIASES = '[aliases]\n"tool" = "quay.io/team/tool"\n"gone" = ""\n'
BOTH = ["one.example/web:latest", "two.example/web:latest"]


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """registries.conf, for the test to write; nothing that this machine has counts."""
    path = tmp_path / "registries.conf"
    path.write_text("")
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(path))
    monkeypatch.setattr(shortnames, "aliases_file", lambda _settings: str(tmp_path / "cache/aliases.conf"))
    return path


def settings(conf: Path, text: str) -> Settings:
    conf.write_text(text)
    os.utime(conf, ns=(len(text), len(text)))
    return load_settings({"runroot": str(conf.parent / "run")})


def names(found: shortnames.Resolved) -> list[str]:
    return [str(candidate) for candidate in found.candidates]


def test_without_a_configuration_it_is_docker_io(conf: Path) -> None:
    assert names(resolve(settings(conf, ""), "web")) == ["docker.io/library/web:latest"]
    assert local_candidates(settings(conf, ""), "web") == ["localhost/web:latest", "docker.io/library/web:latest"]


def test_no_search_registries_at_all(conf: Path) -> None:
    with pytest.raises(Invalid) as caught:
        resolve(settings(conf, "unqualified-search-registries = []\n"), "web:1")
    assert str(caught.value) == (
        f'short-name "web:1" did not resolve to an alias and no unqualified-search registries are defined in "{conf}"'
    )


def test_an_alias_counts_before_all_and_keeps_tag_and_digest(conf: Path) -> None:
    known = settings(conf, TWO + ALIASES)
    found = resolve(known, "tool")
    assert names(found) == ["quay.io/team/tool:latest"]
    assert found.description == f'Resolved "tool" as an alias ({conf})'
    assert names(resolve(known, "tool:2")) == ["quay.io/team/tool:2"]
    digest = "sha256:" + "a" * 64
    assert names(resolve(known, f"tool@{digest}")) == [f"quay.io/team/tool@{digest}"]
    assert local_candidates(known, "tool:2")[:2] == ["quay.io/team/tool:2", "localhost/tool:2"]


def test_an_empty_alias_is_none(conf: Path) -> None:
    found = resolve(settings(conf, TWO + ALIASES), "gone")
    assert names(found) == ["one.example/gone:latest", "two.example/gone:latest"]


@pytest.mark.parametrize("target", ["web", "library/web", "quay.io/web:1", "quay.io/web@sha256:" + "a" * 64, "Ü"])
def test_an_alias_must_name_a_repository_of_a_registry(target: str, conf: Path) -> None:
    with pytest.raises(Invalid, match='invalid alias "bad"'):
        resolve(settings(conf, f'[aliases]\n"bad" = "{target}"\n'), "bad")


@pytest.mark.parametrize("mode", ["permissive", "disabled"])
def test_where_nobody_can_be_asked_all_are_tried(mode: str, conf: Path) -> None:
    found = resolve(settings(conf, f'short-name-mode = "{mode}"\n' + TWO), "web")
    assert names(found) == BOTH
    assert found.description == f'Resolving "web" using unqualified-search registries ({conf})'


def test_enforcing_wants_somebody_to_ask(conf: Path) -> None:
    known = settings(conf, 'short-name-mode = "enforcing"\n' + TWO + ALIASES)
    with pytest.raises(Denied, match="short-name resolution enforced but cannot prompt without a TTY"):
        resolve(known, "web")
    assert names(resolve(known, "tool")) == ["quay.io/team/tool:latest"]
    assert names(resolve(known, "quay.io/web")) == ["quay.io/web:latest"]
    assert names(resolve(known, "docker://web")) == ["docker.io/library/web:latest"]
    one = settings(conf, 'short-name-mode = "enforcing"\nunqualified-search-registries = ["one.example"]\n')
    assert names(resolve(one, "web")) == BOTH[:1]


def test_a_mode_that_is_none(conf: Path) -> None:
    with pytest.raises(Invalid, match='invalid short-name mode: "loose"'):
        resolve(settings(conf, 'short-name-mode = "loose"\n'), "web")


@pytest.mark.parametrize(("mode", "asked"), [("permissive", True), ("enforcing", True), ("disabled", False)])
def test_a_user_is_asked_which_is_meant(mode: str, asked: bool, conf: Path) -> None:
    seen: list[list[str]] = []

    def choose(items: list[str]) -> str:
        seen.append(items)
        return items[1]

    found = resolve(settings(conf, f'short-name-mode = "{mode}"\n' + TWO), "web", choose)
    assert seen == ([BOTH] if asked else [])
    assert names(found) == (BOTH[1:] if asked else BOTH)
    assert found.alias_of == ("web" if asked else "")


def test_what_was_chosen_is_kept_and_counts_before_registries_conf(conf: Path, tmp_path: Path) -> None:
    known = settings(conf, TWO + ALIASES)
    remember(known, "web", resolve(known, "two.example/web:1").candidates[0])
    remember(known, "tool", resolve(known, "two.example/x/tool").candidates[0])
    file = tmp_path / "cache/aliases.conf"
    assert file.read_text() == '[aliases]\n  "tool" = "two.example/x/tool"\n  "web" = "two.example/web"\n'
    found = resolve(known, "web:3")
    assert (names(found), found.description) == (["two.example/web:3"], f'Resolved "web" as an alias ({file})')
    assert names(resolve(known, "tool")) == ["two.example/x/tool:latest"]


@pytest.mark.parametrize("text", ["garbage", "= =", '"web" =', "\0\xff", "[aliases]\nweb"])
def test_a_damaged_file_of_choices_is_no_disaster(text: str, conf: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/aliases.conf").write_text(text, encoding="latin-1")
    assert names(resolve(settings(conf, ""), "web")) == ["docker.io/library/web:latest"]


def test_users_have_files_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class User:
        rootless, home = True, "/home/u"

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert shortnames.aliases_file(User) == "/home/u/.cache/containers/short-name-aliases.conf"  # type: ignore[arg-type]


@pytest.fixture
def engine(conf: Path, tmp_path: Path) -> Engine:
    conf.write_text(TWO)
    return open_engine({name: str(tmp_path / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]


def test_a_choice_that_was_pulled_is_kept_one_that_was_not_is_not(engine: Engine, conf: Path, tmp_path: Path) -> None:
    registry = LyingRegistry()
    registry.add_image()
    conf.write_text(f'unqualified-search-registries = ["nowhere.invalid", "{registry.host}"]\n')
    fresh = open_engine({name: str(tmp_path / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]
    transfer = Transfer(tls_verify=False)
    try:
        with pytest.raises(SkerryError):
            pull(fresh, "web", Pull(transfer=transfer, choose=lambda items: items[0]))
        assert not (tmp_path / "cache").exists()
        record = pull(fresh, "web", Pull(transfer=transfer, choose=lambda items: items[1]))
        assert record["names"] == [f"{registry.host}/web:latest"]
        assert f'"web" = "{registry.host}/web"' in (tmp_path / "cache/aliases.conf").read_text()
        assert pull(fresh, "web", Pull(transfer=transfer))["id"] == record["id"]
        assert fresh.images.resolve("web")["id"] == record["id"]
        fresh.images.remove(["web"])
    finally:
        registry.close()


def test_a_candidate_that_is_forbidden_is_passed_over(conf: Path, tmp_path: Path) -> None:
    registry = LyingRegistry()
    registry.add_image()
    conf.write_text(
        f'unqualified-search-registries = ["blocked.example", "{registry.host}"]\n'
        '[[registry]]\nlocation = "blocked.example"\nblocked = true\n'
    )
    fresh = open_engine({name: str(tmp_path / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]
    try:
        record = pull(fresh, "web", Pull(transfer=Transfer(tls_verify=False)))
        assert record["names"] == [f"{registry.host}/web:latest"]
        fresh.images.remove(["web"])
        with pytest.raises(Denied, match="is blocked"):
            pull(fresh, "blocked.example/web", Pull(transfer=Transfer(tls_verify=False)))
    finally:
        registry.close()


def test_a_name_that_looks_like_an_id_is_a_name(conf: Path, tmp_path: Path) -> None:
    registry = LyingRegistry()
    registry.add_image()
    conf.write_text(f'unqualified-search-registries = ["{registry.host}"]\n')
    fresh = open_engine({name: str(tmp_path / name) for name in ("root", "runroot", "tmpdir")})  # type: ignore[misc]
    transfer = Transfer(tls_verify=False)
    try:
        image_id = pull(fresh, "web", Pull(transfer=transfer))["id"]
        name = image_id[:3]
        fresh.images.tag(image_id, f"{registry.host}/{name}")
        assert pull(fresh, name, Pull(transfer=transfer))["names"] == [f"{registry.host}/{name}:latest"]
        with pytest.raises(Invalid, match="referred to by ID"):
            pull(fresh, image_id, Pull(transfer=transfer))
        fresh.images.remove([image_id], force=True)
    finally:
        registry.close()


def test_the_first_search_registry_counts_in_the_local_store(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text('unqualified-search-registries = ["docker.io", "quay.io", "three.example"]\n')
    env = {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "r.conf")}
    (tmp_path / "d").mkdir()
    skerry("import", "-q", "-", "other", input=b"\0" * 1024)
    for first, second in (("docker.io", "quay.io"), ("quay.io", "three.example"), ("docker.io", "three.example")):
        skerry("tag", busybox, f"{first}/foo/test:tag")
        skerry("tag", "other", f"{second}/foo/test:tag")
        found = skerry("image", "inspect", "-f", "{{.RepoTags}}", "foo/test:tag", env=env).stdout
        assert f"{first}/foo/test:tag" in found
        skerry("untag", busybox, f"{first}/foo/test:tag")
        skerry("untag", "other", f"{second}/foo/test:tag")


def test_the_prompt_of_a_terminal(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text(
        'unqualified-search-registries = ["one.invalid", "two.invalid", "three.invalid"]\n'
    )
    os.environ["CONTAINERS_REGISTRIES_CONF"] = str(tmp_path / "r.conf")
    try:
        with Terminal([*skerry.argv, "pull", "some/web"]) as terminal:
            terminal.expect(b"? Please select an image:")
            terminal.expect("▸ one.invalid/some/web:latest".encode())
            terminal.expect(b"three.invalid/some/web:latest")
            terminal.type(b"\x1b[B")
            terminal.expect("▸ two.invalid/some/web:latest".encode())
            terminal.type(b"\r")
            terminal.expect("✔ two.invalid/some/web:latest".encode())
            terminal.expect(b"Trying to pull two.invalid/some/web:latest...")
            assert terminal.wait() == 125
            assert terminal.is_as_before()
        with Terminal([*skerry.argv, "run", "some/web"]) as terminal:
            terminal.expect(b"? Please select an image:")
            terminal.type(b"\x03")
            terminal.expect(b"Error: ^C")
            assert terminal.wait() == 125
            assert terminal.is_as_before()
    finally:
        del os.environ["CONTAINERS_REGISTRIES_CONF"]
