"""What is wrong in a file is said in one line that names the file, the line and the key."""

from __future__ import annotations

import pytest
from tests.config.conftest import Host

from skerry.errors import Denied, Invalid, SkerryError

MISTAKES = [
    ("[containers]\npids_limit =\n", r"line 2: invalid value"),
    ("[containers\n", r"line 1: expected"),
    ('[containers]\ntz = "unclosed\n', r"line 2: "),
    ("[containers]\ntz = 'x'\ntz = 'y'\n", r"line 3: cannot overwrite a value"),
    (
        '[containers]\n\npids_limit = "many"\n',
        r"line 3: \[containers\] pids_limit: expected an integer, found a string",
    ),
    ("[containers]\ninit = 1\n", r"line 2: \[containers\] init: expected true or false, found an integer"),
    ('[containers]\nenv = "A=1"\n', r"line 2: \[containers\] env: expected a list, found a string"),
    ("[containers]\nenv = [1]\n", r"line 2: \[containers\] env: expected a list of strings"),
    ("[containers]\nenv = [{prepend = true}]\n", r"a table in a list must be \{append = true\}"),
    ('[containers]\ndefault_ulimits = ["nofile"]\n', r'"nofile" is not NAME=SOFT:HARD'),
    ('[containers]\nshm_size = "big"\n', r'shm_size: "big" is not a size'),
    ("[containers]\nlog_size_max = 100\n", r"less than conmon's buffer"),
    ('[containers]\nlog_driver = "syslog"\n', r'"syslog" is not one of k8s-file'),
    (
        '[engine]\ncgroup_manager = "magic"\n',
        r'line 2: \[engine\] cgroup_manager: "magic" is not one of systemd, cgroupfs',
    ),
    ('[engine.runtimes]\ncrun = "/usr/bin/crun"\n', r"\[engine.runtimes\] crun: expected a list of strings"),
    ("umask = '0022'\n", r"line 1: umask stands outside of any table"),
    ("[containers]\ntz = 2020-01-01\n", r"expected a string, found a date or time"),
    ("a = " + "[" * 5000 + "\n", r"nested too deeply|line 1"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_is_named_with_its_place(host: Host, text: str, message: str) -> None:
    path = host.write(host.admin, "containers.conf", text)
    with pytest.raises(Invalid, match=message) as caught:
        host.load()
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_bytes_that_are_not_utf8(host: Host) -> None:
    path = host.write(host.admin, "containers.conf", "")
    path.write_bytes(b"[containers]\ntz = '\xff'\n")
    with pytest.raises(Invalid, match="line 2: not UTF-8"):
        host.load()


def test_unknown_keys_and_tables_are_left_to_other_tools(host: Host) -> None:
    host.write(host.admin, "containers.conf", "[containers]\nfuture = 1\n[machine]\ncpus = 2\n")
    assert host.load().umask == "0022"


def test_unknown_managers_on_the_command_line_in_podmans_words(host: Host) -> None:
    with pytest.raises(Invalid, match="configuring runtime: cgroup manager must be one of cgroupfs and systemd"):
        host.load(cgroup_manager="magic")
    with pytest.raises(Invalid, match='configuring runtime: "magic" is not a valid events backend'):
        host.load(events_backend="magic")


def test_a_run_folder_of_somebody_else_is_refused(host: Host) -> None:
    host.run.mkdir()
    host.run.chmod(0o777)
    with pytest.raises(Denied, match="does not belong"):
        host.load()


def test_a_run_folder_that_is_a_link_is_refused(host: Host) -> None:
    (host.top / "elsewhere").mkdir()
    host.run.symlink_to(host.top / "elsewhere")
    with pytest.raises(SkerryError, match="does not belong"):
        host.load()
