"""containers.conf's built-in defaults: Podman 6's. The type of a value here is the type that a file must give it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BIN = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin", "/run/current-system/sw/bin")


def _runtime(name: str) -> list[str]:
    return [f"{folder}/{name}" for folder in _BIN]


def defaults() -> dict[str, dict[str, Any]]:
    """A fresh copy, to merge the files into. An empty string or list means: not set, decide by the host."""
    return {
        "containers": _containers(),
        "engine": _engine(),
        "network": {
            "default_network": "podman",
            "default_subnet": "10.88.0.0/16",
            "default_subnet_pools": [
                {"base": "10.89.0.0/16", "size": 24},
                {"base": "10.90.0.0/15", "size": 24},
                {"base": "10.92.0.0/14", "size": 24},
                {"base": "10.96.0.0/11", "size": 24},
                {"base": "10.128.0.0/9", "size": 24},
            ],
            "default_rootless_network_cmd": "pasta",
            "rootless_port_forwarder": "rootlessport",
            "dns_bind_port": 0,
            "firewall_driver": "",
            "network_config_dir": "",
            "pasta_options": [],
            "default_host_ips": [],
        },
        "secrets": {"driver": "file", "opts": {}},
    }


def _containers() -> dict[str, Any]:
    return {
        "annotations": [],
        "apparmor_profile": "",
        "base_hosts_file": "",
        "cgroup_conf": [],
        "cgroupns": "",
        "cgroups": "enabled",
        "container_name_as_hostname": False,
        "default_capabilities": [
            "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
            "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
        ],
        "default_sysctls": ["net.ipv4.ping_group_range=0 0"],
        "default_ulimits": [],
        "devices": [],
        "dns_options": [],
        "dns_searches": [],
        "dns_servers": [],
        "env": [_PATH],
        "env_host": False,
        "host_containers_internal_ip": "",
        "http_proxy": True,
        "init": False,
        "init_path": "",
        "interface_name": "",
        "ipcns": "shareable",
        "keyring": True,
        "label": True,
        "log_driver": "",
        "log_path": "",
        "log_size_max": -1,
        "log_tag": "",
        "mounts": [],
        "netns": "private",
        "no_hosts": False,
        "oom_score_adj": 0,
        "pidns": "private",
        "pids_limit": 2048,
        "prepare_volume_on_create": False,
        "privileged": False,
        "read_only": False,
        "seccomp_profile": "",
        "shm_size": "65536k",
        "tz": "",
        "umask": "0022",
        "userns": "",
        "utsns": "private",
        "volumes": [],
    }  # fmt: skip


def _engine() -> dict[str, Any]:
    return {
        "add_compression": [],
        "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
        "cgroup_manager": "",
        "compression_format": "gzip",
        "compression_level": 0,
        "conmon_env_vars": [_PATH],
        "conmon_path": [
            "/usr/libexec/podman/conmon", "/usr/local/libexec/podman/conmon", "/usr/local/lib/podman/conmon",
            "/usr/bin/conmon", "/usr/sbin/conmon", "/usr/local/bin/conmon", "/usr/local/sbin/conmon",
            "/run/current-system/sw/bin/conmon",
        ],
        "detach_keys": "ctrl-p,ctrl-q",
        "enable_port_reservation": True,
        "force_port_listen": False,
        "env": [],
        "events_container_create_inspect_data": False,
        "events_logfile_max_size": "1m",
        "events_logfile_path": "",
        "events_logger": "",
        "exit_command_delay": 300,
        "healthcheck_events": True,
        "helper_binaries_dir": [
            "/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman",
        ],
        "hooks_dir": ["/usr/share/containers/oci/hooks.d"],
        "image_copy_tmp_dir": "",
        "image_default_format": "",
        "image_default_transport": "docker://",
        "image_parallel_copies": 0,
        "image_volume_mode": "anonymous",
        "infra_command": "",
        "infra_image": "",
        "multi_image_archive": False,
        "network_cmd_path": "",
        "no_pivot_root": False,
        "platform_to_oci_runtime": {"wasi/wasm": "crun-wasm", "wasi/wasm32": "crun-wasm", "wasi/wasm64": "crun-wasm"},
        "pod_exit_policy": "continue",
        "pull_policy": "missing",
        "remote": False,
        "retry": 3,
        "retry_delay": "",
        "runtime": "",
        "runtimes": {
            "crun": _runtime("crun"),
            "runc": [*_runtime("runc"), "/usr/lib/cri-o-runc/sbin/runc"],
            "crun-wasm": _runtime("crun-wasm"),
            "crun-vm": _runtime("crun-vm"),
            "krun": _runtime("krun"),
            "kata": [*_runtime("kata-runtime"), "/usr/bin/kata-qemu", "/usr/bin/kata-fc"],
            "runsc": _runtime("runsc"),
            "youki": _runtime("youki"),
        },
        "runtimes_flags": {},
        "service_timeout": 5,
        "stop_timeout": 10,
        "volume_plugin_timeout": 5,
        "volume_plugins": {},
    }  # fmt: skip
