"""Layers of a real user: unpacked in the user namespace, owners and whiteouts kept, mounted natively."""

from __future__ import annotations

import json
from pathlib import Path

import zstandard
from tests.rootless.conftest import SKERRY, User

SCRIPT = """
import io, json, os, sys, tarfile
sys.path[:0] = PATHS
from skerry.config.settings import load_settings
from skerry.engine.engine import Engine
from skerry.engine.rootless import enter
from skerry.linux.mount import umount
from skerry.store.layers import add_layer
from skerry.store.overlay import mount_overlay

settings = load_settings()
enter(settings)
store = Engine(settings).store
store.db

def tar(*entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, uid, mode in entries:
            info = tarfile.TarInfo(name)
            info.type, info.uid, info.gid, info.mode = kind, uid, uid, mode
            info.devmajor, info.devminor = 1, 3
            archive.addfile(info)
    buffer.seek(0)
    return buffer

D, F, C = tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.CHRTYPE
base = add_layer(store, None, tar(
    ("etc", D, 0, 0o755), ("etc/gone", F, 0, 0o644), ("etc/theirs", F, 33, 0o4750), ("old", D, 0, 0o755),
    ("old/hidden", F, 0, 0o644), ("device", C, 0, 0o666)))
top = add_layer(store, base["chain_id"], tar(
    ("etc/.wh.gone", F, 0, 0o644), ("old", D, 0, 0o755), ("old/.wh..wh..opq", F, 0, 0o644), ("old/new", F, 0, 0o644)))
for name in ("upper", "work", "merged"):
    os.mkdir(name)
here = os.getcwd()
mount_overlay(store, here + "/merged", [base["chain_id"], top["chain_id"]], upper=here + "/upper", work=here + "/work")
theirs = os.stat("merged/etc/theirs")
with open("merged/etc/theirs", "w") as file:
    file.write("copied up")
print(json.dumps({
    "etc": sorted(os.listdir("merged/etc")), "old": sorted(os.listdir("merged/old")),
    "theirs": [theirs.st_uid, oct(theirs.st_mode)], "upper": os.stat("upper/etc/theirs").st_uid,
}))
umount(here + "/merged")
"""


def run(user: User) -> str:
    # The locked dependencies live beside the interpreter that runs the tests; users have them from the installation.
    paths = [str(SKERRY.parents[1] / "src"), str(Path(zstandard.__file__).parents[1])]
    return user("/usr/bin/python3", "-IS", "-c", f"PATHS = {paths!r}\n{SCRIPT}").stdout


def test_owners_modes_whiteouts_and_opaque_folders(user: User) -> None:
    seen = json.loads(run(user))
    assert seen == {"etc": ["theirs"], "old": ["new"], "theirs": [33, "0o104750"], "upper": 33}


def test_the_store_belongs_to_the_user_and_their_subordinate_ids(user: User) -> None:
    run(user)
    first = int(user.skerry("unshare", "cat", "/proc/self/uid_map").stdout.split()[4])
    owners = {path.lstat().st_uid for path in (user.home / ".local/share/skerry/layers").rglob("*")}
    assert owners == {user.uid, first + 32}
