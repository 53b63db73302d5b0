"""--device and --device-cgroup-rule."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import Invalid, NotFound, SkerryError
from skerry.runtime import devices


@pytest.mark.parametrize(
    ("text", "host", "inside", "permissions"),
    [
        ("/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"),
        ("/dev/fuse:r", "/dev/fuse", "/dev/fuse", "r"),
        ("/dev/fuse:/dev/x", "/dev/fuse", "/dev/x", "rwm"),
        ("/dev/fuse:/dev/x:mr", "/dev/fuse", "/dev/x", "mr"),
        ("/dev/fuse:", "/dev/fuse", "/dev/fuse", "rwm"),
        ("/dev/fuse::rw", "/dev/fuse", "/dev/fuse", "rw"),
    ],
)
def test_forms_of_a_device(text: str, host: str, inside: str, permissions: str) -> None:
    device = devices.parse_device(text)
    assert (device.host, device.inside, device.permissions) == (host, inside, permissions)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "invalid device specification: "),
        (":/x", "invalid device specification: :/x"),
        ("/a:/b:r:x", "invalid device specification: /a:/b:r:x"),
        ("/a:/b:", "empty device mode in device specification: /a:/b:"),
        ("/a::", "empty device mode in device specification: /a::"),
        ("/a:/b:rwz", 'invalid device mode "rwz" in device "/a:/b:rwz"'),
        ("/a:rr", 'invalid device mode "rr" in device "/a:rr"'),
        ("/a:b", 'invalid device mode "b" in device "/a:b"'),
        ("/a:b:rw", 'invalid device mode "b" in device "/a:b:rw"'),
    ],
)
def test_a_malformed_device_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        devices.parse_device(text)
    assert caught.value.message == said


@given(st.text(alphabet="/:rwmabc*0123 ", max_size=20))
def test_any_text_is_a_device_or_a_clear_error(text: str) -> None:
    for parse in (devices.parse_device, devices.parse_rule):
        try:
            parse(text)
        except Invalid:
            continue


@given(kind=st.sampled_from("abc"), major=st.integers(0, 4095), minor=st.one_of(st.just("*"), st.integers(0, 255)), access=st.sampled_from(["r", "rw", "rwm", "mw"]))  # fmt: skip
def test_rules(kind: str, major: int, minor: int | str, access: str) -> None:
    rule = devices.parse_rule(f"{kind} {major}:{minor} {access}")
    assert rule == {"allow": True, "type": kind, "access": access, "major": major} | (
        {} if minor == "*" else {"minor": minor}
    )


def test_a_missing_device_is_named() -> None:
    with pytest.raises(NotFound, match="stat /dev/nonesuch: no such file or directory"):
        devices.parse_all(["/dev/nonesuch"])


def test_a_file_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="file is not a valid device: not a device node"):
        devices.parse_all([str(tmp_path / "file")])


def test_a_folder_without_devices_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no devices found in"):
        devices.parse_all([str(tmp_path)])


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device nodes")
def test_a_folder_means_the_devices_below_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    os.mknod(tmp_path / "sub/null", 0o20666, os.makedev(1, 3))
    (tmp_path / "link").symlink_to("sub/null")
    found = devices.parse_all([f"{tmp_path}:/dev/all:r"])
    assert [(device.inside, device.permissions, devices.rule(device, info)["minor"]) for device, info in found] == [
        ("/dev/all/sub/null", "r", 3)
    ]


def test_numbers_of_what_is_no_device() -> None:
    with pytest.raises(SkerryError):
        devices.numbers("/etc/passwd")
    assert devices.numbers("/dev/null") == (1, 3)
