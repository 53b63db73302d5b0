"""``skerry secret``: names, listing, what is shown and what never is, drivers, and what a killed command leaves."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.support.command import Skerry

VALUE = "s3cr3t-Value"


def make(skerry: Skerry, name: str, *flags: str, value: str | bytes = VALUE) -> str:
    return skerry("secret", "create", *flags, name, "-", input=value).id


def files(skerry: Skerry) -> list[Path]:
    folder = skerry.root / "secrets"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_secret_is_listed_and_shown_without_what_it_says(skerry: Skerry) -> None:
    secret_id = make(skerry, "db", "-l", "a=b", "--label", "c")
    assert len(secret_id) == 25
    heading, row = skerry("secret", "ls").lines
    assert heading.split() == ["ID", "NAME", "DRIVER", "CREATED", "UPDATED"]
    assert row.split()[:3] == [secret_id, "db", "file"]
    (shown,) = json.loads(skerry("secret", "inspect", "db").stdout)
    assert list(shown) == ["ID", "CreatedAt", "UpdatedAt", "Spec"]
    options = {"path": f"{skerry.root}/secrets/filedriver"}
    assert shown["Spec"] == {
        "Name": "db",
        "Driver": {"Name": "file", "Options": options},
        "Labels": {"a": "b", "c": ""},
    }
    assert VALUE not in skerry("secret", "inspect", "--pretty", "db").stdout
    template = "{{.SecretData}}|{{.Spec.Labels}}"
    assert skerry("secret", "inspect", "-f", template, "db").stdout == "|map[a:b c:]\n"
    assert skerry("secret", "inspect", "--showsecret", "-f", template, "db").stdout == f"{VALUE}|map[a:b c:]\n"


def test_only_the_owner_can_read_what_is_kept(skerry: Skerry) -> None:
    make(skerry, "db")
    (kept,) = files(skerry)
    assert kept.read_text() == VALUE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["a/b", "a=b", "a,b", "", "x" * 254])
def test_a_name_that_is_none(skerry: Skerry, name: str) -> None:
    done = skerry("secret", "create", name, "-", input=VALUE, check=False)
    assert done.code == 125
    assert done.stderr == (
        f"Error: secret name \"{name}\" can not include '=', '/', ',', or the '\\0' (NULL) and be between 1 and 253 "
        "characters: invalid secret name\n"
    )


@pytest.mark.parametrize("size", [0, 512000, 600000])
def test_too_little_or_too_much_data(skerry: Skerry, size: int) -> None:
    done = skerry("secret", "create", "x", "-", input=b"x" * size, check=False)
    assert (done.code, done.stderr) == (125, "Error: secret data must be larger than 0 and less than 512000 bytes\n")
    assert skerry("secret", "ls", "-q").stdout == ""


def test_the_largest_secret_comes_back_whole(skerry: Skerry) -> None:
    data = bytes(range(256)) * 2000
    make(skerry, "big", value=data[:511999])
    done = skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "big")
    assert done.raw == data[:511999] + b"\n"


def test_a_secret_from_a_file_and_from_the_environment(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("of a file")
    skerry("secret", "create", "one", tmp_path / "f")
    skerry("secret", "create", "--env", "two", "MINE", env={"MINE": "of the environment"})
    shown = skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "one", "two")
    assert shown.lines == ["of a file", "of the environment"]
    done = skerry("secret", "create", "--env", "x", "NOT_SET", check=False)
    assert done.stderr == "Error: cannot create store secret data: environment variable NOT_SET is not set\n"
    done = skerry("secret", "create", "x", "/nonexistent", check=False)
    assert done.stderr == "Error: open /nonexistent: no such file or directory\n"


def test_a_taken_name_is_refused_ignored_or_replaced(skerry: Skerry) -> None:
    first = make(skerry, "db")
    done = skerry("secret", "create", "db", "-", input="new", check=False)
    assert (done.code, done.stderr) == (125, "Error: db: secret name in use\n")
    assert make(skerry, "db", "--ignore", value="new") == first
    created = skerry("secret", "inspect", "-f", "{{.CreatedAt}}", "db").stdout
    second = make(skerry, "db", "--replace", value="new")
    assert second != first
    shown = skerry("secret", "inspect", "--showsecret", "-f", "{{.ID}} {{.SecretData}} {{.CreatedAt}}", "db").stdout
    assert shown == f"{second} new {created}"
    assert [path.name for path in files(skerry)] == [second]
    done = skerry("secret", "create", "--ignore", "--replace", "db", "-", input="x", check=False)
    assert done.stderr.splitlines()[0] == "Error: cannot use --ignore and --replace flags together"


def test_ids_and_their_beginnings_name_a_secret(skerry: Skerry) -> None:
    ids = [make(skerry, name) for name in ("one", "two")]
    assert skerry("secret", "exists", ids[0][:12]).code == 0
    assert skerry("secret", "exists", "three", check=False).code == 1
    assert skerry("secret", "rm", ids[0][:12], "two").lines == ids
    done = skerry("secret", "rm", "one", check=False)
    assert (done.code, done.stderr) == (125, 'Error: no secret with name or id "one": no such secret\n')
    assert skerry("secret", "rm", "-i", "one").stdout == ""


def test_an_ambiguous_beginning_is_refused(skerry: Skerry) -> None:
    for number in range(17):  # of 17 ids two begin with the same digit
        make(skerry, f"s{number}")
    digits = [line[0] for line in skerry("secret", "ls", "-q").lines]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    done = skerry("secret", "inspect", shared, check=False)
    assert f"more than one result secret with prefix {shared}: secret is ambiguous" in done.stderr


def test_several_are_removed_although_one_is_missing(skerry: Skerry) -> None:
    ids = [make(skerry, name) for name in ("one", "two")]
    done = skerry("secret", "rm", "one", "missing", "two", check=False)
    assert (done.code, done.lines) == (125, ids)
    assert files(skerry) == []


def test_all_are_removed(skerry: Skerry) -> None:
    ids = {make(skerry, name) for name in ("one", "two")}
    assert skerry("secret", "rm", "-a", "one", check=False).code == 125
    assert set(skerry("secret", "rm", "-a").lines) == ids
    assert skerry("secret", "ls", "-q", "-n").stdout == ""


def test_filters_and_formats(skerry: Skerry) -> None:
    ids = {name: make(skerry, name) for name in ("db-a", "db-b", "other")}
    assert skerry("secret", "ls", "--filter", "name=^db", "--format", "{{.Name}}").lines == ["db-a", "db-b"]
    assert skerry("secret", "ls", "-q", "--filter", f"id={ids['other'][:10]}").lines == [ids["other"]]
    (row,) = json.loads(skerry("secret", "ls", "--filter", "name=other", "--format", "json").stdout)
    assert list(row) == ["ID", "Name", "Driver", "CreatedAt", "UpdatedAt"]
    done = skerry("secret", "ls", "--filter", "label=x", check=False)
    assert done.stderr.startswith('Error: invalid filter "label"')


def test_events_tell_of_secrets(skerry: Skerry) -> None:
    secret_id = make(skerry, "db")
    skerry("secret", "rm", "db")
    events = skerry("events", "--stream=false", "--since", "1m", "--filter", "type=secret").lines
    assert [line.split(" UTC ")[1] for line in events] == [f"secret create {secret_id}", f"secret remove {secret_id}"]


def test_prune_leaves_secrets_and_reset_does_not(skerry: Skerry) -> None:
    make(skerry, "db")
    skerry("system", "prune", "-af", "--volumes")
    assert skerry("secret", "ls", "--format", "{{.Name}}").lines == ["db"]
    skerry("system", "reset", "-f")
    assert not (skerry.root / "secrets").exists()


def test_names_are_completed(skerry: Skerry) -> None:
    make(skerry, "db-password")
    for words in (["secret", "rm", "db"], ["secret", "inspect", "db"], ["run", "--secret", "db"]):
        given = skerry.argv[1:]
        assert skerry("__complete", *given, *words).lines[0].split("\t")[0] == "db-password"


# Drivers


def shell_options(folder: Path) -> str:
    place = f"{folder}/$SECRET_ID"
    return f"list=ls {folder},store=cat > {place},lookup=cat {place},delete=rm {place}"


def test_the_shell_driver_is_the_users_own_commands(skerry: Skerry, tmp_path: Path) -> None:
    secret_id = make(skerry, "sh", "-d", "shell", "--driver-opts", shell_options(tmp_path))
    assert (tmp_path / secret_id).read_text() == VALUE
    assert skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "sh").stdout == f"{VALUE}\n"
    skerry("secret", "rm", "sh")
    assert os.listdir(tmp_path) == []


def test_a_shell_driver_that_cannot_forget_keeps_its_secret(skerry: Skerry, tmp_path: Path) -> None:
    secret_id = make(skerry, "sh", "-d", "shell", "--driver-opts", shell_options(tmp_path))
    (tmp_path / secret_id).unlink()
    done = skerry("secret", "rm", "sh", check=False)
    assert done.code == 125
    assert f"Error: deleting secret sh: {secret_id}: no such secret" in done.stderr
    assert skerry("secret", "ls", "-q").lines == [secret_id]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("list=true,store=true", "Error: missing config value"),
        ("list=true,store=true,lookup=true,delete=true,x=y", 'Error: invalid shell driver option: "x"'),
        ("list=true,store=exit 3,lookup=true,delete=true", "Error: creating secret s: exit status 3"),
        ("list", 'Error: invalid argument "list" for "--driver-opts" flag: list must be formatted as key=value'),
    ],
)
def test_a_shell_driver_that_cannot_work(skerry: Skerry, options: str, message: str) -> None:
    done = skerry(
        "secret", "create", "-d", "shell", "--driver-opts", options, "s", "-", input=VALUE, check=False
    )  # fmt: skip
    assert done.code == 125
    assert done.stderr.startswith(message)
    assert skerry("secret", "ls", "-q").stdout == ""


def test_a_driver_that_is_none(skerry: Skerry) -> None:
    done = skerry("secret", "create", "-d", "vault", "s", "-", input=VALUE, check=False)
    assert done.stderr.startswith("Error: invalid driver")


def test_containers_conf_chooses_the_driver(skerry: Skerry, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    options = "".join(
        f"{item.replace('=', ' = ', 1).replace('= ', '= @', 1)}@\n" for item in shell_options(folder).split(",")
    )
    (tmp_path / "c.conf").write_text('[secrets]\ndriver = "shell"\n[secrets.opts]\n' + options.replace("@", '"'))
    env = {"CONTAINERS_CONF_OVERRIDE": str(tmp_path / "c.conf")}
    secret_id = skerry("secret", "create", "s", "-", input=VALUE, env=env).id
    assert os.listdir(folder) == [secret_id]
    # What was chosen is the secret's own from then on.
    assert skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "s").stdout == f"{VALUE}\n"


def test_the_pass_driver_encrypts(skerry: Skerry, short_tmp: Path) -> None:
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    home, store = short_tmp / "gpg", short_tmp / "store"
    home.mkdir(mode=0o700)
    store.mkdir()
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    words = ["--passphrase", "", "--quick-generate-key", "tester@example.com", "default", "default", "never"]
    subprocess.run([*gpg, *words], check=True, capture_output=True)
    try:
        (store / ".gpg-id").write_text("tester@example.com\n")
        options = f"root={store},gpghomedir={home}"
        secret_id = make(skerry, "p", "-d", "pass", "--driver-opts", options)
        assert VALUE.encode() not in (store / secret_id).read_bytes()
        assert skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "p").stdout == f"{VALUE}\n"
        skerry("secret", "rm", "p")
        assert os.listdir(store) == [".gpg-id"]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


# Killed


@pytest.mark.parametrize("step", ["secret.note", "secret.data", "secret.record", "secret.remove-data"])
def test_a_killed_create_is_whole_or_leaves_nothing(skerry: Skerry, step: str) -> None:
    make(skerry, "old")
    done = skerry("secret", "create", "new", "-", input=VALUE, env={"SKERRY_CRASH_AT": step}, check=False)
    assert done.code == -9
    there = step == "secret.remove-data"
    assert (skerry("secret", "exists", "new", check=False).code == 0) == there
    skerry("secret", "rm", "old")  # any command that changes secrets sweeps
    assert len(files(skerry)) == there
    assert skerry("system", "check").code == 0


@pytest.mark.parametrize("step", ["secret.data", "secret.record", "secret.remove-data"])
def test_a_killed_replace_is_the_old_one_or_the_new_one(skerry: Skerry, step: str) -> None:
    make(skerry, "s", value="old")
    words = ("secret", "create", "--replace", "s", "-")
    assert skerry(*words, input="new", env={"SKERRY_CRASH_AT": step}, check=False).code == -9
    shown = skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "s").stdout
    assert shown == ("new\n" if step == "secret.remove-data" else "old\n")
    skerry("system", "check", "--repair", check=False)
    assert [path.read_text() for path in files(skerry)] == [shown.strip()]


@pytest.mark.parametrize("step", ["secret.note", "secret.remove-row", "secret.remove-data"])
def test_a_killed_removal_never_leaves_a_secret_without_data(skerry: Skerry, step: str) -> None:
    make(skerry, "s")
    assert skerry("secret", "rm", "s", env={"SKERRY_CRASH_AT": step}, check=False).code == -9
    if step == "secret.remove-data":
        assert skerry("secret", "exists", "s", check=False).code == 1
    else:
        assert skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "s").stdout == f"{VALUE}\n"
        skerry("secret", "rm", "s")
    skerry("system", "check", "--repair", check=False)
    assert files(skerry) == []


def test_a_check_finds_what_lost_its_other_half(skerry: Skerry) -> None:
    gone = make(skerry, "gone")
    (skerry.root / "secrets/filedriver" / gone).rename(skerry.root / "secrets/filedriver/stray")
    done = skerry("system", "check", check=False)
    assert done.code != 0
    assert "its data is gone" in done.stdout + done.stderr
    skerry("system", "check", "--repair", check=False)
    assert skerry("system", "check").code == 0
    assert skerry("secret", "ls", "-q").stdout == ""
    assert files(skerry) == []


def test_many_at_once(skerry: Skerry) -> None:
    skerry("secret", "ls")
    words = ("secret", "create", "--replace", "s", "-")
    running = [skerry.popen(*words) for _ in range(8)]
    for number, process in enumerate(running):
        process.communicate(f"value {number}".encode(), timeout=60)
    assert [process.returncode for process in running] == [0] * 8
    assert skerry("secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", "s").stdout.startswith("value ")
    assert len(files(skerry)) == 1
