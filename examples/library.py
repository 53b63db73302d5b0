#!/usr/bin/env python3
"""Skerry as a library: make a small image, keep a container running, look at it, remove it.

Run it as root with the interpreter that has Skerry: /usr/local/lib/skerry/current/bin/python examples/library.py
Words on the command line are connect()'s settings: root=/tmp/x/root runroot=/tmp/x/run tmpdir=/tmp/x/tmp
"""

from __future__ import annotations

import sys

import skerry
from skerry.errors import NotFound


def main() -> None:
    engine = skerry.connect(**dict(word.split("=", 1) for word in sys.argv[1:]))
    if not engine.images.exists("busybox"):
        engine.images.bootstrap("busybox")
    box = engine.containers.start_new("busybox", ["sleep", "60"], network=["none"])
    _, state = engine.containers.find(box["id"])
    print(f"{box['name']} is {state['status']}")
    engine.containers.remove(box["id"], force=True, timeout_s=0)
    try:
        engine.containers.find(box["id"])
    except NotFound as error:
        print(f"gone: {error.message.partition(chr(34))[0].strip()} …")


if __name__ == "__main__":
    main()
