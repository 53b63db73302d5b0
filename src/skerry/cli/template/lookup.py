"""``.Name`` of a value: Go's field names over Skerry's dictionaries.

The keys are those of Podman's JSON, which are the Go names in most commands, and ``os`` or ``dns_enabled`` in some, where
users still write ``.OS`` and ``.DNSEnabled``. So: exactly, or else in another case and without underscores; but a user's
own map (labels, options, networks by name) only exactly.
"""

from __future__ import annotations

from skerry.cli.template.errors import ValueProblem
from skerry.cli.template.moments import Check, Moment, typed
from skerry.cli.template.values import NO_VALUE, Map, NilMap, NilSlice, force, is_struct, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Fields whose value is a map: a missing key is no mistake there.
MAPS = (
    "Labels", "Annotations", "Options", "Sysctls", "Networks", "Ports", "PortBindings", "ExposedPorts", "Volumes",
    "Tmpfs", "Data", "StorageOpt", "LogOpts", "DriverOpts", "GraphOptions", "GraphStatus",
)  # fmt: skip
# Fields of `info` whose JSON has small letters, and are structs all the same.
_STRUCTS = frozenset((
    "Host", "Store", "Plugins", "Version", "Distribution", "OCIRuntime", "Conmon", "Security", "CPUUtilization",
    "CpuUtilization", "NetworkBackendInfo", "Pasta", "ContainerStore", "ImageStore", "RemoteSocket", "DNS",
))  # fmt: skip
_LISTS = frozenset(("Entrypoint", "Cmd", "OnBuild", "Env", "Args", "EffectiveCaps", "BoundingCaps", "ExecIDs", "Binds"))
# Podman itself takes these older names.
_SYNONYMS = {
    "Src": "Source",
    "Dst": "Destination",
    "ImageID": "Image",
    "Healthcheck": "Health",
    "HealthMaxLogCount": "HealthcheckMaxLogCount",
    "HealthMaxLogSize": "HealthcheckMaxLogSize",
    # Fields of `info` that have another name in JSON.
    "CgroupsVersion": "cgroupVersion",
    "DefaultCapabilities": "capabilities",
}


def field(value: Any, name: str, parent: str | None) -> Any:
    """``value.name``; ``parent`` is the field that gave ``value``, None for the data itself."""
    if isinstance(value, dict):
        if name in value:
            return _as_its_type(name, force(value[name]), value.name if isinstance(value, Check) else parent)
        if parent in MAPS:
            return NO_VALUE
        return _missing(value, name, parent)
    if value is NO_VALUE:
        return NO_VALUE
    if isinstance(value, Moment) and name == "Unix":
        return value.unix()
    if value is None:
        raise ValueProblem(f"nil pointer evaluating interface {{}}.{name}")
    raise ValueProblem(f"can't evaluate field {name} in type {type_name(value)}")


def _as_its_type(name: str, value: Any, parent: str | None) -> Any:
    if value is None:
        return NilSlice() if name in _LISTS else NilMap() if name in MAPS else None
    if name in MAPS and isinstance(value, dict):
        return Map(value)
    return typed(name, value, parent)


def _missing(value: dict[str, Any], name: str, parent: str | None) -> Any:
    wanted = name.replace("_", "").lower()
    for key in value:
        if isinstance(key, str) and key.replace("_", "").lower() == wanted:
            return force(value[key])
    other = _SYNONYMS.get(name)
    if other in value:
        return force(value[other])
    from skerry.cli.template.omitted import zero

    empty = zero(value, name, NO_VALUE)
    if empty is not NO_VALUE:
        return empty
    if parent is None or parent in _STRUCTS or is_struct(value):
        raise ValueProblem(f"can't evaluate field {name} in type {type_name(value)}{_nearest(value, name)}")
    return NO_VALUE


def _nearest(value: dict[str, Any], name: str) -> str:
    from skerry.cli.suggest import nearest

    found = nearest(name, [key for key in value if isinstance(key, str)])
    return f" (did you mean .{found[0]}?)" if found else ""
