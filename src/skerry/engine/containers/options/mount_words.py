"""The words behind a mount: which there are, which exclude each other, and which follow when they are not said.

First what ``-v`` and ``--mount type=bind`` may say at all, then, as Podman does, each mount's words are completed.
"""

from __future__ import annotations

from skerry.errors import Invalid
from skerry.runtime.mount_options import PROPAGATION, source_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Of each group one word may be given; what an error calls the group.
_GROUPS = (
    (("noexec", "exec"), "'noexec' or 'exec'"),
    (("nodev", "dev"), "'nodev' or 'dev'"),
    (("nosuid", "suid"), "'nosuid' or 'suid'"),
    (("rw", "ro"), "'rw' or 'ro'"),
    (("z", "Z", "O"), "'z', 'Z', or 'O'"),
    (("U",), "'U'"),
    (PROPAGATION, "'[r]shared', '[r]private', '[r]slave' or '[r]unbindable'"),
    (("bind", "rbind"), "'[r]bind'"),
    (("copy", "nocopy"), "'copy' or 'nocopy'"),
    (("no-dereference",), "'no-dereference'"),
    (("nocreate",), "'nocreate'"),
)
_GROUP_OF = {word: (words, name) for words, name in _GROUPS for word in words}
_OF_OTHER_SYSTEMS = frozenset(("cached", "delegated", "consistent"))  # Docker Desktop's: nothing to do
_TMPFS_ONLY = ("size", "mode", "tmpcopyup", "notmpcopyup", "noswap", "noatime")


def checked(words: Sequence[str]) -> list[str]:
    """What ``-v SOURCE:TARGET:WORDS`` may say, without what has no meaning here. `Invalid` in Podman's words."""
    seen: set[str] = set()
    result = []
    for word in words:
        key = word.partition("=")[0]
        if word in _OF_OTHER_SYSTEMS:
            continue
        if key in ("upperdir", "workdir") and key != word:
            group = f"{key} per overlay"
        elif key == "idmap":
            group = "'idmap' option"
        elif word in _GROUP_OF:
            group = f"{_GROUP_OF[word][1]} option"
        else:
            raise Invalid(f'invalid option type "{word}"')
        if group in seen:
            raise Invalid(f'invalid options "{", ".join(words)}", can only specify 1 {group}')
        seen.add(group)
        if word != "idmap=false":
            result.append("idmap" if word == "idmap=true" else word)
    return result


def completed(words: Sequence[str], *, kind: str, source: str = "", rootless: bool = False) -> list[str]:
    """The words of a mount of type ``kind`` (bind, volume, tmpfs) with those that follow: they are stored and shown.

    `Invalid` for what such a mount cannot have, or has twice."""
    result = []
    seen: set[str] = set()
    for word in words:
        group = _group(word, kind, rootless=rootless)
        if group in seen:
            raise _twice(group)
        seen.add(group)
        result.append(word)
    given = set(result)
    if not given & set(PROPAGATION):
        result.append("private" if "bind" in given else "rprivate")
    flags = source_flags(source) if kind == "bind" else ("nosuid", "nodev")
    result += [flag for flag in flags if not given & {flag, flag.removeprefix("no")}]
    if kind == "tmpfs":
        return result if given & {"tmpcopyup", "notmpcopyup"} else [*result, "tmpcopyup"]
    return result if given & {"bind", "rbind"} else [*result, "rbind"]


def _twice(group: str) -> Invalid:
    if "[r]private" in group:
        said = "only one root propagation mode can be used"
    elif " or " in group:
        said = f"only one of {group.replace(' or ', ' and ')} can be used"
    elif group in ("size", "mode"):
        said = f"only one tmpfs {group} can be specified"
    else:
        said = f"the '{group.strip(chr(39))}' option can only be set once"
    return Invalid(f"{said}: duplicate mount option passed")


def _group(word: str, kind: str, *, rootless: bool) -> str:
    """What a word is an answer to. `Invalid` when the question does not arise."""
    key = word.partition("=")[0]
    tmpfs = kind == "tmpfs"
    if key in _TMPFS_ONLY:
        if not tmpfs:
            raise Invalid(f"the '{key}' option is only allowed with tmpfs mounts: invalid mount option")
        if key == "noswap" and rootless:
            raise Invalid("the 'noswap' option is only allowed with rootful tmpfs mounts: invalid mount option")
        return "tmpcopyup" if key == "notmpcopyup" else key
    if tmpfs and word in ("bind", "rbind", "z", "Z"):
        what = "'bind' and 'rbind'" if "bind" in word else "'z' and 'Z'"
        raise Invalid(f"the {what} options are not allowed with tmpfs mounts: invalid mount option")
    if word in _GROUP_OF and word != "nocreate":
        return "O" if word == "O" else _GROUP_OF[word][1]
    if key in ("idmap", "upperdir", "workdir") or word == "rro":
        return key
    raise Invalid(f'unknown mount option "{word}": invalid mount option')
