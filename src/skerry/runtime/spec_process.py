"""The OCI ``process``: what is executed, as whom, with which environment, capabilities and limits."""

from __future__ import annotations

import os

from skerry.linux.spawn import DEFAULT_PATH
from skerry.runtime.limits import oom_score_adj, rlimits
from skerry.runtime.security import DEFAULT_CAPS, capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.runtime.types import ContainerConfig, ResolvedUser

INIT_PATH = "/run/podman-init"  # where images that call it expect Podman's


def process(
    config: ContainerConfig, user: ResolvedUser, settings: Any, *, warn: Callable[[str], None]
) -> dict[str, Any]:
    """The first process of a container."""
    args = list(config["args"])
    if config.get("init"):
        args = [INIT_PATH, "--", *args]
    result = _common(config, user, settings, terminal=config.get("terminal", False))
    result["args"] = args
    result["env"] = environment(config, user, config["env"], terminal=config.get("terminal", False))
    result["cwd"] = config.get("cwd") or "/"
    limits = rlimits([*settings.default_ulimits, *config.get("ulimits", ())], warn=warn)
    if limits:
        result["rlimits"] = limits
    score = oom_score_adj(config.get("oom_score_adj"), warn=warn)
    if score is not None:
        result["oomScoreAdj"] = score
    return result


def exec_process(
    config: ContainerConfig,
    user: ResolvedUser,
    settings: Any,
    *,
    args: Sequence[str],
    env: Sequence[str] = (),
    cwd: str = "",
    terminal: bool = False,
    privileged: bool = False,
    cap_add: Sequence[str] = (),
    console_size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """A further process in a running container (``exec``): its rights are the container's, unless ``privileged``.

    ``env`` adds to the container's; ``console_size`` is (rows, columns)."""
    result = _common(config, user, settings, terminal=terminal, privileged=privileged, cap_add=cap_add)
    result["args"] = list(args)
    on_terminal = terminal or config.get("terminal", False)  # TERM is one of the container's own variables
    result["env"] = environment(config, user, [*config["env"], *env], terminal=on_terminal)
    result["cwd"] = cwd or config.get("cwd") or "/"
    if console_size is not None:
        result["consoleSize"] = {"height": console_size[0], "width": console_size[1]}
    limits = rlimits([*settings.default_ulimits, *config.get("ulimits", ())], warn=_silent)
    if limits:
        result["rlimits"] = limits
    return result


def _silent(_message: str) -> None:
    """The warning was given when the container was created."""


def _common(
    config: ContainerConfig, user: ResolvedUser, settings: Any, *, terminal: bool, privileged: bool = False,
    cap_add: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    owner: dict[str, Any] = {"uid": user["uid"], "gid": user["gid"], "umask": int(config.get("umask") or "0022", 8)}
    # The primary group is among the supplementary ones, or dropping it would pass by a group's lesser rights
    # (CVE-2022-2989).
    groups = [user["gid"], *user["additional_gids"]] if config["user"] else user["additional_gids"]
    if groups:
        owner["additionalGids"] = list(dict.fromkeys(groups))
    result: dict[str, Any] = {
        "user": owner,
        "capabilities": capabilities(
            privileged=privileged or config.get("privileged", False),
            add=[*config.get("cap_add", ()), *cap_add],
            drop=config.get("cap_drop", ()),
            defaults=settings.default_caps or DEFAULT_CAPS,
            uid=user["uid"],
            only=[*config["caps_only"], *cap_add] if config.get("caps_only") else (),
        ),
    }
    if terminal:
        result["terminal"] = True
    if config.get("no_new_privileges"):
        result["noNewPrivileges"] = True
    profile = _apparmor(config, settings, privileged=privileged)
    if profile:
        result["apparmorProfile"] = profile
    return result


def _apparmor(config: ContainerConfig, settings: Any, *, privileged: bool) -> str:
    wanted = config.get("apparmor", "")
    if (privileged or config.get("privileged")) and not wanted:
        return ""
    if not os.path.exists("/sys/module/apparmor"):
        return ""
    from skerry.runtime.apparmor import profile

    return profile(wanted, rootless=bool(settings.rootless))


def environment(config: ContainerConfig, user: ResolvedUser, given: Sequence[str], *, terminal: bool) -> list[str]:
    """``given`` (a later entry wins) and what every container has: PATH, container, HOME, HOSTNAME, TERM."""
    found: dict[str, str] = {"PATH": DEFAULT_PATH}
    if terminal:
        found["TERM"] = "xterm"
    found["container"] = "podman"  # what systemd, Ansible and installers look for
    if config.get("systemd"):
        found["container_uuid"] = config["id"][:32]
    unset = config.get("unset_env", ())
    for name in found if "*" in unset else unset:
        found = {key: value for key, value in found.items() if key != name}
    found["HOME"] = user["home"] or "/"
    found["HOSTNAME"] = hostname(config)
    for entry in given:
        name, _, value = entry.partition("=")
        found[name] = value
    return [f"{name}={value}" for name, value in found.items()]


def hostname(config: ContainerConfig) -> str:
    """The container's host name: the host's own when it shares that namespace."""
    if config.get("namespaces", {}).get("uts") == "host":
        return config.get("hostname") or os.uname().nodename
    return config.get("hostname") or config["id"][:12]
