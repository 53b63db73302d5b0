"""Volumes of plugins, by Docker's protocol."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Result, Skerry
from tests.support.volume_plugin import VolumePlugin

Call = Callable[..., Result]


@pytest.fixture
def plugin() -> Iterator[VolumePlugin]:
    with tempfile.TemporaryDirectory(prefix="skp") as folder:  # a socket's path is short
        served = VolumePlugin(Path(folder))
        try:
            yield served
        finally:
            served.end()


@pytest.fixture
def call(skerry: Skerry, plugin: VolumePlugin, tmp_path: Path) -> Call:
    """The command with a containers.conf that names the plugin, and one that is not there."""
    conf = tmp_path / "containers.conf"
    gone = "/nonexistent/socket"
    conf.write_text(
        f'[engine]\nvolume_plugin_timeout=5\n[engine.volume_plugins]\ntest="{plugin.socket}"\ngone="{gone}"\n'
    )

    def run(*words: str, **options: object) -> Result:
        return skerry(*words, env={"CONTAINERS_CONF": str(conf)}, **options)  # type: ignore[arg-type]

    return run


def test_a_plugin_s_volume_is_made_mounted_and_removed_there(call: Call, plugin: VolumePlugin, busybox: str) -> None:
    call("volume", "create", "-d", "test", "-o", "size=5", "-o", "o=timeout=7", "v")
    assert plugin.asked("Create") == [{"Name": "v", "Opts": {"size": "5"}}]
    shown = call(
        "volume", "inspect", "v", "-f", "{{.Driver}} {{.Timeout}} {{json .Options}} {{json .Status}} -{{.Mountpoint}}-"
    )
    assert shown.stdout == 'test 7 {"size":"5"} {"made":"here"} --\n'
    run = ("run", "--network=none", "-v", "v:/x", busybox)
    first = call(*run[:1], "-d", *run[1:], "sleep", "100").id
    call(*run[:1], "--rm", *run[1:], "touch", "/x/file")
    assert (plugin.folder / "v/file").exists()
    assert (len(plugin.asked("Mount")), plugin.asked("Unmount")) == (1, [])
    assert call("volume", "inspect", "v", "-f", "{{.MountCount}} {{.Mountpoint}}").stdout == f"1 {plugin.folder}/v\n"
    assert b"file" in call("volume", "export", "v").raw
    call("rm", "-f", "-t", "0", first)
    assert len(plugin.asked("Unmount")) == 1
    assert plugin.asked("Mount")[0]["ID"] == plugin.asked("Unmount")[0]["ID"]
    call("volume", "rm", "v")
    assert plugin.asked("Remove") == [{"Name": "v"}]
    assert os.listdir(plugin.folder) == []


def test_a_volume_that_the_plugin_has_is_taken(call: Call, plugin: VolumePlugin) -> None:
    (plugin.folder / "v").mkdir()
    call("volume", "create", "-d", "test", "v")
    assert plugin.asked("Create") == []


def test_reload_learns_and_forgets(call: Call, plugin: VolumePlugin, busybox: str) -> None:
    (plugin.folder / "new").mkdir()
    (plugin.folder / "used").mkdir()
    result = call("volume", "reload", check=False)
    assert result.lines == ["Added:", "new", "used"]
    assert 'failed to read volumes from plugin "gone": cannot access plugin gone socket' in result.stderr
    call("create", "--name", "c", "-v", "used:/x", busybox)
    (plugin.folder / "new").rmdir()
    (plugin.folder / "used").rmdir()
    result = call("volume", "reload", check=False)
    assert result.lines == ["Removed:", "new"]
    assert 'volume was removed from the plugin "test" but containers still require it' in result.stderr
    assert plugin.asked("Remove") == []
    call("rm", "c")
    assert call("volume", "reload", check=False).lines == ["Removed:", "used"]


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("other", "volume plugin other but it could not be retrieved: no volume plugin with name other available: required plugin missing"),
        ("gone", 'could not be retrieved: cannot access plugin gone socket "/nonexistent/socket": stat /nonexistent/socket: no such file or directory'),
    ],
)  # fmt: skip
def test_a_plugin_that_is_not_there_is_told(call: Call, driver: str, said: str) -> None:
    result = call("volume", "create", "-d", driver, "v", check=False)
    assert result.code == 125
    assert said in result.stderr


def test_what_a_plugin_says_is_told_and_nothing_stays(call: Call, plugin: VolumePlugin, busybox: str) -> None:
    plugin.fail["Create"] = "no room"
    result = call("volume", "create", "-d", "test", "v", check=False)
    assert result.stderr == "Error: on /VolumeDriver.Create on volume v in volume plugin test: no room\n"
    assert call("volume", "ls", "-q").stdout == ""
    plugin.fail = {"Mount": "not now"}
    call("volume", "create", "-d", "test", "v")
    result = call("run", "--rm", "--network=none", "-v", "v:/x", busybox, "true", check=False)
    assert "on /VolumeDriver.Mount on volume v in volume plugin test: not now" in result.stderr
    plugin.fail = {"Remove": "busy"}
    result = call("volume", "rm", "v", check=False)
    assert "volume v could not be removed from plugin test: on /VolumeDriver.Remove on volume v" in result.stderr
    result = call("volume", "rm", "-f", "v")
    assert "could not be removed from plugin test" in result.stderr
    assert call("volume", "ls", "-q").stdout == ""


def test_a_socket_that_is_no_volume_plugin_is_refused(call: Call, plugin: VolumePlugin) -> None:
    plugin.kinds = ["NetworkDriver"]
    result = call("volume", "create", "-d", "test", "v", check=False)
    assert "plugin test does not implement volume plugin, instead provides NetworkDriver" in result.stderr
    plugin.reply = b"\xff{nonsense"
    assert call("volume", "create", "-d", "test", "v", check=False).code == 125


def test_a_plugin_cannot_say_a_relative_place(call: Call, plugin: VolumePlugin) -> None:
    call("volume", "create", "-d", "test", "v")
    plugin.reply = b'{"Mountpoint": "etc"}'
    result = call("volume", "mount", "v", check=False)
    assert 'mounted volume v at "etc", which is no absolute path' in result.stderr


def test_a_plugin_that_went_away_keeps_no_container(call: Call, plugin: VolumePlugin, busybox: str) -> None:
    call("volume", "create", "-d", "test", "v")
    call("run", "-d", "--name", "c", "--network=none", "-v", "v:/x", busybox, "sleep", "100")
    plugin.end()
    plugin.socket.unlink()
    result = call("rm", "-f", "-t", "0", "c")
    assert "volume v stays mounted" in result.stderr
    assert call("ps", "-aq").stdout == ""
    result = call("volume", "rm", "v", check=False)
    assert (result.code, "could not be retrieved" in result.stderr) == (125, True)


def test_a_volume_whose_plugin_went_away_is_forgotten(call: Call, plugin: VolumePlugin) -> None:
    call("volume", "create", "-d", "test", "v")
    call("volume", "create", "-d", "test", "w")
    (plugin.folder / "w").rmdir()
    result = call("volume", "rm", "w", check=False)
    assert result.code == 125
    assert "volume w could not be retrieved from plugin test, but it has been removed from Skerry: " in result.stderr
    plugin.end()
    plugin.socket.unlink()
    result = call("volume", "rm", "v", check=False)
    said = "cannot remove volume v from plugin test, but it has been removed from Skerry: required plugin missing"
    assert (result.code, result.stderr) == (125, f"Error: {said}\n")
    assert call("volume", "ls", "-q").stdout == ""
    call("volume", "rm", "-f", "v")
    assert call("volume", "ls", "-q").stdout == ""
