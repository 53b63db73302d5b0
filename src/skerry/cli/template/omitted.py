"""Fields that are not in the JSON of ``inspect`` while they are empty, but in Podman's data: a template prints their zero
value, and ``{{if .State.Health}}`` is no mistake for a container without a health check.
"""

from __future__ import annotations

from skerry.cli.template.moments import Duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A section is known by a field that it always has.
_SECTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("OciVersion", {  # .State
        "Health": None, "Healthcheck": None, "ConmonPid": 0, "CgroupPath": "", "StoppedByUser": False,
        "Checkpointed": False, "CheckpointLog": "", "CheckpointPath": "", "Restored": False, "RestoreLog": "",
    }),
    ("HealthLogDestination", {  # .Config
        "Healthcheck": None, "StartupHealthCheck": None, "ExposedPorts": {}, "Secrets": [], "ChrootDirs": [],
        "Timezone": "", "SystemdMode": False, "SdNotifySocket": "",
    }),
    ("CgroupMode", {"Init": False, "IDMappings": None, "IntelRdtClosID": ""}),  # .HostConfig
    ("SandboxKey", {  # .NetworkSettings
        "Networks": {}, "SecondaryIPAddresses": [], "SecondaryIPv6Addresses": [], "AdditionalMacAddresses": [],
    }),
    ("NetworkID", {  # each of .NetworkSettings.Networks
        "SecondaryIPAddresses": [], "SecondaryIPv6Addresses": [], "AdditionalMacAddresses": [], "Aliases": [],
    }),
    ("cgroupManager", {"EmulatedArchitectures": [], "RuntimeInfo": {}}),  # .Host of info
    ("distribution", {"Variant": "", "Codename": ""}),  # .Host.Distribution of info
    ("Propagation", {"Name": "", "SubPath": ""}),  # each of .Mounts
    ("Test", {  # .Config.Healthcheck, .Config.StartupHealthCheck
        "Interval": Duration(0), "Timeout": Duration(0), "StartPeriod": Duration(0), "StartInterval": Duration(0),
        "Retries": 0, "Successes": 0,
    }),
    ("NamesHistory", {"HealthCheck": None}),  # an image
    ("ConmonPidFile", {"SizeRw": None, "SizeRootFs": 0}),  # the container itself
)  # fmt: skip


def zero(value: dict[str, Any], name: str, otherwise: Any) -> Any:
    """What the field ``name`` is, if it is one that this section leaves out while it is empty; else ``otherwise``."""
    for mark, zeros in _SECTIONS:
        if mark in value and name in zeros:
            return zeros[name]
    return otherwise
