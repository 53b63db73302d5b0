"""User namespaces of a container's own: whose files it sees, and what it leaves behind. As root."""

from __future__ import annotations

import os
import shutil

import pytest

MAP = "0:100000:65536"


def test_the_containers_root_owns_the_images_files_and_has_another_id_outside(skerry, busybox):
    out = skerry(
        "run", "--rm", "--uidmap", MAP, busybox, "sh", "-c", "stat -c %u:%g /bin /etc; touch /new; stat -c %u /new"
    )
    assert out.lines == ["0:0", "0:0", "0"]


def test_the_files_that_are_made_for_it_are_its_roots(skerry, busybox):
    paths = ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/run/.containerenv", "/dev/shm"]
    out = skerry("run", "--rm", "--uidmap", MAP, busybox, "stat", "-c", "%u:%g", *paths)
    assert set(out.lines) == {"0:0"}


def test_processes_have_the_outer_id(skerry, busybox):
    box = skerry("run", "-d", "--uidmap", MAP, busybox, "sleep", "60").id
    pid = skerry("inspect", "-f", "{{.State.Pid}}", box).stdout.strip()
    assert os.stat(f"/proc/{pid}").st_uid == 100000
    assert skerry("exec", box, "id", "-u").stdout == "0\n"


def test_its_network_namespace_is_its_own_so_that_its_settings_can_be_set(skerry, busybox):
    flags = ["--uidmap", MAP, "--sysctl", "net.ipv4.ip_unprivileged_port_start=80"]
    out = skerry("run", "--rm", *flags, busybox, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert out.stdout == "80\n"


@pytest.mark.parametrize("running", [True, False])
def test_export_and_commit_have_the_images_owners(skerry, busybox, running, tmp_path):
    end = "sleep 60" if running else "true"
    box = skerry(
        "run", "-d", "--uidmap", MAP, busybox, "sh", "-c", f"touch /made; chown 5:6 /made; touch /done; {end}"
    ).id
    if not running:
        skerry("wait", box)
    else:
        skerry("exec", box, "sh", "-c", "until [ -e /done ]; do sleep 0.1; done")
    skerry("export", "-o", str(tmp_path / "out.tar"), box)
    import tarfile

    with tarfile.open(tmp_path / "out.tar") as tar:
        member = tar.getmember("made")
        assert (member.uid, member.gid) == (5, 6)
    for flags in ([], ["--squash"]):
        image = skerry("commit", "-q", *flags, box).id
        assert skerry("run", "--rm", image, "stat", "-c", "%u:%g", "/made").stdout == "5:6\n"


def test_a_volume_is_filled_with_the_owners_that_the_container_sees(skerry, busybox):
    out = skerry("run", "--rm", "--uidmap", MAP, "-v", "vol:/etc", busybox, "stat", "-c", "%u", "/etc", "/etc/passwd")
    assert out.lines == ["0", "0"]
    assert skerry("run", "--rm", "--userns=keep-id:uid=10,gid=12", busybox, "sh", "-c", "id -u; id -g").lines == [
        "10",
        "12",
    ]


def test_an_environment_variable_chooses_the_namespace_where_no_flag_does(skerry, busybox):
    def mapped(*flags):
        box = skerry("create", *flags, busybox, env={"PODMAN_USERNS": "keep-id"}).id
        return skerry("inspect", "-f", "{{.HostConfig.IDMappings}}", box).stdout != "<nil>\n"

    assert mapped()
    assert not mapped("--userns=host")


def test_U_gives_a_bind_mount_to_the_containers_user(skerry, busybox, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    skerry("run", "--rm", "--uidmap", MAP, "--user", "7", "-v", f"{folder}:/data:U", busybox, "touch", "/data/x")
    assert (folder / "x").stat().st_uid == 100007


def test_another_map_at_the_next_container_of_the_same_image(skerry, busybox):
    for first in (100000, 300000):
        out = skerry("run", "--rm", "--uidmap", f"0:{first}:1000", busybox, "stat", "-c", "%u", "/bin")
        assert out.stdout == "0\n"


def test_a_container_in_anothers_user_namespace_sees_the_same(skerry, busybox):
    box = skerry("run", "-d", "--uidmap", MAP, busybox, "sleep", "60").id
    out = skerry(
        "run",
        "--rm",
        "--userns",
        f"container:{box}",
        busybox,
        "sh",
        "-c",
        "stat -c %u /bin; head -1 /proc/self/uid_map",
    )
    assert out.lines[0] == "0"
    assert out.lines[1].split() == ["0", "100000", "65536"]


def test_keep_id_of_root_is_a_namespace_with_the_same_ids(skerry, busybox):
    out = skerry("run", "--rm", "--userns=keep-id", busybox, "sh", "-c", "id -u; stat -c %u /bin")
    assert out.lines == ["0", "0"]


def test_two_autos_at_once_have_different_ids(skerry, busybox, tmp_path, monkeypatch):
    import skerry.engine.containers.options.auto_ids as auto_ids

    assert auto_ids._place([], 10, [(5, 4), (20, 30)], "uid") == [{"containerID": 0, "hostID": 20, "size": 10}]
    fixed = [{"containerID": 3, "hostID": 25, "size": 2}]
    placed = auto_ids._place(fixed, 10, [(20, 30)], "uid")
    assert sorted(
        number for entry in placed for number in range(entry["containerID"], entry["containerID"] + entry["size"])
    ) == list(range(10))
    taken = [number for entry in placed for number in range(entry["hostID"], entry["hostID"] + entry["size"])]
    assert len(set(taken)) == 10


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--uidmap", "a", "--uidmap", "0:1:5"],
            'initializing ID mappings: UID setting is malformed expected ["[+ug]uint32:[@]uint32[:uint32]"] : '
            '["a" "0:1:5"]',
        ),
        (["--uidmap", "x:1:1"], "invalid mapping: [x 1 1]. Unknown flag 120"),
        (["--uidmap", "+:1:1"], "invalid mapping: [+ 1 1], parsing flags"),
        (["--uidmap", "0::5"], "invalid empty host id at UID map: [0  5]"),
        (["--gidmap", "0:-1:5"], 'parsing id map value "-1": strconv.ParseUint: parsing "-1": invalid syntax'),
        (["--uidmap", "0:1:99999999999"], 'strconv.ParseUint: parsing "99999999999": value out of range'),
        (["--uidmap", "0:1:0"], "the size must not be 0"),
        (["--uidmap", "0:1:10", "--uidmap", "5:100:10"], "overlap"),
        (["--userns=auto:size=x"], 'Error: strconv.ParseUint: parsing "x": invalid syntax'),
        (["--userns=auto:size"], 'Error: invalid option specified: "size"'),
        (
            ["--userns=auto:uidmapping=x"],
            'initializing ID mappings: UID setting is malformed expected ["uint32:[@]uint32[:uint32]"] : "x"',
        ),
        (["--userns=keep-id:uid=a"], 'Error: strconv.ParseUint: parsing "a": invalid syntax'),
        (
            ["--userns=ns:/nope"],
            "cannot find specified user namespace path: faccessat /nope: no such file or directory",
        ),
        (["--userns=container:"], "invalid config provided: namespace mode container requires a value"),
        (["--userns=auto:wrong=1"], 'unknown option specified: "wrong"'),
        (["--userns=keep-id:size=5"], "cannot set max size for user namespace when not running rootless"),
        (["--userns=nomap"], "only supported in rootless mode"),
        (["--userns=private"], "--uidmap"),
        (["--userns=host", "--uidmap", MAP], "mutually exclusive"),
        (["--userns=wrong"], "unrecognized namespace mode wrong passed"),
    ],
)
def test_what_cannot_be_is_said(skerry, busybox, flags, words):
    result = skerry("run", "--rm", *flags, busybox, "true", check=False)
    assert result.code == 125
    assert words in result.stderr


def test_a_plus_changes_the_map_that_there_is(skerry, busybox):
    out = skerry("run", "--rm", "--uidmap", "+100:5000000000:1", busybox, "true", check=False)
    assert out.code == 125
    assert (
        'parsing id map value "5000000000": strconv.ParseUint: parsing "5000000000": value out of range' in out.stderr
    )
    out = skerry("run", "--rm", "--uidmap", "+100:200:1", busybox, "cat", "/proc/self/uid_map")
    rows = [line.split() for line in out.lines]
    assert ["100", "200", "1"] in rows
    assert ["0", "0", "100"] in rows


def test_inspect_shows_the_maps(skerry, busybox):
    box = skerry("create", "--uidmap", MAP, busybox).id
    assert (
        skerry("inspect", "-f", "{{.HostConfig.UsernsMode}} {{.HostConfig.IDMappings.UidMap}}", box).stdout
        == f"private [{MAP}]\n"
    )


def test_nothing_stays_mounted(skerry, busybox):
    box = skerry("run", "-d", "--uidmap", MAP, busybox, "true").id
    skerry("wait", box)
    skerry("rm", box)
    with open("/proc/self/mountinfo") as file:
        assert box not in file.read()


@pytest.mark.skipif(not shutil.which("runc"), reason="runc is not installed")
def test_runc_makes_it_as_well(skerry, busybox):
    script = "cat /proc/self/uid_map; stat -c %u /bin"
    out = skerry("--runtime", "runc", "run", "--rm", "--uidmap", "0:100000:1000", busybox, "sh", "-c", script)
    assert out.stdout.split() == ["0", "100000", "1000", "0"]


def test_a_working_directory_that_the_image_lacks_is_made_for_its_root(skerry, busybox):
    skerry("commit", "-q", "-c", "WORKDIR /a/b", skerry("create", busybox).id, "there")
    result = skerry("run", "--rm", "--network", "none", "--uidmap", "0:100000:65536", "there", "stat", "-c", "%u", ".")
    assert result.stdout == "0\n"


def test_what_is_written_over_a_volume_belongs_to_the_containers_root(skerry, busybox):
    skerry("run", "--rm", "-v", "data:/x", busybox, "sh", "-c", "echo below > /x/below")
    script = "cat /x/below; echo above > /x/new; cat /x/new"
    out = skerry("run", "--rm", "--uidmap", MAP, "-v", "data:/x:O", busybox, "sh", "-c", script)
    assert out.stdout == "below\nabove\n"
    assert skerry("run", "--rm", "-v", "data:/x", busybox, "ls", "/x").stdout == "below\n"


def test_writing_over_a_folder_does_not_show_the_container_what_it_could_not_read(skerry, busybox, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").touch()
    flags = ["--uidmap", MAP, "-v", f"{closed}:/x:O"]
    assert skerry("run", "--rm", *flags, busybox, "ls", "/x", check=False).code == 1
