"""Hostile images and damaged state, met by the real commands on a terminal: one clear line or safe containment, and
nothing odd on the screen."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.crash.world import LAUNCHER, World
from tests.hostile.test_archives import FIFO, block, file, link
from tests.image.archives import docker_members, write

ODD = "\x1b[31mred\x1b]0;title\x07\u202e"
NO_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
Damage = Callable[[Path], object]


class Screen:
    """A command on a terminal: its exit code, what it showed."""

    def __init__(self, world: World, *words: str) -> None:
        master, slave = pty.openpty()
        with subprocess.Popen(
            [LAUNCHER, *world.globals, *words], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave
        ) as running:
            os.close(slave)
            data = b""
            try:
                while chunk := os.read(master, 65536):
                    data += chunk
            except OSError:
                pass  # the last writer is gone
        os.close(master)
        self.code, self.text = running.returncode, data.decode("utf-8", "replace").replace("\r\n", "\n")

    def check(self) -> Screen:
        """An error is one line; nothing is a bug or moves the cursor."""
        assert "a bug in Skerry" not in self.text, self.text
        assert "Traceback" not in self.text, self.text
        assert all(c.isprintable() or c in "\n\t" for c in self.text), repr(self.text)
        assert self.code == 0 or self.text.count("\n") == 1, self.text
        return self


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    """A layer with a shell."""
    folder = tmp_path_factory.mktemp("layer")
    world = World(folder)
    world.ok("image", "bootstrap", "busybox", "--tag", "bb")
    world.ok("save", "-q", "--format", "docker-dir", "-o", str(folder / "out"), "bb")
    yield max((path.read_bytes() for path in (folder / "out").iterdir()), key=len)
    shutil.rmtree(folder)


@pytest.fixture
def world(short_tmp: Path) -> Iterator[World]:
    world = World(short_tmp / "w")
    world.top.mkdir()
    yield world
    world.run("rm", "-fa", "-t", "0", "-v")
    world.settle()
    assert world.leaks() == []
    world.destroy()


CONFIGS: dict[str, dict[str, object]] = {
    "env with newlines": {"Env": ["A=1\nB=2", "NOEQ", "=x", "", f"{ODD}={ODD}"]},
    "env with a nul": {"Env": ["A=\0"]},
    "half a character": {"Env": ["A=\ud800"]},
    "user traversal": {"User": "../../etc"},
    "user number": {"User": "99999999999999999999"},
    "user escapes": {"User": ODD},
    "workdir traversal": {"WorkingDir": "../../../../etc/x"},
    "workdir magic": {"WorkingDir": "/proc/1/root/x"},
    "workdir nul": {"WorkingDir": "/a\0b"},
    "workdir long": {"WorkingDir": "/" + "x/" * 3000},
    "volume traversal": {"Volumes": {"/a/../../../../x": {}}},
    "volume root": {"Volumes": {"/": {}}},
    "volume proc": {"Volumes": {"/proc": {}}},
    "volume long name": {"Volumes": {"/" + "v" * 300: {}}},
    "volume escapes": {"Volumes": {"/" + ODD: {}, "x\ny": {}}},
    "port": {"ExposedPorts": {"80/tcp/udp": {}, ODD: {}}},
    "entrypoint text": {"Entrypoint": "sh"},
    "entrypoint numbers": {"Entrypoint": [1, 2]},
    "entrypoint escapes": {"Entrypoint": [ODD]},
    "labels": {"Labels": {ODD: ODD, "a\nb": "c\nd"}},
    "label number": {"Labels": {"a": 1}},
    "stop signal": {"StopSignal": ODD},
    "health": {"Healthcheck": {"Test": "x", "Interval": "y"}},
    "deep": {"Deep": json.loads("[" * 500 + "]" * 500)},
}


@NO_ROOT
@pytest.mark.parametrize("name", CONFIGS)
def test_a_hostile_config(name: str, world: World, layer: bytes) -> None:
    config = {"Cmd": ["true"], **CONFIGS[name]}
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config=config))
    if Screen(world, "load", "-q", "-i", archive).check().code:
        assert os.listdir(world.top / "root/layers") == os.listdir(world.top / "root/blobs/sha256") == []
        return
    for words in (
        ("images",), ("inspect", "h"), ("history", "h"), ("run", "--rm", "--network", "none", "h"),
        ("create", "-P", "--name", "box", "h"), ("ps", "-a"), ("volume", "ls"),
    ):  # fmt: skip
        Screen(world, *words).check()
    if world.run("container", "exists", "box").returncode == 0:
        for words in (("inspect", "box"), ("start", "box"), ("rm", "-f", "-t", "0", "-v", "box")):
            Screen(world, *words).check()


@pytest.mark.parametrize(
    "created", ["0001-01-01T00:00:00Z", "9999-99-99T99:99:99Z", "2024-01-01T00:00:00+99999999:0", 5]
)
def test_any_time_can_be_loaded_and_shown(world: World, layer: bytes, created: object) -> None:
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], created=created))
    assert Screen(world, "load", "-q", "-i", archive).check().code == 0
    for words in (("images",), ("inspect", "h"), ("history", "h")):
        assert Screen(world, *words).check().code == 0


LAYERS = {
    "accounts that are no files": link(b"etc/passwd", b"", FIFO) + link(b"etc/group", b"/dev/zero"),
    "mount points that lead out": link(b"etc/hosts", b"/proc/self/mem")
    + link(b"etc/resolv.conf", b"/../../etc/shadow"),
    "links in place of folders": link(b"proc", b"/etc") + link(b"dev", b"/etc") + link(b"sys", b"/etc"),
    "files in place of folders": file(b"proc") + file(b"dev") + file(b"etc"),
    "a link in place of run": link(b"run", b"/etc"),
    "everything hidden": file(b".wh.bin") + file(b".wh..wh..opq"),
    "names": file(ODD.encode()) + file(b"a\nb"),
    "a name that leads out": file(b"../" + ODD.encode()),
    "a root that is a link": block(b".", kind=b"2", link=b"/etc"),
}


@NO_ROOT
@pytest.mark.parametrize("name", LAYERS)
def test_a_hostile_layer(name: str, world: World, layer: bytes) -> None:
    host = {path: Path(path).read_bytes() for path in ("/etc/hosts", "/etc/resolv.conf")}
    members = docker_members(layer, LAYERS[name] + bytes(1024), tags=["h:latest"])
    if Screen(world, "load", "-q", "-i", write(world.top / "a.tar", members)).check().code == 0:
        Screen(world, "run", "--rm", "--network", "none", "h", "true").check()
        Screen(world, "save", "-q", "-o", str(world.top / "o.tar"), "h").check()
        assert Screen(world, "system", "check").check().code == 0
    assert host == {path: Path(path).read_bytes() for path in host}


DATABASES: dict[str, Damage] = {
    "cut": lambda path: os.truncate(path, 5000),
    "empty": lambda path: os.truncate(path, 0),
    "garbage": lambda path: path.write_bytes(os.urandom(20000)),
    "garbage pages": lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(path.stat().st_size - 4096)),
}


@NO_ROOT
@pytest.mark.parametrize("name", DATABASES)
def test_a_damaged_database(name: str, template_world: World) -> None:
    world = template_world
    database = world.top / "root/skerry.db"
    subprocess.run(["python3", "-c", f"import sqlite3; sqlite3.connect({str(database)!r}).close()"], check=True)
    DATABASES[name](database)
    for words in (("ps", "-a"), ("images",), ("inspect", "old"), ("rm", "old"), ("system", "check", "--repair")):
        done = world.run(*words)
        assert done.returncode >= 0
        assert done.stderr.count("\n") <= 1, done.stderr
        assert "a bug in Skerry" not in done.stderr, done.stderr
    world.ok("system", "reset", "-f")
    world.ok("image", "bootstrap", "busybox", "--tag", "bb")


@pytest.fixture
def template_world(short_tmp: Path) -> Iterator[World]:
    """A store with an image and a container that has not run."""
    world = World(short_tmp / "w")
    world.top.mkdir()
    world.ok("image", "bootstrap", "busybox", "--tag", "bb")
    world.ok("create", "--name", "old", "-v", "data:/data", "bb", "sleep", "1000")
    yield world
    world.destroy()


RUN_FOLDER: dict[str, Damage] = {
    "config cut": lambda folder: (folder / "config.json").write_text("{"),
    "config a link": lambda folder: (
        (folder / "config.json").unlink(),
        os.symlink("/etc/passwd", folder / "config.json"),
    ),
    "pid files lie": lambda folder: [(folder / name).write_text("1") for name in ("pidfile", "conmon.pid")],
    "files gone": lambda folder: [path.unlink() for path in folder.iterdir() if path.is_file()],
    "a link planted": lambda folder: os.symlink("/etc", folder / "exec"),
    "runtime's state gone": lambda folder: shutil.rmtree(folder.parents[1] / "crun"),
    "exit code garbage": lambda folder: (folder.parents[1] / "exits" / folder.name).write_text(ODD),
}


@NO_ROOT
@pytest.mark.parametrize("name", RUN_FOLDER)
def test_a_tampered_run_folder(name: str, template_world: World) -> None:
    world = template_world
    world.ok("start", "old")
    (folder,) = (world.top / "run/containers").iterdir()
    RUN_FOLDER[name](folder)
    for words in (
        ("ps", "-a"),
        ("inspect", "old"),
        ("exec", "old", "true"),
        ("stop", "-t", "0", "old"),
        ("start", "old"),
    ):
        assert "a bug in Skerry" not in world.run(*words).stderr
    world.ok("rm", "-f", "-t", "0", "old")
    assert os.path.isfile("/etc/passwd")
    world.settle()
    world.ok("system", "check")
    assert world.leaks() == []


NO_TEXT = b"\xff\xfe"


@NO_ROOT
def test_bytes_that_are_no_text_are_replaced_as_podman_does(world: World, layer: bytes) -> None:
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config={"Cmd": ["true"]}))
    world.ok("load", "-q", "-i", archive)
    odd = os.fsdecode(NO_TEXT)
    world.ok(
        "run", "-d", "--name", "box", "-e", f"A={odd}", "--label", f"a={odd}", "--annotation", f"b={odd}",
        "--network", "none", "h", "sleep", "1000",
    )  # fmt: skip
    assert world.ok("exec", "box", "sh", "-c", "echo $A") == "\ufffd\ufffd"
    assert world.ok("exec", "-e", f"B={odd}", "box", "sh", "-c", f"echo $B{odd}") == "\ufffd" * 4
    world.ok("exec", "-d", "box", "true", odd)
    assert world.ok("inspect", "--format", "{{.Config.Labels.a}}", "box") == "\ufffd\ufffd"
    world.ok("commit", "-q", "-c", f"ENV C={odd}", "box", "made")
    assert "C=\ufffd\ufffd" in world.ok("inspect", "--format", "{{.Config.Env}}", "made")
    for kind in ("volume", "network"):
        world.ok(kind, "create", "--label", f"a={odd}", "new")
        assert "\ufffd" in world.ok(kind, "inspect", "--format", "{{.Labels}}", "new")
        world.ok(kind, "rm", "new")


def test_workdirs_that_lead_to_descriptors_of_the_engine_lead_nowhere(world: World, layer: bytes) -> None:
    """CVE-2024-21626: a descriptor of a host's folder that a helper left open is a way out."""
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config={"Cmd": ["true"]}))
    world.ok("load", "-q", "-i", archive)
    world.ok("run", "-d", "--name", "box", "--network", "none", "h", "sleep", "1000")
    secret = world.top / "secret"
    secret.write_text("of the host")
    for number in range(3, 12):
        for path in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../.."):
            for words in (("run", "--rm", "--network", "none", "-w", path, "h"), ("exec", "-w", path, "box")):
                done = world.run(*words, "sh", "-c", f"cat ../../../../../../..{secret}")
                assert done.returncode, words
                assert "of the host" not in done.stdout


def test_the_images_environment_is_not_that_of_helpers(world: World, layer: bytes) -> None:
    # conmon, the runtime and what they start are the host's programs.
    odd = {
        "Cmd": ["true"],
        "Env": ["PATH=/nowhere", "LD_PRELOAD=/evil.so", "XDG_RUNTIME_DIR=/x", "TMPDIR=/x", "_OCI_SYNCPIPE=9"],
    }
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config=odd))
    world.ok("load", "-q", "-i", archive)
    world.ok("run", "-d", "--name", "box", "--network", "none", "h", "/bin/sleep", "1000")
    pid = world.ok("inspect", "--format", "{{.State.ConmonPid}}", "box")
    seen = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert not {b"PATH=/nowhere", b"LD_PRELOAD=/evil.so", b"XDG_RUNTIME_DIR=/x", b"TMPDIR=/x"} & set(seen)
    assert world.ok("exec", "box", "/bin/sh", "-c", "echo $LD_PRELOAD") == "/evil.so"


def test_no_process_has_capabilities_that_programs_inherit(world: World, layer: bytes) -> None:
    """CVE-2022-27649: inheritable ones are what an unprivileged user's programs with file capabilities would get."""
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config={"Cmd": ["true"]}))
    world.ok("load", "-q", "-i", archive)
    # (Ambient ones are how another user than root gets what --cap-add asks for.)
    for flags in ((), ("--privileged",), ("--user", "1000")):
        world.ok("run", "-d", "--name", "box", *flags, "--network", "none", "h", "sleep", "1000")
        for words in (("exec",), ("exec", "--user", "1000"), ("exec", "--privileged")):
            status = world.ok(*words, "box", "cat", "/proc/self/status").splitlines()
            inherited = {line.split()[1] for line in status if line.startswith(("CapInh", "CapAmb"))}
            assert inherited == {"0" * 16}, (flags, words)
        world.ok("rm", "-f", "-t", "0", "box")


def test_other_users_of_the_host_do_not_get_at_what_containers_make(world: World, layer: bytes) -> None:
    """CVE-2021-41091: a container's root and a user of the host together could else have a set-user-id program of root."""
    archive = write(world.top / "a.tar", docker_members(layer, tags=["h:latest"], config={"Cmd": ["true"]}))
    world.ok("load", "-q", "-i", archive)
    made = "cp /bin/busybox /data/id; cp /bin/busybox /id; chmod 4755 /data/id /id; chmod 777 /data; sleep 1000"
    container = world.ok("run", "-d", "--network", "none", "-v", "data:/data", "h", "sh", "-c", made)
    for _ in range(600):
        if world.ok("exec", container, "sh", "-c", "test -u /id && echo made || true"):
            break
    world.top.parent.chmod(0o755)
    world.top.chmod(0o755)
    root, run = world.top / "root", world.top / "run"
    (base,) = (root / "layers").iterdir()
    places = (
        root / "volumes/data/_data/id", root / "containers" / container / "upper/id", base / "diff/bin/busybox",
        run / "containers" / container / "rootfs/id", run / "containers" / container / "config.json", root / "skerry.db",
    )  # fmt: skip
    for place in places:
        assert place.exists()
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(place)]
        done = subprocess.run(other, capture_output=True, text=True, check=False)
        assert "Permission denied" in done.stderr, place
