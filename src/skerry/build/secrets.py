"""``--secret``: what RUN --mount=type=secret may see. Its bytes go to the step and nowhere else."""

from __future__ import annotations

import os

from skerry.build.options import Secret
from skerry.errors import Invalid, NotFound

_MOST = 500 << 10  # as BuildKit


def parse_secret(text: str, fields: list[str]) -> Secret:
    """``id=ID[,src=FILE|,env=NAME][,type=file|env]``; ``fields`` are the text's, split at commas. `Invalid`."""
    values: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        key = {"source": "src", "target": "dst"}.get(key.strip().lower(), key.strip().lower())
        if not equals or key not in ("id", "src", "env", "type"):
            raise Invalid(
                f"incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env], not {text!r}"
            )
        values[key] = value
    name = values.get("id", "")
    kind = values.get("type", "")
    if kind not in ("", "file", "env"):
        raise Invalid(f'invalid --secret "{text}": type must be file or env')
    source, variable = values.get("src", ""), values.get("env", "")
    if source and variable:
        raise Invalid(f'invalid --secret "{text}": src and env cannot be used together')
    if kind == "env" and source:  # Docker's older notation
        source, variable = "", source
    if not name:
        raise Invalid("secret id is required: --secret id=…")
    if not source and not variable:
        # Podman and Docker: a variable of that name, else a file.
        if kind == "env" or (not kind and name in os.environ):
            variable = name
        else:
            source = name
    return Secret(name, os.path.abspath(os.path.expanduser(source)) if source else "", variable)


def check_secret(secret: Secret) -> None:
    """`NotFound` or `Invalid` before anything is built."""
    if secret.env:
        if secret.env not in os.environ:
            raise NotFound(f"secret {secret.id}: the environment variable {secret.env} is not set")
        return
    try:
        status = os.stat(secret.source)
        os.close(os.open(secret.source, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        raise NotFound(f"secret {secret.id}: {secret.source}: {os.strerror(error.errno or 0).lower()}") from None
    if os.path.isdir(secret.source):
        raise Invalid(f"secret {secret.id}: {secret.source} is a folder")
    if status.st_size > _MOST:
        raise Invalid(f"secret {secret.id}: {secret.source} is larger than {_MOST >> 10} KiB")


def read_secret(secret: Secret) -> bytes:
    """Its bytes now. `NotFound`."""
    check_secret(secret)
    if secret.env:
        return os.environb[secret.env.encode()]
    try:
        with open(secret.source, "rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise NotFound(f"secret {secret.id}: {secret.source}: {os.strerror(error.errno or 0).lower()}") from None
    if len(data) > _MOST:
        raise Invalid(f"secret {secret.id}: {secret.source} is larger than {_MOST >> 10} KiB")
    return data
