"""``--log-driver`` and ``--log-opt``: where conmon keeps what the program prints."""

from __future__ import annotations

import os

from skerry.engine.containers.options.process import key_values
from skerry.engine.units import parse_size
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig

_DRIVERS = ("k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty")


def apply(engine: Engine, options: ContainerRequest, config: ContainerConfig) -> None:
    """Put the options of the log into ``config``, whose labels are known. `Invalid` for what cannot be."""
    driver = options.get("log_driver") or engine.settings.log_driver
    if driver not in _DRIVERS:
        raise Invalid("running container create option: invalid log driver: invalid argument")
    config["log_driver"] = driver
    config["log_size_max"] = engine.settings.log_size_max
    given = options.get("log_opt", [])
    for key, value in key_values(
        [item for item in given if not item.startswith("label=")], 'invalid log option "{}"'
    ).items():
        if key == "path":
            config["log_path"] = os.path.abspath(value)
        elif key == "tag":
            if driver != "journald":
                raise Invalid(
                    f'log tags can only be used with the journald log driver but driver is "{driver}": invalid argument'
                )
            config["log_tag"] = value
        elif key == "max-size":
            config["log_size_max"] = _size(value)
        elif key in ("max-file", "log-rotate"):
            _rotate(config, key, value)
        # Others, of Docker's drivers, mean nothing here and are accepted: as by Podman.
    if config.get("log_max_files") and not config["log_rotate"]:
        raise Invalid("conflicting log options: max-file cannot be set when log-rotate is false")
    _label(config, given)


def _size(text: str) -> int:
    try:
        return parse_size(text, "", kilo=1000)
    except Invalid:
        raise Invalid(f"invalid size: '{text}'") from None


def _rotate(config: ContainerConfig, key: str, value: str) -> None:
    if key == "max-file":
        if not value.isascii() or not value.isdigit():
            raise Invalid(
                'invalid value for log option "max-file": must be a positive integer: '
                f'strconv.ParseUint: parsing "{value}": invalid syntax'
            )
        if int(value) < 1:
            raise Invalid('invalid value for log option "max-file": must be greater than 0')
        config["log_max_files"] = int(value)
        config.setdefault("log_rotate", True)
        return
    if value not in ("true", "false"):
        raise Invalid(
            'invalid value for log option "log-rotate": must be true or false: '
            f'strconv.ParseBool: parsing "{value}": invalid syntax'
        )
    config["log_rotate"] = value == "true"


def _label(config: ContainerConfig, given: list[str]) -> None:
    """Fields of the journal: ``label=NAME=VALUE``, and ``labels=NAME,…`` for those that the container has."""
    fields: dict[str, str] = {}
    for item in given:
        option, _, text = item.partition("=")
        if option == "labels":
            own = config["labels"]
            fields.update({name.upper(): own[name] for name in text.split(",") if name in own})
        elif option == "label":
            name, equals, value = text.partition("=")
            if not equals:
                raise Invalid(f'invalid log label "{item}"')
            fields[name] = value
    for name in fields:
        if not name or name.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"):
            problem = "contains invalid characters, only uppercase letters, digits, and underscores are allowed"
            raise Invalid(f'log label "{name}" {problem}')
    if fields:
        if config["log_driver"] != "journald":
            raise Invalid("log labels can only be used with journald log driver")
        config["log_labels"] = fields
