"""/etc/subuid and /etc/subgid: the ids that a user may give to the processes of their containers."""

from __future__ import annotations

import os

Range = tuple[int, int]  # first id, how many

# An id is 32 bits and the last one means "none".
_MAX_ID = (1 << 32) - 2


def ranges(path: str, uid: int) -> list[Range]:
    """The ranges of the user ``uid`` (by name and by number) in ``path``, in the file's order; broken lines count not.

    Empty without the file. Users of a directory service (sssd) have theirs from `getsubids`."""
    found = _parse(_read(path), {str(uid), _user_name(uid)})
    return found or _from_service(path, uid)


def ranges_of(path: str, name: str) -> list[Range]:
    """The ranges of a user who need not exist otherwise."""
    return _parse(_read(path), {name})


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _parse(text: str, names: set[str]) -> list[Range]:
    found: list[Range] = []
    for line in text.splitlines():
        parts = line.strip().split(":")
        if len(parts) != 3 or parts[0] not in names or not (_number(parts[1]) and _number(parts[2])):
            continue
        first, count = int(parts[1]), int(parts[2])
        if count and first + count - 1 <= _MAX_ID and (first, count) not in found:
            found.append((first, count))
    return found


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return os.environ.get("USER", "") or str(uid)


def _from_service(path: str, uid: int) -> list[Range]:
    """Ask getsubids when nsswitch.conf says that the ranges come from elsewhere than the files."""
    if not any(line.split("#")[0].strip().startswith("subid:") for line in _read("/etc/nsswitch.conf").splitlines()):
        return []
    from skerry.config.programs import find_program
    from skerry.linux.spawn import run

    program = find_program("getsubids")
    if not program:
        return []
    kind = ["-g"] if path.endswith("gid") else []
    done = run([program, *kind, _user_name(uid)])
    # "0: alice 100000 65536"
    rows = [line.split() for line in done.stdout.decode(errors="replace").splitlines()] if done.code == 0 else []
    return [(int(row[2]), int(row[3])) for row in rows if len(row) == 4 and _number(row[2]) and _number(row[3])]
