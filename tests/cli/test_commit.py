"""commit, import, export, diff, mount and tree on containers that really ran."""

from __future__ import annotations

import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, Result

from skerry.engine.images.changes import apply_changes
from skerry.errors import Invalid

SCRIPT = (
    "echo hi >/root/new; rm /etc/group; mkdir /a; touch /a/b; ln -s b /a/l; chown 7:8 /a/b; rm -r /var/spool; "
    "mkdir /var/spool; touch /var/spool/x; chmod 700 /home; echo more >>/etc/passwd; dd if=/dev/zero of=/big bs=1M count=3"
)
CHANGES = [
    "A /a", "A /a/b", "A /a/l", "A /big", "C /etc", "D /etc/group", "C /etc/passwd", "C /home", "A /opt", "A /opt/vv",
    "C /root", "A /root/new", "C /var", "C /var/spool", "D /var/spool/mail", "A /var/spool/x",
]  # fmt: skip


@pytest.fixture
def box(cli: CommandLine) -> Iterator[CommandLine]:
    """A store with an ended container ``c`` that changed much."""
    assert cli("image", "bootstrap", "-q").code == 0
    done = run(cli, "--name", "c", "-v", "/opt/vv", "-e", "FOO=bar", "-w", "/tmp", "--label", "x=y", script=SCRIPT)
    assert done.code == 0, done.err
    yield cli
    cli("unmount", "-a")
    cli("image", "unmount", "-a")
    cli("rm", "-fat", "0")
    assert not [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(cli.top) in line]
    checked = cli("system", "check")
    assert checked.code == 0, checked.out + checked.err


def run(cli: CommandLine, *flags: str, image: str = "busybox", script: str) -> Result:
    return cli("run", "--network", "none", *flags, image, "sh", "-c", script)


def config(cli: CommandLine, image: str) -> dict[str, object]:
    found = json.loads(cli("image", "inspect", image).out)[0]["Config"]
    assert isinstance(found, dict)
    return found


def test_what_changed_is_shown(box: CommandLine) -> None:
    assert box("diff", "c").out.splitlines() == CHANGES
    lists = json.loads(box("diff", "c", "--format", "json").out)
    assert lists["deleted"] == ["/etc/group", "/var/spool/mail"]
    assert [f"A {path}" for path in lists["added"]] == [line for line in CHANGES if line[0] == "A"]


def test_a_committed_image_is_what_the_container_was(box: CommandLine) -> None:
    image_id = box("commit", "c", "made").out.strip()
    assert box("images", "-q", "--no-trunc", "made").out.strip() == f"sha256:{image_id}"
    look = "cat /root/new; stat -c '%A %u:%g' /a/b /home; readlink /a/l; ls /etc/group; ls /var/spool; wc -c </big"
    seen = run(box, "--rm", image="made", script=look)
    assert seen.out.splitlines() == [
        "hi", "-rw-r--r-- 7:8", "drwx------ 0:0", "b", "x", "3145728",
    ]  # fmt: skip
    assert box("image", "diff", "made").out.splitlines() == CHANGES
    assert box("diff", "c", "made").out == ""
    assert config(box, "made") == {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "FOO=bar"],
        "Cmd": ["sh", "-c", SCRIPT], "WorkingDir": "/tmp", "Volumes": {"/opt/vv": {}}, "Labels": {"x": "y"},
    }  # fmt: skip


def test_one_layer_when_squashed(box: CommandLine) -> None:
    assert box("commit", "-s", "c", "flat").code == 0
    assert len(json.loads(box("image", "inspect", "flat").out)[0]["RootFS"]["Layers"]) == 1
    assert run(box, "--rm", image="flat", script="cat /root/new; ls /var/spool").out == "hi\nx\n"
    assert box("diff", "flat", "c").out == ""


def test_a_running_container_is_committed_while_it_writes(box: CommandLine) -> None:
    script = "while :; do echo $RANDOM >>/f; rm -rf /d; mkdir -p /d/e; echo x >/d/e/f; done"
    assert box("run", "-d", "--network", "none", "--name", "busy", "busybox", "sh", "-c", script).code == 0
    for flags in ([], ["-p"], ["-s"]):
        done = box("commit", *flags, "busy", "live")
        assert done.code == 0, done.err
        assert run(box, "--rm", image="live", script="test -s /f").code == 0
    assert box("ps", "--format", "{{.Names}} {{.State}}").out == "busy running\n"


def test_a_container_that_never_ran_is_committed(box: CommandLine) -> None:
    assert box("create", "--name", "new", "busybox", "true").code == 0
    assert box("commit", "new", "same").code == 0
    assert box("diff", "same", "busybox").out == ""


def test_every_change_and_the_docker_format(box: CommandLine) -> None:
    changes = [
        'CMD ["a", "b"]', "ENTRYPOINT /e x", "ENV A=1 B='two words'", "ENV C three  words", "EXPOSE 80 53/udp",
        "LABEL k=v", "ONBUILD RUN true", "STOPSIGNAL SIGUSR1", "USER me:us", "VOLUME /v1 /v2", "WORKDIR /w",
    ]  # fmt: skip
    flags = [word for change in changes for word in ("-c", change)]
    assert box("commit", "-f", "docker", "-a", "me", "-m", "why", *flags, "c", "made").code == 0
    made = config(box, "made")
    assert made["Cmd"] == ["a", "b"]
    assert made["Entrypoint"] == ["/bin/sh", "-c", "/e x"]
    assert made["Env"][-3:] == ["A=1", "B=two words", "C=three  words"]  # type: ignore[index]
    assert made["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert made["Labels"] == {"x": "y", "k": "v"}
    assert made["OnBuild"] == ["RUN true"]
    assert (made["StopSignal"], made["User"], made["WorkingDir"]) == ("SIGUSR1", "me:us", "/w")
    assert made["Volumes"] == {"/opt/vv": {}, "/v1": {}, "/v2": {}}
    about = json.loads(box("image", "inspect", "made").out)[0]
    assert (about["Author"], about["Comment"]) == ("me", "why")
    assert about["ManifestType"] == "application/vnd.docker.distribution.manifest.v2+json"


@pytest.mark.parametrize(
    "change", ["FOO bar", "CMD", "USER ", "EXPOSE x", "EXPOSE 70000", "ENV x", "STOPSIGNAL NIX", "ENV 'x=1"]
)
def test_a_wrong_change_is_refused(change: str) -> None:
    with pytest.raises(Invalid, match="invalid change"):
        apply_changes({}, [change])


def test_what_cannot_be_is_refused_and_leaves_nothing(box: CommandLine, tmp_path: Path) -> None:
    before = box("images", "-aq").out
    for words in (
        ["commit", "-m", "x", "c"], ["commit", "-f", "tar", "c"], ["commit", "c", "Bad"], ["commit", "nix"],
        ["commit", "--config", "/nonexistent", "c"], ["import", "/nonexistent"], ["import", "/etc/passwd"],
        ["export", "nix"], ["export", "-o", "/nonexistent/x", "c"], ["diff", "nix"], ["mount", "nix"], ["unmount"],
        ["image", "mount", "nix"], ["image", "tree", "nix"], ["diff", "--format", "x", "c"],
    ):  # fmt: skip
        done = box(*words)
        assert done.code == 125, words
        assert done.err.startswith("Error: "), words
        assert "Traceback" not in done.err
    assert box("images", "-aq").out == before


def test_config_and_iidfile(box: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"Cmd": ["own"], "User": "9"}')
    done = box(
        "commit", "-q", "--config", str(tmp_path / "config.json"), "--iidfile", str(tmp_path / "iid"), "c", "made"
    )
    assert (tmp_path / "iid").read_text() == done.out.strip()
    assert (config(box, "made")["Cmd"], config(box, "made")["User"]) == (["own"], "9")


def test_export_takes_names_that_mean_something_in_layers(box: CommandLine, tmp_path: Path) -> None:
    root = Path(box("mount", "c").out.strip())
    for name in (".wh.x", ".wh..wh..opq", ".wh."):
        (root / "a" / name).touch()
    box("unmount", "c")
    target = str(tmp_path / "out.tar")
    assert box("export", "-o", target, "c").code == 0
    with tarfile.open(target) as tar:
        assert {"a/.wh.x", "a/.wh..wh..opq", "a/.wh."} <= set(tar.getnames())
    refused = box("commit", "c", "made")
    assert refused.code == 125
    assert "a name that begins with .wh. cannot be in a layer" in refused.err


def test_export_is_the_tree_and_import_brings_it_back(box: CommandLine, tmp_path: Path) -> None:
    target = str(tmp_path / "c.tar")
    assert box("export", "-o", target, "c").code == 0
    with tarfile.open(target) as tar:
        names = tar.getnames()
        assert tar.getmember("a/b").uid == 7
        assert not any(".wh." in name for name in names)
        assert "etc/group" not in names
    assert box("export", "c").out == Path(target).read_bytes().decode("utf-8", "surrogateescape")
    done = box(
        "import", "-m", "why", "-c", "CMD sh", "--os", "linux", "--arch", "arm64", "--variant", "v8", target, "i"
    )
    assert done.out.startswith("sha256:")
    steps = [line.split()[0] for line in done.err.splitlines()]
    assert steps == ["Getting", "Copying", "Copying", "Writing"]
    assert box("import", "-q", target).err == ""
    refused = box("import", "--signature-policy", "/no/such/file", target)
    assert (refused.code, "open /no/such/file: no such file or directory" in refused.err) == (125, True)
    about = json.loads(box("image", "inspect", "i").out)[0]
    assert (about["Architecture"], about["Comment"]) == ("arm64", "why")
    assert box("diff", "i", "c").out == ""


def test_import_reads_compressed_streams(box: CommandLine, tmp_path: Path) -> None:
    assert box("export", "-o", str(tmp_path / "c.tar"), "c").code == 0
    subprocess.run(["gzip", str(tmp_path / "c.tar")], check=True)
    argv = [str(Path(__file__).parents[2] / "bin/skerry"), *box.globals, "import", "-", "z"]
    with open(tmp_path / "c.tar.gz", "rb") as file:
        subprocess.run(argv, stdin=file, check=True, capture_output=True)
    assert run(box, "--rm", image="z", script="cat /root/new").out == "hi\n"
    assert box("save", "--format", "oci-archive", "-o", str(tmp_path / "z.tar"), "z").code == 0


def test_import_takes_an_address(box: CommandLine, tmp_path: Path) -> None:
    assert box("export", "-o", str(tmp_path / "c.tar"), "c").code == 0
    data = (tmp_path / "c.tar").read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/none" else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:512000] if self.path == "/cut" else data)

        def log_message(self, *_args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert box("import", f"{base}/c.tar", "i").code == 0
        for path, words in (("/cut", "bytes are missing"), ("/none", "404")):
            done = box("import", base + path)
            assert done.code == 125
            assert words in done.err
        server.shutdown()
    assert box("diff", "i", "c").out == ""


def test_mounts_show_what_the_container_sees(box: CommandLine) -> None:
    path = box("mount", "c").out.strip()
    assert Path(path, "root/new").read_text() == "hi\n"
    Path(path, "from-outside").write_text("x")
    assert box("mount").out == f"{box('ps', '-aq').out.strip()}  {path}\n"
    assert box("start", "c").code == 0  # it is given the same mount
    box("wait", "c")
    assert Path(path, "from-outside").read_text() == "x"
    assert box("unmount", "c").out == "c\n"
    assert box("mount").out == ""
    assert "A /from-outside" in box("diff", "c").out
    box("mount", "c")
    assert box("rm", "c").code == 0
    assert not os.path.lexists(path)


def test_an_image_is_mounted_read_only_and_not_removed_meanwhile(box: CommandLine) -> None:
    box("commit", "c", "made")
    path = box("image", "mount", "made").out.strip()
    assert Path(path, "root/new").read_text() == "hi\n"
    with pytest.raises(OSError, match="Read-only"):
        Path(path, "x").write_text("")
    assert box("rmi", "made").code == 2
    assert box("image", "unmount", "made").code == 0
    assert box("rmi", "made").code == 0


def test_a_tree_of_layers(box: CommandLine) -> None:
    box("commit", "c", "made")
    lines = box("image", "tree", "made").out.splitlines()
    assert lines[3] == "Image Layers"
    assert lines[4].endswith("Top Layer of: [localhost/busybox:latest]")
    assert lines[5].startswith("└── ID: ")
    assert lines[5].endswith("Top Layer of: [localhost/made:latest]")
    assert len(box("image", "tree", "--whatrequires", "busybox").out.splitlines()) == 6


def test_what_is_made_is_told_unless_nobody_wants_to_know(box: CommandLine) -> None:
    made = box("commit", "c", "made")
    lines = made.err.splitlines()
    assert lines[0] == "Getting image source signatures"
    assert [line.partition(" sha256:")[0] for line in lines[1:-2]] == ["Copying blob"] * (len(lines) - 3)
    assert lines[-2:] == [f"Copying config sha256:{made.out.strip()}", "Writing manifest to image destination"]
    assert box("commit", "-q", "c", "made").err == ""


def test_what_was_based_on_an_image_last_is_the_last_of_its_tree(box: CommandLine) -> None:
    for count in range(4):
        box("run", "--name", f"c{count}", "busybox", "touch", f"/{count}")
        box("commit", f"c{count}", f"made{count}")
    lines = box("image", "tree", "--whatrequires", "busybox").out.splitlines()
    assert [line.rpartition("[")[2] for line in lines[-4:]] == [f"localhost/made{count}:latest]" for count in range(4)]


def test_nameless_parents_go_with_the_last_child(box: CommandLine) -> None:
    box("commit", "c", "step")
    box("create", "--name", "d", "step")
    box("commit", "d", "result")
    box("rm", "d")
    box("untag", "step")
    assert len(box("images", "-aq").out.split()) == 3
    assert box("rmi", "--no-prune", "result").code == 0
    assert len(box("images", "-aq").out.split()) == 2
    step = box("images", "-q", "--filter", "dangling=true").out.strip()
    box("tag", step, "step")
    box("create", "--name", "d", "step")
    box("commit", "d", "result")
    box("rm", "d")
    box("untag", "step")
    assert box("rmi", "result").out.count("Deleted: ") == 2
    assert len(box("images", "-aq").out.split()) == 1


COMMANDS = (["commit", "c", "made"], ["commit", "-s", "c", "made"], ["import", "TAR", "made"], ["image", "mount", "base"],
            ["mount", "c"], ["export", "-o", "OUT", "c"])  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words))
def test_killed_at_each_step_it_is_done_again(box: CommandLine, words: list[str], tmp_path: Path) -> None:
    box("tag", "busybox", "base")
    with tarfile.open(tmp_path / "i.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("f"), io.BytesIO())
    places = {"TAR": str(tmp_path / "i.tar"), "OUT": str(tmp_path / "out")}
    words = [places.get(word, word) for word in words]
    trace = tmp_path / "trace"
    assert box(*words, env={"SKERRY_TRACE_STEPS": str(trace)}).code == 0
    names = trace.read_text().split()
    steps = [f"{name}:{names[: n + 1].count(name)}" for n, name in enumerate(names)]
    assert steps
    for step in steps:
        box("rmi", "-f", "made")
        box("image", "unmount", "-a")
        box("unmount", "-a")
        assert box(*words, env={"SKERRY_CRASH_AT": step}).code == -9, step
        assert box(*words).code == 0, step
        assert box("system", "check", "--repair", "--max", "0s").code in (0, 125)
        assert box("system", "check", "--max", "0s").code == 0, step


def test_a_full_disk_says_so_and_gives_the_room_back(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "skerry-test", str(disk)], check=True)
    cli = CommandLine(disk)
    try:
        assert cli("image", "bootstrap", "-q").code == 0
        made = run(cli, "--name", "c", script="dd if=/dev/zero of=/big bs=1M count=10")
        assert made.code == 0, made.err
        free = os.statvfs(disk).f_bavail
        for words in (["commit", "c", "made"], ["export", "-o", str(disk / "out"), "c"]):
            done = cli(*words)
            assert done.code == 125, words
            assert "no space left" in done.err.lower() or "does not fit" in done.err, done.err
            assert abs(os.statvfs(disk).f_bavail - free) < 100
        assert cli("system", "check").code == 0
        assert cli("rm", "c").code == 0
    finally:
        cli("rm", "-fat", "0")
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_two_that_add_and_remove_the_same_layer_do_not_stumble(box: CommandLine) -> None:
    failures: list[str] = []

    def work(name: str) -> None:
        for _ in range(6):
            for words in (["commit", "c", name], ["rmi", name]):
                done = box(*words)
                if done.code:
                    failures.append(done.err)

    threads = [threading.Thread(target=work, args=(f"made{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
