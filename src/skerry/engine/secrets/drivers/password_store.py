"""The ``pass`` driver: a file per secret that gpg encrypts, in a folder as pass(1) and gopass keep."""

from __future__ import annotations

import os

from skerry.errors import NotFound, Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from skerry.linux.spawn import Completed

_DEFAULTS = (".password-store", ".local/share/gopass/stores/root")  # below the home


class PassDriver:
    """``options``: root (the folder), key (for whom it is encrypted), gpghomedir."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._root = os.path.abspath(options["root"]) if options.get("root") else _default_root()
        self._key = options.get("key") or _key_of(self._root)
        self._home = options.get("gpghomedir", "")

    def store(self, secret_id: str, data: bytes) -> None:
        if not self._root or not self._key:
            raise Unavailable(
                "the pass driver knows no key to encrypt for",
                hint="--driver-opts root=FOLDER (with a .gpg-id), or key=ID",
            )
        try:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot make {self._root}: {error.strerror}") from None
        done = self._gpg(["--encrypt", "-r", self._key, "-o", self._path(secret_id)], data)
        if done.code:
            raise Unavailable(f"exit status {done.code}", hint=_last_line(done.stderr))

    def lookup(self, secret_id: str) -> bytes:
        done = self._gpg(["--decrypt", self._path(secret_id)])
        if done.code or not done.stdout:
            raise NotFound(f"{secret_id}: no secret data with ID", hint=_last_line(done.stderr))
        return done.stdout

    def delete(self, secret_id: str) -> None:
        try:
            os.unlink(self._path(secret_id))
        except OSError:
            raise NotFound(f"{secret_id}: no secret data with ID") from None

    def _path(self, secret_id: str) -> str:
        return os.path.join(self._root, secret_id)

    def _gpg(self, words: list[str], data: bytes = b"") -> Completed:
        home = ["--homedir", self._home] if self._home else []
        return run(["gpg", "--batch", *home, *words], input=data, env={**os.environ, "LC_ALL": "C"})


def _default_root() -> str:
    home = os.environ.get("HOME") or "/"
    for place in _DEFAULTS:
        path = os.path.join(home, place)
        if os.path.isdir(path):
            return path
    return ""


def _key_of(root: str) -> str:
    """What .gpg-id says, of the folder or of one above it."""
    path = root
    while len(path) > 1:
        try:
            with open(os.path.join(path, ".gpg-id"), encoding="utf-8") as file:
                return file.readline().strip()
        except OSError:
            path = os.path.dirname(path)
    return ""


def _last_line(text: bytes) -> str:
    return text.decode(errors="replace").strip().rpartition("\n")[2]
