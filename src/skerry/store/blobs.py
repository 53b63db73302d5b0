"""Blobs: exact bytes by digest, at root/blobs/sha256/HEX. Manifests, configs, and layers as they came."""

from __future__ import annotations

import errno
import os

from skerry.errors import Corrupt, Invalid, NotFound, OutOfSpace, SkerryError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from skerry.store.store import Store


def blob_path(store: Store, digest: str) -> str:
    """Where this store has a blob, or would have it."""
    algorithm, _, name = digest.partition(":")
    if algorithm != "sha256" or len(name) != 64 or name.strip("0123456789abcdef"):
        raise Invalid(f"{digest!r} is no sha256 digest")
    return store.path("blobs/sha256", name)


def blob_place(store: Store, digest: str) -> str:
    """Where a blob can be read: in this store, or in an additional one."""
    own = blob_path(store, digest)
    if store.elsewhere is None or os.path.exists(own):
        return own
    return store.elsewhere.blobs.get(digest, own)


def has_blob(store: Store, digest: str) -> bool:
    """Whether the blob is stored."""
    return os.path.exists(blob_place(store, digest))


def add_blob(
    store: Store, chunks: Iterable[bytes], *, digest: str | None = None, size: int | None = None
) -> tuple[str, int]:
    """Store bytes; durable when it returns; idempotent. ``digest`` and ``size`` are verified: `Corrupt`.

    Its digest and size."""
    from _hashlib import openssl_sha256

    from skerry.linux.files import fsync_folder
    from skerry.store.steps import step

    store.db  # noqa: B018 - the root's folders exist
    hasher, written = openssl_sha256(), 0
    try:
        with store.staging() as staging:
            step("blob.write")
            with open(staging.path + "/blob", "wb", opener=_private) as file:
                for chunk in chunks:
                    hasher.update(chunk)
                    written += len(chunk)
                    if size is not None and written > size:
                        raise Corrupt(f"the blob has more than its {size} bytes")
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            found = "sha256:" + hasher.hexdigest()
            if size is not None and written != size:
                raise Corrupt(f"the blob has {written} bytes, not {size}")
            if digest is not None and found != digest:
                raise Corrupt(f"the blob's digest is {found}, not {digest}")
            step("blob.rename")
            os.rename(staging.path + "/blob", blob_path(store, found))
            fsync_folder(store.path("blobs/sha256"))
    except OSError as error:
        raise _translated(error, "cannot store a blob") from error
    return found, written


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def open_blob(store: Store, digest: str) -> BinaryIO:
    """The blob, open for reading."""
    try:
        return open(blob_place(store, digest), "rb")
    except FileNotFoundError:
        raise NotFound(f"blob {digest} does not exist") from None
    except OSError as error:
        raise _translated(error, f"cannot open blob {digest}") from error


def read_blob(store: Store, digest: str, limit: int = 16 << 20) -> bytes:
    """A small blob whole. `Corrupt` when it is larger than ``limit``."""
    with open_blob(store, digest) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Corrupt(f"blob {digest} has more than {limit} bytes")
    return data


def remove_blob(store: Store, digest: str) -> bool:
    """Remove the blob; whether it was there. The caller knows that nothing uses it."""
    try:
        os.unlink(blob_path(store, digest))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _translated(error, f"cannot remove blob {digest}") from error
    return True


def _translated(error: OSError, what: str) -> SkerryError:
    text = f"{what}: {os.strerror(error.errno or 0)}"
    return OutOfSpace(text) if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable(text)
