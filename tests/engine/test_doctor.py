"""The doctor: what is missing is said, with what stops working and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.command import Skerry

from skerry.engine.doctor import cgroups, configuration, kernel, network, programs, storage, users, will_work
from skerry.engine.doctor.host import Host
from skerry.engine.doctor.report import FAIL, OK, WARN, Finding


class OtherHost(Host):
    """A host whose files are in a folder and whose programs are those that were named."""

    def __init__(self, top: Path, have: tuple[str, ...] = ()) -> None:
        super().__init__(str(top))
        self.have = have

    def find(self, name: str, settings: Any) -> str:  # noqa: ARG002
        return f"/usr/bin/{name}" if name.rpartition("/")[2] in self.have else ""

    def output(self, argv: list[str], data: bytes = b"") -> tuple[int, str]:  # noqa: ARG002
        return 1, "Error: Could not process rule"

    def put(self, path: str, text: str) -> None:
        target = Path(self.top + path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def settings(tmp_path: Path, *, rootless: bool = False) -> Any:
    return SimpleNamespace(
        rootless=rootless, runtime="crun", runtimes={"crun": ["/usr/bin/crun"]}, root=str(tmp_path / "store"), uid=1234,
        home=str(tmp_path), seccomp_profile="", cgroup_manager="cgroupfs", helper_dirs=(),
    )  # fmt: skip


def by_name(findings: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_missing_programs_come_with_the_package_to_install(tmp_path: Path) -> None:
    found = by_name(programs.check(OtherHost(tmp_path), settings(tmp_path)))
    for name, package in (("runtime", "crun"), ("conmon", "conmon"), ("nft", "nftables")):
        assert found[name].status == FAIL
        assert found[name].remedy == f"apt-get install {package}"
        assert found[name].consequence


def test_what_the_main_job_does_not_need_only_warns(tmp_path: Path) -> None:
    host = OtherHost(tmp_path, ("crun", "conmon", "nft"))
    found = list(programs.check(host, settings(tmp_path)))
    assert by_name(found)["aardvark-dns"].status == WARN
    assert will_work(found)


def test_a_user_needs_pasta_but_no_firewall(tmp_path: Path) -> None:
    found = by_name(programs.check(OtherHost(tmp_path), settings(tmp_path, rootless=True)))
    assert found["pasta"].status == FAIL
    assert "nft" not in found


def test_no_overlay_means_no_container(tmp_path: Path) -> None:
    host = OtherHost(tmp_path)
    host.put("/proc/filesystems", "nodev\tproc\n\text4\n")
    assert by_name(kernel.check(host, settings(tmp_path)))["overlay"].status == FAIL


@pytest.mark.parametrize(("rootless", "status"), [(True, FAIL), (False, WARN)])
def test_user_namespaces_switched_off_matter_to_users(tmp_path: Path, rootless: bool, status: str) -> None:
    host = OtherHost(tmp_path)
    host.put("/proc/sys/user/max_user_namespaces", "0\n")
    finding = by_name(kernel.check(host, settings(tmp_path, rootless=rootless)))["user namespaces"]
    assert finding.status == status
    assert "sysctl -w user.max_user_namespaces" in finding.remedy


def test_missing_controllers_name_the_flag_that_has_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.linux.cgroup.is_unified", lambda: False)
    host = OtherHost(tmp_path)
    host.put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\ncpu\t2\t1\t1\n")
    found = by_name(cgroups.check(host, settings(tmp_path)))
    assert "--memory" in found["memory"].consequence
    assert "cpu" not in found


def test_a_user_without_subordinate_ids_is_told_how_to_get_them(tmp_path: Path) -> None:
    host = OtherHost(tmp_path)
    host.put("/etc/subuid", "1234:100000:65536\n")
    host.put("/etc/subgid", "")
    found = by_name(users.check(host, settings(tmp_path, rootless=True)))
    assert found["/etc/subuid"].status == OK
    assert "usermod --add-subgids" in found["/etc/subgid"].remedy


def test_without_the_tun_device_a_user_has_no_network(tmp_path: Path) -> None:
    found = by_name(network.check(OtherHost(tmp_path), settings(tmp_path, rootless=True)))
    assert found["/dev/net/tun"].status == FAIL


def test_a_refusing_kernel_firewall_is_quoted(tmp_path: Path) -> None:
    found = by_name(network.check(OtherHost(tmp_path, ("nft",)), settings(tmp_path)))
    assert (found["nftables"].status, found["nftables"].detail) == (FAIL, "Error: Could not process rule")


def test_a_store_on_an_overlay_is_refused(tmp_path: Path) -> None:
    host = OtherHost(tmp_path)
    host.put("/proc/self/mountinfo", f"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / {tmp_path} rw - overlay overlay rw\n")
    found = by_name(storage.check(host, settings(tmp_path)))
    assert found["file system"].status == FAIL


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "ext4"), ("/a", "xfs"), ("/a/b", "xfs"), ("/ab", "ext4"), ("/with space/x", "tmpfs")]
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    info = (
        "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /a rw shared:1 - xfs b rw\n3 1 0:3 / /with\\040space rw - tmpfs t rw\n"
    )
    assert storage.file_system(info, path) == kind


def test_a_broken_registries_conf_names_its_line(tmp_path: Path) -> None:
    host = OtherHost(tmp_path)
    host.put("/etc/containers/registries.conf", "a = 1\nb = [\n")
    finding = by_name(configuration.check(host, settings(tmp_path)))["registries.conf"]
    assert finding.status == WARN
    assert "registries.conf" in finding.detail


def test_a_failing_attempt_leaves_the_caller_alone() -> None:
    def refuse() -> None:
        raise PermissionError(1, "Operation not permitted")

    assert Host().attempt(refuse) == "Operation not permitted"
    assert Host().attempt(lambda: None) == ""


def test_an_empty_path_is_survived(skerry: Skerry) -> None:
    result = skerry("doctor", check=False, env={"PATH": ""})
    assert result.code in (0, 1)
    assert "conmon" in result.stdout
    assert result.stderr == ""


def test_a_missing_runtime_fails_the_host(skerry: Skerry) -> None:
    result = skerry("--runtime", "/no/such/crun", "doctor", "-q", check=False)
    assert result.code == 1
    assert "no container runs" in result.stdout


def test_json_has_one_object_per_finding(skerry: Skerry) -> None:
    findings = json.loads(skerry("doctor", "--json", check=False).stdout)
    assert {"Area", "Name", "Status", "Detail", "Consequence", "Remedy"} == set(findings[0])


def test_looking_makes_no_store(skerry: Skerry) -> None:
    skerry("doctor", check=False)
    assert not skerry.root.exists()
