"""``skerry top``: a container's processes, by /proc, with the descriptors of Podman's ps."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from skerry.engine.containers import state as states
from skerry.engine.times import go_duration
from skerry.errors import Conflict, NotFound
from skerry.linux import capability
from skerry.runtime import oci

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

DEFAULT = ("user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args")
_TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_SECCOMP = ("disabled", "strict", "filter")
_ALL_CAPS = (1 << len(capability.NAMES)) - 1


class Process:
    """One process as /proc shows it. Numbers of its own pid namespace by `inner`."""

    def __init__(
        self, pid: int, users: dict[int, str], groups: dict[int, str], inside: Callable[[int], int]
    ) -> None:  # fmt: skip
        self.pid = pid
        self.users, self.groups, self.inside = users, groups, inside
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
        self.comm = text[text.index("(") + 1 : text.rindex(")")]
        self.stat = text[text.rindex(")") + 2 :].split()
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            self.status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            self.args = file.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")

    def ids(self, field: str) -> list[int]:
        """Numbers of a line of status: Uid, Gid, Groups, NSpid, …"""
        return [int(number) for number in self.status.get(field, "").split()]

    @property
    def inner(self) -> int:
        return (self.ids("NSpid") or [self.pid])[-1]

    @property
    def elapsed_ns(self) -> int:
        return max(int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e9) - int(self.stat[19]) * _TICK_NS, 1)

    @property
    def cpu_ns(self) -> int:
        return (int(self.stat[11]) + int(self.stat[12])) * _TICK_NS


def _caps(field: str) -> Callable[[Process], str]:
    def shown(process: Process) -> str:
        mask = int(process.status.get(field, "0"), 16)
        if mask & _ALL_CAPS == _ALL_CAPS:
            return "full"
        return ",".join(name.removeprefix("CAP_") for name in capability.names_in(mask)) or "none"

    return shown


def _user(index: int) -> Callable[[Process], str]:
    return lambda p: p.users.get(p.ids("Uid")[index], str(p.ids("Uid")[index]))


def _group(index: int) -> Callable[[Process], str]:
    return lambda p: p.groups.get(p.ids("Gid")[index], str(p.ids("Gid")[index]))


def _tty(process: Process) -> str:
    number = int(process.stat[4])
    major, minor = os.major(number), os.minor(number)
    return f"pts/{minor}" if major == 136 else f"tty{minor}" if number else "?"


def _started(process: Process) -> str:
    began = time.time() - process.elapsed_ns / 1e9
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(began))


def _label(process: Process) -> str:
    try:
        with open(f"/proc/{process.pid}/attr/current", encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0\n") or "?"
    except OSError:
        return "?"


def _parent(process: Process) -> str:
    """In the container's numbers; 0 for a parent outside of it."""
    parent = int(process.stat[1])
    try:
        with open(f"/proc/{parent}/status", encoding="utf-8", errors="replace") as file:
            numbers = next(line for line in file if line.startswith("NSpid:")).split()[1:]
    except (OSError, StopIteration):
        return "0"
    return numbers[-1] if len(numbers) == len(process.ids("NSpid")) else "0"


# descriptor → (header, value)
DESCRIPTORS: dict[str, tuple[str, Callable[[Process], str]]] = {
    "args": ("COMMAND", lambda p: p.args or f"[{p.comm}]"),
    "capamb": ("AMBIENT CAPS", _caps("CapAmb")),
    "capbnd": ("BOUNDING CAPS", _caps("CapBnd")),
    "capeff": ("EFFECTIVE CAPS", _caps("CapEff")),
    "capinh": ("INHERITED CAPS", _caps("CapInh")),
    "capprm": ("PERMITTED CAPS", _caps("CapPrm")),
    "comm": ("COMMAND", lambda p: p.comm),
    "etime": ("ELAPSED", lambda p: go_duration(p.elapsed_ns // 1000 * 1000)),
    "group": ("GROUP", _group(1)),
    "groups": ("GROUPS", lambda p: ",".join(p.groups.get(gid, str(gid)) for gid in p.ids("Groups")) or _group(1)(p)),
    "hgroup": ("HGROUP", lambda p: _host("group", p.ids("Gid")[1])),
    "hgroups": ("HGROUPS", lambda p: ",".join(_host("group", gid) for gid in p.ids("Groups"))),
    "hpid": ("HPID", lambda p: str(p.pid)),
    "huid": ("HUID", lambda p: str(_on_host("uid", p.ids("Uid")[1]))),
    "huser": ("HUSER", lambda p: _host("passwd", p.ids("Uid")[1])),
    "label": ("LABEL", _label),
    "nice": ("NI", lambda p: p.stat[16]),
    "pcpu": ("%CPU", lambda p: f"{100 * p.cpu_ns / p.elapsed_ns:.3f}"),
    "pgid": ("PGID", lambda p: str((p.ids("NSpgid") or [0])[-1])),
    "pid": ("PID", lambda p: str(p.inner)),
    "ppid": ("PPID", _parent),
    "rgroup": ("RGROUP", _group(0)),
    "rss": ("RSS", lambda p: str(int(p.stat[21]) * _PAGE_KIB)),
    "ruser": ("RUSER", _user(0)),
    "seccomp": ("SECCOMP", lambda p: _SECCOMP[int(p.status.get("Seccomp", "0"))]),
    "state": ("STATE", lambda p: p.stat[0]),
    "stime": ("STIME", _started),
    "time": ("TIME", lambda p: go_duration(p.cpu_ns)),
    "tty": ("TTY", _tty),
    "uid": ("UID", lambda p: str(p.inside(p.ids("Uid")[1]))),
    "user": ("USER", _user(1)),
    "vsz": ("VSZ", lambda p: str(int(p.stat[20]) // 1024)),
}  # fmt: skip
# ps's own short forms of some.
_AIX = {"%C": "pcpu", "%G": "group", "%P": "ppid", "%U": "user", "%a": "args", "%c": "comm", "%g": "rgroup",
        "%n": "nice", "%p": "pid", "%r": "pgid", "%t": "etime", "%u": "ruser", "%x": "time", "%y": "tty", "%z": "vsz"}  # fmt: skip


def top(engine: Engine, name: str, descriptors: Sequence[str] = ()) -> list[list[str]]:
    """The header and a row for each process; words that are no descriptors are for ps(1), whose lines are rows of one
    column. `Conflict` when the container does not run, `Invalid` for what ps does not understand."""
    wanted = [_AIX.get(word, word).lower() for text in descriptors for word in text.split(",") if word] or list(DEFAULT)
    if not all(word in DESCRIPTORS for word in wanted):
        from skerry.engine.containers.top_ps import ps_lines

        return [[line] for line in ps_lines(engine, name, descriptors)]
    record, written = _find(engine, name)
    state = states.observe(engine, record["id"], written)
    if state["status"] not in ("running", "paused"):
        raise Conflict("top can only be used on running containers: container state improper")
    runtime = oci.of(engine.settings, record["config"])
    if not runtime.quirks.own_processes:
        from skerry.engine.containers.top_sandbox import rows as of_sandbox

        return [[DESCRIPTORS[word][0] for word in wanted], *of_sandbox(runtime, record["id"], wanted)]
    users, groups = _names(state["pid"], "passwd"), _names(state["pid"], "group")
    inside = _inside(state["pid"])
    rows = [[DESCRIPTORS[word][0] for word in wanted]]
    for pid in _processes(state["pid"]):
        try:
            process = Process(pid, users, groups, inside)
            rows.append([DESCRIPTORS[word][1](process) for word in wanted])
        except (OSError, IndexError, ValueError):
            continue  # it ended meanwhile
    return rows


def _find(engine: Engine, name: str) -> tuple[ContainerRecord, ContainerState]:
    try:
        return states.find(engine, name)
    except NotFound as error:
        error.message = f"unable to look up requested container: {error.message}"
        raise


def _processes(first: int) -> list[int]:
    """Everything in the pid namespace of the container's first process."""
    namespace = os.readlink(f"/proc/{first}/ns/pid")
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                    found.append(int(name))
            except OSError:
                continue  # it ended, or is not ours
    return sorted(found)


def _names(pid: int, kind: str) -> dict[int, str]:
    """Ids out here → names of the container's /etc/passwd or /etc/group."""
    from skerry.engine.containers.identity import read_accounts

    outside = _outside(pid, "uid" if kind == "passwd" else "gid")
    return {outside(number): name for number, name in read_accounts(f"/proc/{pid}/root", kind)}


def _inside(pid: int) -> Callable[[int], int]:
    """Users' ids out here → in the container."""
    maps = _maps(str(pid), "uid")
    return lambda uid: next((uid - out + own for own, out, size in maps if out <= uid < out + size), uid)


def _maps(pid: str, kind: str) -> list[tuple[int, int, int]]:
    """Rows of (first id inside, first id outside, how many)."""
    with open(f"/proc/{pid}/{kind}_map", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return [(int(inside), int(out), int(size)) for inside, out, size in rows]


def _outside(pid: int, kind: str) -> Callable[[int], int]:
    maps = _maps(str(pid), kind)

    def convert(number: int) -> int:
        for inside, out, size in maps:
            if inside <= number < inside + size:
                return out + number - inside
        return number

    return convert


def _on_host(kind: str, number: int) -> int:
    """A user's commands see ids through a namespace of theirs."""
    for inside, out, size in _maps("self", kind):
        if inside <= number < inside + size:
            return out + number - inside
    return number


def _host(kind: str, number: int) -> str:
    import grp
    import pwd

    number = _on_host("uid" if kind == "passwd" else "gid", number)
    try:
        return pwd.getpwuid(number).pw_name if kind == "passwd" else grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
