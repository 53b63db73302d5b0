"""``--secret``: files and variables in containers, and everywhere that they must not show."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.support.command import Skerry, eventually

VALUE = "s3cr3t-Value"


@pytest.fixture
def secrets(skerry: Skerry, busybox: str) -> str:
    """The secrets a and b, and the image's name."""
    for name in ("a", "b"):
        skerry("secret", "create", name, "-", input=VALUE)
    return busybox


def run(skerry: Skerry, image: str, secret: str, *rest: str, check: bool = True) -> list[str]:
    return skerry("run", "--rm", "--network", "none", "--secret", secret, *rest[:-1], image, "sh", "-c", rest[-1]).lines


def test_a_file_under_run_secrets(skerry: Skerry, secrets: str) -> None:
    out = run(skerry, secrets, "a", "stat -c '%a %u:%g' /run/secrets /run/secrets/a; cat /run/secrets/a")
    assert out == ["755 0:0", "444 0:0", VALUE]


@pytest.mark.parametrize(
    ("secret", "place", "shown"),
    [
        ("a,target=foo", "/run/secrets/foo", "444 0:0"),
        ("a,target=/x/foo", "/x/foo", "444 0:0"),
        ("a,type=mount,target=deep/er/foo", "/run/secrets/deep/er/foo", "444 0:0"),
        ("source=a,uid=5,gid=6,mode=0440", "/run/secrets/a", "440 5:6"),
        ("a,UID=7,mode=400", "/run/secrets/a", "400 7:0"),
        ("a,target=", "/run/secrets/a", "444 0:0"),
    ],
)
def test_where_a_file_goes_and_whose_it_is(skerry: Skerry, secrets: str, secret: str, place: str, shown: str) -> None:
    assert run(skerry, secrets, secret, f"stat -c '%a %u:%g' {place}; cat {place}") == [shown, VALUE]


def test_a_variable(skerry: Skerry, secrets: str) -> None:
    assert run(skerry, secrets, "a,type=env", "echo $a; ls /run/secrets 2>&1; true") == [
        VALUE, "ls: /run/secrets: No such file or directory",
    ]  # fmt: skip
    assert run(skerry, secrets, "a,type=env,target=PW", "-e", "PW=other", "echo $PW") == [VALUE]


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("a,mode=999", "mode 999 invalid: parsing secret"),
        ("a,mode=", "mode  invalid: parsing secret"),
        ("a,uid=x", "UID x invalid: parsing secret"),
        ("a,gid=4294967296", "GID 4294967296 invalid: parsing secret"),
        ("a,type=foo", "type foo is invalid: parsing secret"),
        ("a,type=mount,type=env", "cannot set more than one secret type: parsing secret"),
        ("a,type=env,uid=4", "UID, GID, Mode options cannot be set with secret type env: parsing secret"),
        ("a,foo=bar", "option foo=bar invalid: parsing secret"),
        ("a,b", "option b must be in form option=value: parsing secret"),
        (",type=env", "no source found ,type=env: parsing secret"),
        ("type=env,target=x", "no source found type=env,target=x: parsing secret"),
        ("source=a", 'no secret with name or id "source=a": no such secret'),
        ("nope", 'no secret with name or id "nope": no such secret'),
    ],
)
def test_what_makes_no_sense(skerry: Skerry, secrets: str, secret: str, message: str) -> None:
    done = skerry("create", "--secret", secret, secrets, check=False)
    assert (done.code, done.stderr) == (125, f"Error: {message}\n")
    assert skerry("ps", "-aq").stdout == ""


def test_a_file_is_the_containers_own_copy(skerry: Skerry, secrets: str) -> None:
    skerry("run", "-d", "--name", "box", "--network", "none", "--secret", "a", secrets, "sleep", "100")
    skerry("secret", "create", "--replace", "a", "-", input="changed")
    skerry("restart", "-t", "0", "box")
    assert skerry("exec", "box", "cat", "/run/secrets/a").stdout == VALUE
    skerry("secret", "rm", "a")
    skerry("restart", "-t", "0", "box")
    assert skerry("exec", "box", "cat", "/run/secrets/a").stdout == VALUE


def test_a_variable_is_looked_up_at_each_start(skerry: Skerry, secrets: str) -> None:
    skerry("run", "-d", "--name", "box", "--network", "none", "--secret", "a,type=env", secrets, "sleep", "100")
    assert skerry("exec", "-e", "a=mine", "box", "sh", "-c", "echo $a").lines == [VALUE]
    skerry("secret", "create", "--replace", "a", "-", input="changed")
    assert skerry("exec", "box", "sh", "-c", "echo $a").lines == ["changed"]
    skerry("secret", "rm", "a")
    done = skerry("exec", "box", "true", check=False)
    assert (done.code, done.stderr) == (255, 'Error: no secret with name or id "a": no such secret\n')
    done = skerry("restart", "-t", "0", "box", check=False)
    assert (done.code, done.stderr) == (125, 'Error: no secret with name or id "a": no such secret\n')
    assert skerry("ps", "-a", "--format", "{{.Names}}").lines == ["box"]


def test_no_other_secret_whose_id_begins_so_takes_the_place_of_a_removed_one(skerry: Skerry, busybox: str) -> None:
    other = skerry("secret", "create", "other", "-", input="not yours").stdout.strip()
    skerry("secret", "create", other[0], "-", input=VALUE)
    skerry("create", "--name", "box", "--network", "none", "--secret", f"{other[0]},type=env", busybox, "env")
    skerry("secret", "rm", other[0])
    done = skerry("start", "-a", "box", check=False)
    assert "not yours" not in done.stdout
    assert f'no secret with name or id "{other[0]}": no such secret' in done.stderr


def test_a_variable_that_is_no_text_is_refused_at_once(skerry: Skerry, busybox: str) -> None:
    for name, data in (("nul", b"a\0b"), ("bytes", b"\xff\xfe")):
        skerry("secret", "create", name, "-", input=data)
        done = skerry("create", "--secret", f"{name},type=env", busybox, check=False)
        assert done.code == 125
        assert f"the secret {name} cannot be an environment variable: it is not a text" in done.stderr
    out = skerry(
        "run", "--rm", "--network", "none", "--secret", "bytes", busybox, "od", "-An", "-tx1", "/run/secrets/bytes"
    )
    assert out.stdout.split() == ["ff", "fe"]


def test_inspect_tells_names_and_no_values(skerry: Skerry, secrets: str) -> None:
    words = ["--secret", "a,uid=3,mode=0400,target=foo", "--secret", "b,type=env,target=BB"]
    skerry("create", "--name", "box", *words, secrets)
    done = skerry("inspect", "box").stdout
    assert VALUE not in done
    config = json.loads(done)[0]["Config"]
    secret_id = skerry("secret", "inspect", "-f", "{{.ID}}", "a").id
    assert config["Secrets"] == [{"Name": "a", "ID": secret_id, "UID": 3, "GID": 0, "Mode": 0o400}]
    assert config["Env"][-1] == "b=*******"


def test_no_image_archive_or_log_has_it(skerry: Skerry, secrets: str, tmp_path: Path) -> None:
    words = ["--secret", "a", "--secret", "a,target=/x/y", "--secret", "b,type=env"]
    done = skerry("--log-level=debug", "run", "--name", "box", "--network", "none", *words, secrets, "true")
    assert VALUE not in done.stdout + done.stderr
    assert "C /run/secrets" not in skerry("diff", "box").stdout
    skerry("commit", "-q", "box", "made")
    skerry("save", "-q", "-o", tmp_path / "made.tar", "made")
    skerry("export", "-o", tmp_path / "box.tar", "box")
    for name in ("made.tar", "box.tar"):
        assert VALUE.encode() not in (tmp_path / name).read_bytes()
    with tarfile.open(tmp_path / "box.tar") as archive:
        names = {member.name.rstrip("/") for member in archive}
        assert "run/secrets/a" not in names
        assert archive.getmember("x/y").size == 0
    assert VALUE not in skerry("image", "inspect", "made").stdout + skerry("history", "made").stdout


def test_no_process_and_no_open_file_shows_it(skerry: Skerry, secrets: str) -> None:
    words = ["--secret", "a", "--secret", "b,type=env"]
    skerry("run", "-d", "--name", "box", "--network", "none", *words, secrets, "sleep", "100")
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert VALUE not in lines
    found = subprocess.run(
        ["grep", "-rlF", VALUE, skerry.root, skerry.runroot, "--exclude-dir=rootfs"], capture_output=True, text=True, check=False
    ).stdout.split()  # fmt: skip
    assert found  # the driver's file, the container's copy, and what the runtime reads
    for path in map(Path, found):
        for step in (path, *path.parents):
            if not stat.S_IMODE(os.stat(step).st_mode) & 0o007:
                break
        else:
            pytest.fail(f"{path} can be reached by others")
        assert step != skerry.top.parent


def test_what_a_container_writes_there_is_gone_at_its_next_start(skerry: Skerry, secrets: str) -> None:
    script = "cat /run/secrets/a; echo; echo changed > /run/secrets/a"
    skerry("run", "--name", "box", "--network", "none", "--secret", "a", secrets, "sh", "-c", script)
    skerry("start", "-a", "box")
    assert skerry("logs", "box").lines == [VALUE, VALUE]


def test_read_only_root(skerry: Skerry, secrets: str) -> None:
    out = run(skerry, secrets, "a", "--read-only", "echo x 2>&1 > /run/secrets/a; cat /run/secrets/a")
    assert out[-1] == VALUE


def test_a_mount_of_the_users_own_stays(skerry: Skerry, secrets: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    assert run(skerry, secrets, "a", "-v", f"{tmp_path}/a:/run/secrets/a", "cat /run/secrets/a") == ["mine"]


def test_ids_of_its_own(skerry: Skerry, secrets: str) -> None:
    script = "stat -c '%a %u:%g' /run/secrets /run/secrets/a; cat /run/secrets/a"
    out = run(skerry, secrets, "a,uid=7,gid=8,mode=0400", "--uidmap", "0:100000:1000", "-u", "7", script)
    assert out == ["755 0:0", "400 7:8", VALUE]


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_with_every_runtime(skerry: Skerry, secrets: str, runtime: str) -> None:
    words = ["--runtime", runtime, "run", "--rm", "--network", "none", "--read-only", "--secret", "a,target=x/y"]
    done = skerry(*words, "--secret", "b,type=env", secrets, "sh", "-c", "cat /run/secrets/x/y; echo $b")
    assert done.stdout == f"{VALUE}{VALUE}\n"


def test_a_health_check_has_the_variables(skerry: Skerry, secrets: str) -> None:
    check = f'test "$a" = {VALUE}'
    skerry(
        "run", "-d", "--name", "box", "--network", "none", "--secret", "a,type=env", "--health-cmd", check,
        "--health-interval", "disable", secrets, "sleep", "100",
    )  # fmt: skip
    eventually(lambda: skerry("healthcheck", "run", "box", check=False).code == 0)


@pytest.mark.parametrize("step", ["container.secrets", "container.record"])
def test_a_killed_create_leaves_no_copy(skerry: Skerry, secrets: str, step: str) -> None:
    done = skerry("create", "--secret", "a", secrets, env={"SKERRY_CRASH_AT": step}, check=False)
    assert done.code == -9
    assert skerry("ps", "-aq").stdout == ""
    skerry("system", "check", "--repair", check=False)
    assert os.listdir(skerry.root / "containers") == []
    assert skerry("system", "check").code == 0


def test_a_taken_name_leaves_no_copy(skerry: Skerry, secrets: str) -> None:
    skerry("create", "--name", "box", secrets)
    assert skerry("create", "--name", "box", "--secret", "a", secrets, check=False).code == 125
    assert skerry("system", "check").code == 0
    assert list((skerry.root / "containers").glob("*/secrets")) == []


def test_a_removed_container_takes_its_copy_along(skerry: Skerry, secrets: str) -> None:
    skerry("create", "--name", "box", "--secret", "a", secrets)
    assert len(list((skerry.root / "containers").glob("*/secrets/0"))) == 1
    skerry("rm", "box")
    assert os.listdir(skerry.root / "containers") == []
