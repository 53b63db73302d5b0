"""``--security-opt``: seccomp, AppArmor, SELinux labels, masks, no-new-privileges."""

from __future__ import annotations

import os

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig

_CAPABILITIES = "io.containers.capabilities"


def apply_security(options: CreateOptions, config: ContainerConfig) -> None:
    """Put the security options into ``config``."""
    config["cap_add"] = list(options.get("cap_add", ()))
    config["cap_drop"] = list(options.get("cap_drop", ()))
    config["privileged"] = options.get("privileged", False)
    for option in options.get("security_opt", ()):
        key, value = _split(option)
        if key == "no-new-privileges":
            from skerry.engine.units import parse_bool

            try:
                config["no_new_privileges"] = not value or parse_bool(value)
            except Invalid:
                hint = "no-new-privileges takes true or false"
                raise Invalid(f'invalid --security-opt 2: "{option}"', hint=hint) from None
        elif key == "seccomp":
            config["seccomp"] = _seccomp(value)
        elif key == "apparmor":
            config["apparmor"] = value
        elif key == "label":
            config.setdefault("label_opts", []).append(value)
        elif key == "mask":
            config.setdefault("mask", []).extend(_paths(value))
        elif key == "unmask":
            config.setdefault("unmask", []).extend(_paths(value))
        elif key == "systempaths":
            if value != "unconfined":
                raise Invalid(f'invalid systempaths option "{value}", only `unconfined` is supported')
            config.setdefault("unmask", []).append("ALL")
        elif key == "proc-opts":
            config.setdefault("annotations", {})["io.skerry.proc-opts"] = value
        else:
            raise Invalid(f'invalid --security-opt {2 if value else 1}: "{option}"')


def reduce_capabilities(engine: Engine, config: ContainerConfig) -> None:
    """Its label, mostly the image's, names all that it needs. None is had that would not be had without it."""
    if _CAPABILITIES not in config["labels"] or config["privileged"]:
        return
    from skerry.runtime.security import DEFAULT_CAPS, merge_capabilities, normalize

    allowed = merge_capabilities(engine.settings.default_caps or DEFAULT_CAPS, config["cap_add"], config["cap_drop"])
    wanted = normalize([name for name in config["labels"][_CAPABILITIES].split(",") if name])
    refused = ",".join(name for name in wanted if name not in allowed)
    if refused:
        engine.warn(f'Capabilities requested by user or image are not allowed by default: "{refused}"')
    elif wanted:
        config["caps_only"] = wanted


def _split(option: str) -> tuple[str, str]:
    equals, colon = option.find("="), option.find(":")
    # Docker's older notation has a colon: label:disable, seccomp:unconfined
    cut = min(place for place in (equals, colon, len(option)) if place >= 0)
    return option[:cut], option[cut + 1 :]


def _paths(value: str) -> list[str]:
    return ["ALL"] if value.lower() == "all" else value.split(":")


def _seccomp(value: str) -> str:
    if value in ("", "unconfined"):
        return value
    path = os.path.abspath(value)
    if not os.path.exists(path):
        raise Invalid(f"opening seccomp profile failed: open {value}: no such file or directory")
    return path
