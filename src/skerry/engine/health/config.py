"""Health checks as they are asked for: the flags of create, run and update, and HEALTHCHECK of images."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.health import has_check
from skerry.engine.units import parse_duration as _parse
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from skerry.runtime.types import ContainerConfig, Healthcheck

ACTIONS = ("none", "kill", "restart", "stop")
# In a directory of the user's the results are beside other containers'; elsewhere they are where inspect looks.
PLACES = ("local", "events_logger")
_DEFAULT_NS = 30 * 10**9
# Flags that only change how a check is run, whoever defined it.
_TIMES = ("health_interval", "health_timeout", "health_start_period", "health_retries")
_STARTUP_TIMES = (
    "health_startup_interval", "health_startup_timeout", "health_startup_retries", "health_startup_success",
)  # fmt: skip


def apply(options: Mapping[str, Any], image: Mapping[str, Any], config: ContainerConfig) -> None:
    """Put what the user and the image ask for into ``config``. `Invalid` in Podman's words."""
    if options.get("no_healthcheck"):
        for key in ("health_cmd", "health_startup_cmd"):
            if options.get(key):
                raise Invalid(f"cannot specify both --no-healthcheck and --{key.replace('_', '-')}")
        config["healthcheck"] = {"test": ["NONE"]}
    elif options.get("health_cmd"):
        config["healthcheck"] = _timed(options, {"test": command(options["health_cmd"])})
    elif image.get("Healthcheck") and image["Healthcheck"].get("Test"):
        config["healthcheck"] = _timed(options, _of_image(image["Healthcheck"]))
    if options.get("health_startup_cmd"):
        config["startup_healthcheck"] = _startup(options, {"test": command(options["health_startup_cmd"])})
    _apply_rest(options, config)


def change(options: Mapping[str, Any], config: ContainerConfig) -> None:
    """``skerry update``: put the flags that were given into the configuration of a container that exists."""
    if options.get("no_healthcheck"):
        if any(key.startswith("health_") for key in options):
            raise Invalid("cannot specify both --no-healthcheck and other HealthCheck flags")
        config["healthcheck"] = {"test": ["NONE"]}
        config.pop("startup_healthcheck", None)
        config["health_on_failure"] = "none"
    if options.get("health_cmd"):
        config["healthcheck"] = {**config.get("healthcheck", {}), "test": command(options["health_cmd"])}
    if any(key in options for key in ("health_cmd", *_TIMES)):
        if not has_check(config):
            raise Invalid("healthcheck command is not set", hint="--health-cmd")
        config["healthcheck"] = _timed(options, config["healthcheck"])
    if options.get("health_startup_cmd"):
        old = config.get("startup_healthcheck", {})
        config["startup_healthcheck"] = {**old, "test": command(options["health_startup_cmd"])}
    if any(key in options for key in ("health_startup_cmd", *_STARTUP_TIMES)):
        if not config.get("startup_healthcheck"):
            raise Invalid("startup healthcheck command is not set", hint="--health-startup-cmd")
        config["startup_healthcheck"] = _startup(options, config["startup_healthcheck"])
    _apply_rest(options, config)


def _apply_rest(options: Mapping[str, Any], config: ContainerConfig) -> None:
    action = options.get("health_on_failure", "")
    if action:
        if action not in ACTIONS:
            raise Invalid(
                f'invalid on-failure action "{action}" for health check: supported actions are {",".join(ACTIONS)}'
            )
        config["health_on_failure"] = action
    action = config.get("health_on_failure", "none")
    if action != "none" and not has_check(config):
        raise Invalid(f"cannot set on-failure action to {action} without a health check")
    if config.get("startup_healthcheck") and not has_check(config):
        raise Invalid("cannot use a startup health check without a health check", hint="--health-cmd")
    if options.get("health_log_destination"):
        config["health_log_destination"] = _destination(options["health_log_destination"])
    for key in ("health_max_log_count", "health_max_log_size"):
        if key in options:
            config[key] = options[key]  # type: ignore[literal-required]


def command(text: str) -> list[str]:
    """``--health-cmd`` as Podman takes it: a JSON list, ``CMD …``, ``none``, or what a shell runs."""
    words: list[str] = []
    try:
        parsed = fastjson.loads(text)
    except Invalid:
        parsed = None
    is_list = isinstance(parsed, list) and all(isinstance(item, str) for item in parsed)
    words = parsed if is_list else text.split(" ", 1)
    if not words:
        raise Invalid("must define a healthcheck command for all healthchecks")
    kind = words[0].upper()
    if kind == "NONE":
        return ["NONE"]
    if kind == "CMD-SHELL":
        return ["CMD-SHELL", *words[1:]]
    if kind == "CMD":
        return words if is_list else text.split()
    if is_list and len(words) > 1:
        return ["CMD", *words]
    return ["CMD-SHELL", " ".join(words)]


def _of_image(given: Mapping[str, Any]) -> Healthcheck:
    """Docker's format; what it leaves out has Docker's defaults."""
    return {
        "test": list(given["Test"]),
        "interval_ns": given.get("Interval") or _DEFAULT_NS,
        "timeout_ns": given.get("Timeout") or _DEFAULT_NS,
        "start_period_ns": given.get("StartPeriod") or 0,
        "retries": given.get("Retries") or 3,
    }


def _timed(options: Mapping[str, Any], old: Healthcheck) -> Healthcheck:
    new: Healthcheck = {
        "interval_ns": _DEFAULT_NS,
        "timeout_ns": _DEFAULT_NS,
        "start_period_ns": 0,
        "retries": 3,
        **old,
    }
    if "health_interval" in options:
        new["interval_ns"] = _interval(options["health_interval"])
    if "health_timeout" in options:
        new["timeout_ns"] = _timeout(options["health_timeout"])
    if "health_start_period" in options:
        new["start_period_ns"] = _duration(options["health_start_period"], "healthcheck-start-period")
        if new["start_period_ns"] < 0:
            raise Invalid("healthcheck-start-period must be 0 seconds or greater")
    if "health_retries" in options:
        if options["health_retries"] < 1:
            raise Invalid("healthcheck-retries must be greater than 0")
        new["retries"] = options["health_retries"]
    return new


def _startup(options: Mapping[str, Any], old: Healthcheck) -> Healthcheck:
    new: Healthcheck = {"interval_ns": _DEFAULT_NS, "timeout_ns": _DEFAULT_NS, "retries": 0, "successes": 0, **old}
    if "health_startup_interval" in options:
        new["interval_ns"] = _interval(options["health_startup_interval"])
    if "health_startup_timeout" in options:
        new["timeout_ns"] = _timeout(options["health_startup_timeout"])
    new["retries"] = options.get("health_startup_retries", new["retries"])
    new["successes"] = options.get("health_startup_success", new["successes"])
    return new


def _duration(text: str, what: str) -> int:
    try:
        return _parse(text)
    except Invalid as error:
        raise Invalid(f"invalid {what}: {error.message}") from None


def _interval(text: str) -> int:
    return 0 if text == "disable" else max(0, _duration(text, "healthcheck-interval"))


def _timeout(text: str) -> int:
    nanoseconds = _duration(text, "healthcheck-timeout")
    if nanoseconds < 1:
        raise Invalid("healthcheck-timeout must be at least 1 second")
    return nanoseconds


def _destination(text: str) -> str:
    if text in PLACES:
        return text
    if not os.path.exists(text):
        raise Invalid(f"HealthCheck Log '{text}' destination error: stat {text}: no such file or directory")
    if not os.path.isdir(text):
        raise Invalid(f"HealthCheck Log '{text}' destination must be directory")
    return os.path.abspath(text)
