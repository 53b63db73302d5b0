"""``skerry top`` with words of ps(1): the host's ps among the container's processes, so that no image needs its own.

A container that may trace other processes (CAP_SYS_PTRACE) could get hold of such a ps: its own is executed in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from skerry.engine.containers import state as states
from skerry.errors import Conflict, Invalid, SkerryError, Unavailable
from skerry.linux import pidns
from skerry.runtime import oci
from skerry.runtime.security import DEFAULT_CAPS, capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine


def ps_lines(engine: Engine, name: str, words: Sequence[str]) -> list[str]:
    """What ``ps WORDS`` prints about a running container; one word is split as a shell would. `Invalid` for what ps does
    not understand, `Conflict` when the container does not run."""
    import shlex

    try:
        args = shlex.split(words[0]) if len(words) == 1 else list(words)
    except ValueError as error:
        raise Invalid(f"parsing ps args: {error}") from None
    record, written = states.find(engine, name)
    state = states.observe(engine, record["id"], written)
    if state["status"] not in states.LIVE:
        raise Conflict("top can only be used on running containers: container state improper")
    try:
        lines = _of_host(engine, record, state["pid"], args)
    except Unavailable as error:
        if error.message:
            engine.warn(f"Falling back to container ps(1), could not execute ps(1) from the host: {error.message}")
        lines = _of_container(engine, record, args)
    own = "ps " + " ".join(args)
    return [line for line in lines if own not in line]


def _of_host(engine: Engine, record: ContainerRecord, pid: int, args: Sequence[str]) -> list[str]:
    if not oci.of(engine.settings, record["config"]).quirks.own_processes or _may_trace(engine, record):
        raise Unavailable("")  # nothing to warn of: that is how it is
    program = next((path for folder in os.defpath.split(":") if os.access(path := f"{folder}/ps", os.X_OK)), "")
    if not program:
        raise Unavailable("no ps in " + os.defpath)
    code, out, err = pidns.run_beside(pid, [program, *args], join_user=bool(record["config"].get("uid_maps")))
    said = err.strip().partition("\n")[0]
    if code == pidns.NOT_RUN:
        raise Unavailable(said or "it ended at once")
    if code:
        raise Invalid(f"ps(1) failed with exit code {code}: {said}")
    return out.splitlines()


def _may_trace(engine: Engine, record: ContainerRecord) -> bool:
    config = record["config"]
    held = capabilities(
        privileged=config.get("privileged", False), add=config.get("cap_add", ()), drop=config.get("cap_drop", ()),
        defaults=engine.settings.default_caps or DEFAULT_CAPS, uid=0, only=config.get("caps_only", ()),
    )  # fmt: skip
    return "CAP_SYS_PTRACE" in held["bounding"]


def _of_container(engine: Engine, record: ContainerRecord, args: Sequence[str]) -> list[str]:
    from skerry.engine.containers.exec import exec_run
    from skerry.engine.containers.streams import Streams

    out, err = os.memfd_create("out", os.MFD_CLOEXEC), os.memfd_create("err", os.MFD_CLOEXEC)
    try:
        code = exec_run(engine, record["id"], ["ps", *args], Streams(stdout=out, stderr=err))
        texts = [os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace") for fd in (out, err)]
    except SkerryError as error:
        raise Unavailable(f"executing ps(1) in container: {error.message}", hint=error.hint) from error
    finally:
        os.close(out)
        os.close(err)
    if code:
        raise Invalid(
            f"executing ps(1) in container: runtime failed with exit status: {code} and output: {texts[1].strip()}"
        )
    return texts[0].splitlines()
