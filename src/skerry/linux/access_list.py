"""POSIX access control lists, as far as letting one more user pass through a folder (acl(5), the kernel's xattr format)."""

from __future__ import annotations

import errno
import os
import struct

_NAME = "system.posix_acl_access"
_VERSION = 2
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_PASS = 1  # execute: for a folder, to go through it

_Entry = tuple[int, int, int]  # tag, permissions, id


def let_pass(path: str, uid: int) -> None:
    """Let the user ``uid`` go through the folder, and do nothing else with it. Where the file system has no lists,
    everybody may."""
    entries = _read(path)
    mode = os.stat(path).st_mode
    if not entries:
        entries = [(_USER_OBJ, mode >> 6 & 7, _NO_ID), (_GROUP_OBJ, mode >> 3 & 7, _NO_ID), (_OTHER, mode & 7, _NO_ID)]
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), None)
    # The mask counts as well: a chmod of the folder changes that, and leaves the entry.
    if (mask is None or mask & _PASS) and any(
        tag == _USER and number == uid and bits & _PASS for tag, bits, number in entries
    ):
        return
    if mask is None:
        mask = next(bits for tag, bits, _ in entries if tag == _GROUP_OBJ)
    entries = [entry for entry in entries if entry[0] != _MASK and not (entry[0] == _USER and entry[2] == uid)]
    entries += [(_USER, _PASS, uid), (_MASK, mask | _PASS, _NO_ID)]
    entries.sort(key=lambda entry: (entry[0], entry[2]))
    data = struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, _NAME, data)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.chmod(path, mode & 0o7777 | 0o001)


def _read(path: str) -> list[_Entry]:
    try:
        data = os.getxattr(path, _NAME)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return []
        raise
    return [struct.unpack_from("<HHI", data, at) for at in range(4, len(data) - 7, 8)]
