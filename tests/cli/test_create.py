"""``create`` refuses what could never start, in Podman's words, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Skerry

NEVER_STARTS = [
    (("--cap-add", "BOGUS"), '"CAP_BOGUS": unknown capability'),
    (("--network", "foo"), "unable to find network with name or ID foo: network not found"),
    (("--ulimit", "foo"), "invalid ulimit argument: foo"),
    (("--sysctl", "foo=1"), "is not allowed"),
    (("--device", "/dev/nonex"), "stat /dev/nonex: no such file or directory"),
    (("--umask", "9"), "running container create option: invalid umask string 9: invalid argument"),
    (("--tz", "Foo/Bar"), "running container create option: finding timezone: unknown time zone Foo/Bar"),
    (("--add-host", "foo"), 'bad format for add-host: "foo" (NAME[;NAME…]:IP)'),
    (("--dns", "foo"), "foo is not an ip address"),
    (("--ip", "1.2.3"), '"1.2.3" is not an ip address'),
    (("--mac-address", "x"), "address x: invalid MAC address"),
    (("--device-cgroup-rule", "foo"), "invalid device cgroup rule"),
]


@pytest.mark.parametrize(("flags", "words"), NEVER_STARTS, ids=[flags[0] for flags, _ in NEVER_STARTS])
def test_what_could_never_start_is_not_created(
    skerry: Skerry, busybox: str, flags: tuple[str, str], words: str
) -> None:
    result = skerry("create", *flags, busybox, "true", check=False)
    assert (result.code, len(result.stderr.splitlines())) == (125, 1)
    assert words in result.stderr
    assert skerry("ps", "-aq").stdout == ""


def test_a_refused_replacement_leaves_the_old_container(skerry: Skerry, busybox: str) -> None:
    old = skerry("create", "--name", "web", busybox, "true").id
    assert skerry("create", "--replace", "--name", "web", "--umask", "9", busybox, "true", check=False).code == 125
    assert skerry("ps", "-aq", "--no-trunc").id == old


def test_run_is_refused_with_125_too(skerry: Skerry, busybox: str) -> None:
    assert skerry("run", "--rm", "--ulimit", "foo", busybox, "true", check=False).code == 125


def test_good_values_of_the_same_flags_are_accepted(skerry: Skerry, busybox: str) -> None:
    skerry(
        "create", "--cap-add", "net_admin", "--cap-drop", "chown", "--ulimit", "nofile=64", "--sysctl", "net.ipv4.ip_forward=1",
        "--device", "/dev/null:/dev/own:r", "--umask", "027", "--tz", "local", "--add-host", "a:host-gateway",
        "--dns", "10.0.0.1", "--ip", "10.88.0.77", "--mac-address", "92:d0:c6:0a:29:33", busybox, "true",
    )  # fmt: skip


def test_a_taken_name_leaves_nothing_of_the_second(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    skerry("create", "--name", "box", busybox, "true")
    cidfile = tmp_path / "cid"
    again = skerry("create", "--name", "box", "--cidfile", cidfile, "-v", "/data", busybox, "true", check=False)
    assert again.code == 125
    assert not cidfile.exists()
    assert skerry("volume", "ls", "-q").stdout == ""


def test_a_label_makes_nobody_dependent(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--name", "box", busybox, "true").id
    skerry("create", "--name", "other", "-l", f"seen=container:{box}", busybox, "true")
    assert skerry("rm", "box").stdout == "box\n"


def test_containers_conf_decides_where_no_flag_does(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    conf.write_text('[containers]\ninit = true\ntz = "UTC"\n')
    words = (
        "run",
        "--rm",
        "--network",
        "none",
        busybox,
        "sh",
        "-c",
        "cat /proc/1/comm; grep -c localtime /proc/mounts",
    )
    shown = skerry(*words, env={"CONTAINERS_CONF_OVERRIDE": str(conf)}).stdout
    assert shown == "podman-init\n1\n"


def test_starting_by_hand_counts_restarts_anew(skerry: Skerry, busybox: str, eventually: Callable[..., None]) -> None:
    skerry("run", "-d", "--network", "none", "--name", "box", "--restart", "on-failure:1", busybox, "false")

    def ended() -> bool:
        return skerry("inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "box").stdout == "1 exited\n"

    eventually(ended)
    skerry("start", "box")
    eventually(ended)

    # inspect observes an end before the clean-up has noted it.
    def ends() -> int:
        return len(skerry("events", "--stream=false", "--filter", "event=died", "--filter", "container=box").lines)

    eventually(lambda: ends() == 4)


def test_a_tmpfs_begins_with_the_images_files_unless_it_shall_not(skerry: Skerry, busybox: str) -> None:
    for option, has in (("", True), (",tmpcopyup", True), (",notmpcopyup", False)):
        out = skerry("run", "--rm", "--mount", f"type=tmpfs,dst=/etc{option}", busybox, "ls", "/etc").lines
        assert ("group" in out) == has


def test_more_variables_than_a_kernel_takes_are_refused_at_once(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("".join(f"VARIABLE_{number}=value\n" for number in range(400_000)))
    done = skerry("run", "--rm", "--env-file", tmp_path / "env", busybox, "true", check=False)
    assert (done.code, "argument list too long" in done.stderr) == (125, True)
    assert skerry("ps", "-aq").stdout == ""
