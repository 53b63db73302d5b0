"""Opening beneath a root, whatever else happens on the host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from skerry.linux.beneath import open_in_root

_RENAMING = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.rename("one", "two")
    os.rename("two", "one")
"""


def test_a_way_up_is_found_while_others_rename(tmp_path: Path) -> None:
    for folder in ("root/a", "other/one"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root/file").write_text("")
    (tmp_path / "root/a/link").symlink_to("../file")
    busy = subprocess.Popen([sys.executable, "-c", _RENAMING, tmp_path / "other"])
    try:
        for _ in range(20_000):
            os.close(open_in_root(str(tmp_path / "root"), "a/link", os.O_PATH))
    finally:
        busy.kill()
        busy.wait()
